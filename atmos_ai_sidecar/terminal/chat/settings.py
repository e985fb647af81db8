"""How a chat was asked for."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.workspace import RunOptions
from atmos_ai_sidecar.lazy_dataclasses import dataclass

if TYPE_CHECKING:
    from atmos_ai_sidecar.terminal.commands.context import CommandContext


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    context: "CommandContext"
    session: str = ""
    continues: bool = False
    notice: str = ""
    """A line that stands first."""
    hints: Sequence[str] = ()
    """First prompts that are worth trying."""
    can_resume: bool = False
    """Another sidecar may take this chat over when this one dies."""


def runs_on_screen(console: Console, options: RunOptions) -> bool:
    """Whether the terminal can move its cursor and the user wants that."""
    is_terminal = console.stdin_is_terminal and console.stdout_is_terminal
    return is_terminal and not options.plain and console.environment.get("TERM", "") not in {"", "dumb"}


def resume_token(session: str, options: RunOptions) -> str:
    """What another sidecar needs to go on with a chat: its session, and the flags of this run."""
    switches = {
        "--yolo": options.yolo,
        "--read-only": options.read_only,
        "--trust-project": options.trust_project,
        "--debug": options.debug,
        "--no-color": options.no_color,
        "--plain": options.plain,
    }
    values = {"--model": options.model, "--provider": options.provider}
    flags = [
        *(name for name, is_on in switches.items() if is_on),
        *(f"{name}={value}" for name, value in values.items() if value),
        *options.atmos_flags,
    ]
    return json.dumps({"command": "chat", "session": session, "flags": flags}, separators=(",", ":"))
