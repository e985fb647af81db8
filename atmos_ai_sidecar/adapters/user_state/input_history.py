import contextlib
import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from atmos_ai_sidecar.adapters.user_state.json_file import JsonFile
from atmos_ai_sidecar.adapters.user_state.state_directory import project_folder, unavailable

KEPT = 500
KEPT_CHARACTERS = 8192
"""Of one entry: a longer one was pasted and is not typed again."""
_READ_BYTES = 4 << 20
_SHORTENED_BYTES = 1 << 20
"""From here on the file loses its older half."""
_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class InputHistoryFile:
    """The ``InputHistory`` of one project: ``history.jsonl`` in the user's state directory, one text a line."""

    def __init__(self, state: Path, project: str, *, redact: Callable[[str], str]) -> None:
        self.path = project_folder(state, project) / "history.jsonl"
        self._lock = JsonFile(self.path, state)
        self._redact = redact

    def load(self) -> Sequence[str]:
        """The newest entries; see ``InputHistory``. Lines that are not ours are left out."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | _OPEN)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise unavailable(self.path, error) from error
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()
            lines = stream.read(_READ_BYTES).splitlines() if is_ours else []
        newest = dict.fromkeys(text for line in reversed(lines) if (text := _text(line)))
        return [*newest][:KEPT][::-1]

    def add(self, text: str) -> None:
        """Keeps a text; see ``InputHistory``."""
        if len(text) > KEPT_CHARACTERS:
            return
        line = json.dumps(self._redact(text)).encode() + b"\n"
        with self._lock.locked():
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _OPEN, 0o600)
                with os.fdopen(descriptor, "ab") as stream:
                    os.fchmod(descriptor, 0o600)
                    stream.write(line)
                    size = stream.tell()
                if size > _SHORTENED_BYTES:
                    self._shorten()
            except OSError as error:
                raise unavailable(self.path, error) from error

    def _shorten(self) -> None:
        """Drops what is too old to be loaded; whoever reads meanwhile sees the old file or the new one."""
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        lines = [json.dumps(text).encode() + b"\n" for text in self.load()]
        while sum(map(len, lines)) > _SHORTENED_BYTES // 2:
            lines = lines[len(lines) // 8 + 1 :]
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.writelines(lines)
        temporary.replace(self.path)


def _text(line: bytes) -> str:
    try:
        text = json.loads(line)
    except ValueError:
        return ""
    return text if isinstance(text, str) else ""
