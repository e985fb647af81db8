"""A conversation in the pieces that are shown: what was said, and what tools came to."""

from collections.abc import Callable, Iterator, Sequence

from atmos_ai_sidecar.application.workspace import WorkspaceDescription
from atmos_ai_sidecar.domain.messages import Message, Role, Text, ToolCall, ToolResult
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.render.outputs import language_of
from atmos_ai_sidecar.terminal.render.palette import Palette, visible


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSaid:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantSaid:
    markdown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRan:
    title: str
    result: Result
    language: str = ""
    """Of the output; empty when it is plain text."""


Entry = UserSaid | AssistantSaid | ToolRan


def entries(messages: Sequence[Message], title: Callable[[ToolCall], str]) -> Iterator[Entry]:
    """The stored conversation in the order in which it was shown."""
    calls: dict[str, ToolCall] = {}
    for message in messages:
        for block in message.blocks:
            match block:
                case Text() if message.role is Role.USER:
                    yield UserSaid(text=block.text)
                case Text():
                    yield AssistantSaid(markdown=block.text)
                case ToolCall():
                    calls[block.id] = block
                case ToolResult() if block.tool_call_id in calls:
                    call, result = calls[block.tool_call_id], block.result
                    yield ToolRan(title=title(call), result=result, language=language_of(call.input, result))


def _destination(endpoint: str, palette: Palette) -> str:
    if endpoint:
        return palette.dim(f"What you say, and what tools find, goes to {visible(endpoint)}")
    return palette.yellow("No model can be asked yet; the first message says what is missing.")


def _short(path: str, home: str) -> str:
    """The path as people write it, from their home on."""
    return f"~{path[len(home) :]}" if home.startswith("/") and path.startswith(f"{home.rstrip('/')}/") else path


def header(
    description: WorkspaceDescription,
    session: Session,
    palette: Palette,
    *,
    version: str,
    is_new: bool,
    model: str,
    home: str = "",
) -> list[str]:
    """The lines that stand above a chat: where it is, what it talks to, and what may happen."""
    count = session.message_count
    state = "new" if is_new else f"resumed, {count} message{'' if count == 1 else 's'}"
    mode = description.permission_mode
    shown_mode = palette.alarm("YOLO: nothing asks") if mode == "yolo" else mode
    lines = [
        f"{palette.bold('Atmos AI')} {version} · {visible(_short(description.project_path, home))}",
        f"session {palette.cyan(visible(session.name))} ({state}) · {visible(model)} · permissions: {shown_mode}",
        _destination(description.endpoint, palette),
    ]
    if description.storage_problem:
        lines.append(palette.alarm(visible(f"NOT STORED. {description.storage_problem}")))
    elif description.is_ephemeral:
        lines.append(palette.yellow("Sessions are switched off: nothing of this is stored."))
    if description.saves_on_request:
        lines.append(palette.yellow("Nothing of this is stored until you type /save."))
    return [*lines, *(palette.yellow(visible(warning)) for warning in description.warnings)]
