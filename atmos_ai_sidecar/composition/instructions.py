"""What the project tells the model: words in the system prompt, which decide nothing."""

import os
from collections.abc import Sequence
from pathlib import Path

from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.domain.prompts import system_blocks
from atmos_ai_sidecar.domain.redaction import Redactor

_OTHER_INSTRUCTIONS = "AGENTS.md"
"""What the project tells any assistant; read where it has no instructions of its own for this one."""
_MAX_BYTES = 1 << 20
"""Far more than is sent; secrets are taken out before it is cut, so that none is cut in two."""


def system_prompt(config: Config, redactor: Redactor) -> Sequence[str]:
    """The system prompt with the project's instructions as they are now; a file that cannot be read says nothing.

    A file that is written as one of the project and leads out of it by a link is passed over: nobody was shown that
    what it leads to would be sent.
    """
    if not config.instructions.enabled:
        return system_blocks("", source="")
    for path in (config.instructions.file, config.directory / _OTHER_INSTRUCTIONS):
        text = _text(path, config)
        if text is not None:
            return system_blocks(redactor.redact(text), source=path.name)
    return system_blocks("", source="")


def _text(path: Path, config: Config) -> str | None:
    if not path.is_file() or _leads_out(path, config):
        return None
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return None


def _leads_out(path: Path, config: Config) -> bool:
    root = config.git_root or config.directory
    return Path(os.path.normpath(path)).is_relative_to(root) and not path.resolve().is_relative_to(root)
