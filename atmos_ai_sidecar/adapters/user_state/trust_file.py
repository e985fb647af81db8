from datetime import datetime
from pathlib import Path

from atmos_ai_sidecar.adapters.user_state.json_file import JsonFile
from atmos_ai_sidecar.adapters.user_state.state_directory import project_folder
from atmos_ai_sidecar.domain.trust import TrustRecord


class TrustFile:
    """The ``TrustStore``: ``trust.json`` per project in the user's state directory."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def path(self, directory: str) -> Path:
        """Where trust in a project is kept."""
        return project_folder(self._state, directory) / "trust.json"

    def load(self, directory: str) -> TrustRecord | None:
        """What was trusted in that directory; None when nothing was.

        Raises:
            StorageCorruptError: The file is not ours or broken; it is left alone.
            StorageUnavailableError: It cannot be read.
        """
        file = JsonFile(self.path(directory), self._state)
        values = file.read()
        if values is None:
            return None
        try:
            if values["project"] != directory:
                raise file.corrupt(f"it belongs to {values['project']!r}")
            return TrustRecord(
                directory=directory,
                digest=str(values["digest"]),
                files={str(name): str(sha256) for name, sha256 in values["files"].items()},
                claims=tuple(str(claim) for claim in values["claims"]),
                trust_time=datetime.fromisoformat(values["trust_time"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise file.corrupt("it is not as this program writes it") from error

    def save(self, record: TrustRecord) -> None:
        """Remembers trust durably, in place of what was trusted there before.

        Raises:
            StorageCorruptError: The file is not ours or broken; nothing is remembered.
            StorageUnavailableError: It cannot be written.
        """
        file = JsonFile(self.path(record.directory), self._state)
        with file.locked():
            self.load(record.directory)
            file.write(
                {
                    "project": record.directory,
                    "digest": record.digest,
                    "files": dict(record.files),
                    "claims": list(record.claims),
                    "trust_time": record.trust_time.isoformat(),
                }
            )
