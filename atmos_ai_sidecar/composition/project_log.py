"""Writes the log of the project that this process serves."""

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atmos_ai_sidecar.adapters.log_file import LogFile, LogFormatter
from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.domain.redaction import Redactor, secret_values

if TYPE_CHECKING:
    from atmos_ai_sidecar.application.workspace import Run, RunOptions

OURS = "atmos_ai_sidecar"
IGNORED = "sessions/\nlogs/\nai.settings.local.json\n"
"""What git shall not see of `.atmos`."""


def log_folder(config: Config) -> Path:
    """Where the project's log lies."""
    return config.directory / ".atmos" / "logs"


class ProjectLog:
    """`.atmos/logs/sidecar.log` beside atmos.yaml.

    It says which commands and tools ran and what failed, at most the kind of an error. What errors say, which may
    quote a conversation, is written with `--debug` or `ATMOS_AI_LOG_LEVEL=debug` only. Secrets are never written.
    """

    def __init__(self) -> None:
        self._formatter = LogFormatter()
        self._handler: LogFile | None = None

    @property
    def path(self) -> str:
        """The file that is written, or nothing."""
        return self._handler.baseFilename if self._handler else ""

    def open(self, config: Config, run: "Run", options: "RunOptions") -> None:
        """Writes on for a run. A project that stores nothing gets a log only when a detailed one is asked for."""
        is_detailed = options.debug or run.environment.get("ATMOS_AI_LOG_LEVEL", "").lower() == "debug"
        if config.sessions.enabled or is_detailed:
            self._write_to(log_folder(config) / "sidecar.log")
        self._formatter.is_detailed = is_detailed
        self._formatter.redact = Redactor(_secrets(config, run.environment)).redact
        logging.getLogger(OURS).setLevel(logging.DEBUG if is_detailed else logging.INFO)

    def close(self) -> None:
        """Writes no more."""
        if self._handler is not None:
            logging.getLogger(OURS).removeHandler(self._handler)
            logging.getLogger(OURS).setLevel(logging.NOTSET)
            self._handler.close()
            self._handler = None

    def _write_to(self, path: Path) -> None:
        if self.path == str(path):
            return
        self.close()
        self._handler = LogFile(path)
        self._handler.setFormatter(self._formatter)
        logging.getLogger(OURS).addHandler(self._handler)


def ignore_in_git(directory: Path) -> None:
    """Keeps what we store in a project's `.atmos` out of git, unless a file there says otherwise already."""
    with contextlib.suppress(OSError):  # it is a courtesy: nothing depends on it
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(directory / ".atmos" / ".gitignore", flags, 0o644), "w", encoding="utf-8") as file:
            file.write(IGNORED)


def _secrets(config: Config, environment: Mapping[str, str]) -> Sequence[str]:
    keys = [provider.api_key for provider in config.providers.values() if provider.api_key]
    return (*secret_values(environment), *keys)
