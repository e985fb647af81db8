"""What a call depends on besides its input: an approval holds only as long as none of it changes."""

import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.domain.requests import digest
from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_WORD = re.compile(r"[^\s'\"`;|&<>(){}=,]+")
_MAX_WORDS = 300
_MAX_BYTES = 8 << 20
"""A larger file counts by its size and times."""
_PROGRAMS = ("atmos", "terraform", "tofu")
"""What Atmos' tools run without naming it."""
_SETTINGS = (".atmos.d", "atmos.d", ".atmos/ai.settings.local.json")
"""What may come to be part of the configuration without having been read."""
_CREDENTIALS = re.compile(
    r"(?:AWS|ARM|AZURE|GOOGLE|GCP|CLOUDSDK|VAULT|KUBE|TF|TOFU|ATMOS|SSH|GITHUB|GIT)_?.*|.*(?:TOKEN|SECRET|PASSWORD).*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Of the calls of one workspace."""

    directory: Path
    environment: Mapping[str, str]
    files: Mapping[str, str]
    """The files of the configuration, relative to the directory where they are below."""
    salt: str = field(default_factory=lambda: secrets.token_hex(16))
    """Nobody can guess a credential from a digest; it is the same for as long as the process lives."""

    def digest_of(self, tool: Tool, values: Mapping[str, Any]) -> str:
        """Stands for configuration, directory, the files and programs that the call names, and credentials."""
        return digest(self.salt, *self._parts(tool, values))

    def _parts(self, tool: Tool, values: Mapping[str, Any]) -> Iterator[str]:
        yield _identity(self.directory)
        for name in sorted({*self.files, *_SETTINGS}):
            yield name
            yield _content(self.directory / name)
        for name in sorted(self.environment):
            if _CREDENTIALS.fullmatch(name):
                yield name
                yield self.environment[name]
        programs = _PROGRAMS if tool.source == "atmos" else ()
        for word in sorted({*programs, *_words(values)}):
            yield word
            yield _content(self.directory / word)
            yield self._program(word)

    def _program(self, word: str) -> str:
        """The program that the word would start, if it is one."""
        if "\0" in word or "/" in word:
            return ""
        found = shutil.which(word, path=self.environment.get("PATH", ""))
        return f"{found} {_identity(Path(found))}" if found else ""


def _words(value: Any) -> Iterator[str]:
    """Everything in an input that may name a file or a program."""
    found = sorted(set(_texts(value)))
    words = (word for text in found for word in (text, *_WORD.findall(text[:20_000])))
    for _, word in zip(range(_MAX_WORDS), words, strict=False):
        yield word


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _content(path: Path) -> str:
    """Stands for the content of a file, or for the names in a folder; empty for what is neither."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return f"{_identity(path)} {status.st_mtime_ns}"
        if not stat.S_ISREG(status.st_mode):
            return ""
        if status.st_size > _MAX_BYTES:
            return f"{_identity(path)} {status.st_size} {status.st_mtime_ns}"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ""


def _identity(path: Path) -> str:
    """Which file or folder a path leads to; a program that was replaced is another one."""
    try:
        resolved = os.path.realpath(path)
        status = os.stat(resolved)  # noqa: PTH116 - the same string that is reported
    except (OSError, ValueError):
        return ""
    changed = f" {status.st_size} {status.st_mtime_ns}" if stat.S_ISREG(status.st_mode) else ""
    return f"{resolved} {status.st_dev} {status.st_ino}{changed}"
