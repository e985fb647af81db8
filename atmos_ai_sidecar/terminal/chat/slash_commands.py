"""What can be typed behind a slash, the same on a screen and line by line."""

import difflib
import re
from collections.abc import Awaitable, Callable, Mapping

from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.domain.questions import sanitised
from atmos_ai_sidecar.errors import InvalidFieldError, SidecarError
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.chat import session_commands
from atmos_ai_sidecar.terminal.chat.conversation import Conversation
from atmos_ai_sidecar.terminal.chat.saving import saved
from atmos_ai_sidecar.terminal.chat.view import View
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.render.tables import table

_PATTERN = re.compile(r"/((?:[A-Za-z][\w-]*)?)(?:\s+(.*))?", re.DOTALL)


Handler = Callable[[Conversation, View, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlashCommand:
    arguments: str
    help: str
    run: Handler


def is_slash_command(text: str) -> bool:
    """Whether a line is meant for us; a path such as ``/etc/hosts`` is not."""
    return _PATTERN.fullmatch(text.strip()) is not None


async def run_slash_command(conversation: Conversation, view: View, text: str) -> None:
    """Does what a line that begins with a slash says; errors are shown and never raised."""
    match = _PATTERN.fullmatch(text.strip())
    name = match[1].lower() if match else ""
    argument = (match[2] or "").strip() if match else ""
    command = COMMANDS.get(name)
    if command is None:
        nearest = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
        hint = f"Did you mean /{nearest[0]}?" if nearest else "/help lists the commands."
        view.say(f"There is no command /{name}. {hint}")
        return
    try:
        if argument and not command.arguments:
            raise InvalidFieldError(f"/{name}", "takes nothing behind it", remedy=f"Type /{name}.")
        await command.run(conversation, view, argument)
    except SidecarError as error:
        view.show_error(error)


async def _help(_conversation: Conversation, view: View, _argument: str) -> None:
    width = max(len(f"/{name} {command.arguments}") for name, command in COMMANDS.items())
    for name, command in COMMANDS.items():
        view.say(f"  {f'/{name} {command.arguments}'.ljust(width)}  {command.help}")
    view.say("")
    view.say("  Enter sends, Alt-Enter or Ctrl-J starts a new line.")
    view.say("  Up brings back what you said, Ctrl-R searches it.")
    view.say("  @ completes files, stacks and components, / commands.")
    view.say("  Esc cancels a turn. Ctrl-C twice or Ctrl-D leaves.")
    view.say("  Ctrl-O shows the last tool's output, again the one before it.")
    view.say("  Ctrl-L lists the sessions, Shift-Tab switches read-only.")


async def _clear(_conversation: Conversation, view: View, _argument: str) -> None:
    view.clear()


async def _model(conversation: Conversation, view: View, argument: str) -> None:
    if argument:
        await conversation.choose_model(argument)
    view.say(f"{'The next turn asks' if argument else 'This session asks'} {conversation.model}.")


async def _permissions(conversation: Conversation, view: View, _argument: str) -> None:
    permissions = conversation.workspace.permissions
    view.say(f"Mode: {permissions.mode}. Shift-Tab switches read-only.")
    grants = permissions.pin().grants
    view.say("Remembered answers:" if grants else "No answers are remembered in this project.")
    for grant in grants:
        view.say(f"  {visible(grant.text)}")
    view.say("`atmos-ai permissions explain TOOL NAME=VALUE…` says what would be decided for a call.")


async def _tools(conversation: Conversation, view: View, _argument: str) -> None:
    progress = Progress()
    async with view.waiting("finding the tools", progress):
        await conversation.workspace.tools.load(progress)
    rows = [
        (tool.name, tool.effect.value, "asks" if tool.requires_permission else "")
        for tool in conversation.workspace.tools.registry.list()
    ]
    for line in table(("NAME", "EFFECT", ""), rows, view.palette):
        view.say(line)


async def _undo(conversation: Conversation, view: View, argument: str) -> None:
    if argument not in {"", "rest"}:
        raise InvalidFieldError("undo", "takes nothing, or `rest`", remedy="Type /undo.")
    undone = await conversation.undo(leave_changed=argument == "rest")
    for path in undone.restored:
        view.say(f"Restored {sanitised(path)}.")
    for path in undone.removed:
        view.say(f"Removed {sanitised(path)}, which the turn had made.")
    for path, reason in undone.conflicts.items():
        view.say(f"Left {sanitised(path)} as it is: {reason}")
    if undone.conflicts and not (undone.restored or undone.removed):
        view.say("Nothing was restored. /undo rest restores the others.")
    view.say("Infrastructure is not undone." if undone.turn_id else "No turn of this session has changed a file.")


async def _doctor(_conversation: Conversation, view: View, _argument: str) -> None:
    async with view.waiting("checking that everything is in place"):
        lines = await view.examine()
    for line in lines:
        view.say(line)


async def _save(conversation: Conversation, view: View, _argument: str) -> None:
    view.say(await saved(conversation))


async def _retry(conversation: Conversation, view: View, _argument: str) -> None:
    question = await conversation.last_question()
    if question:
        view.send(question)
    else:
        view.say("Nothing was said yet.")


async def _quit(_conversation: Conversation, view: View, _argument: str) -> None:
    view.leave()


COMMANDS: Mapping[str, SlashCommand] = {
    "help": SlashCommand(arguments="", help="this list", run=_help),
    "sessions": SlashCommand(
        arguments="[NAME]", help="choose a session, or go on with one", run=session_commands.sessions
    ),
    "new": SlashCommand(arguments="[NAME]", help="start a new session", run=session_commands.new),
    "rename": SlashCommand(arguments="NAME", help="rename this session", run=session_commands.rename),
    "clear": SlashCommand(arguments="", help="empty the screen; the session stays", run=_clear),
    "export": SlashCommand(
        arguments="[FILE] [--overwrite]",
        help="write this session to a .md, .json or .yaml file",
        run=session_commands.export,
    ),
    "model": SlashCommand(arguments="[NAME]", help="show or choose the model", run=_model),
    "permissions": SlashCommand(arguments="", help="what may run, and what is remembered", run=_permissions),
    "tools": SlashCommand(arguments="", help="what the model can ask for", run=_tools),
    "context": SlashCommand(arguments="", help="what fills the model's window", run=session_commands.context),
    "usage": SlashCommand(arguments="", help="tokens and cost of this session", run=session_commands.usage),
    "compact": SlashCommand(
        arguments="[FOCUS]", help="summarise the beginning of the session", run=session_commands.compact
    ),
    "undo": SlashCommand(arguments="[rest]", help="restore the files that the last turn changed", run=_undo),
    "save": SlashCommand(arguments="", help="store this session, where nothing is stored by itself", run=_save),
    "retry": SlashCommand(arguments="", help="say the last message again", run=_retry),
    "doctor": SlashCommand(arguments="", help="check that everything is in place", run=_doctor),
    "quit": SlashCommand(arguments="", help="leave", run=_quit),
}
