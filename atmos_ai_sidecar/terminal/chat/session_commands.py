"""What a slash command does with the session that one is in, and with others."""

import asyncio
from pathlib import Path

from atmos_ai_sidecar.application.archive import ExportFormat
from atmos_ai_sidecar.domain.questions import sanitised
from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.terminal.chat.conversation import Conversation
from atmos_ai_sidecar.terminal.chat.view import View
from atmos_ai_sidecar.terminal.files import write_private
from atmos_ai_sidecar.terminal.render.costs import cost_text
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.render.tables import age, table

_LISTED = 20
_OVERWRITE = " --overwrite"
_FORMATS = {".md": ExportFormat.MARKDOWN, ".json": ExportFormat.JSON, ".yaml": ExportFormat.YAML}


async def sessions(conversation: Conversation, view: View, argument: str) -> None:
    """Goes on with a session, or lists them."""
    if argument:
        async with view.waiting("loading the session"):
            await conversation.switch(argument)
            await view.show_session()
    elif not view.pick_session():
        await _list(conversation, view)


async def _list(conversation: Conversation, view: View) -> None:
    page = await conversation.workspace.sessions.list(limit=_LISTED)
    now = view.clock.now()
    rows = [
        (
            "*" if session.id == conversation.session.id else "",
            session.name,
            age(now, session.update_time),
            str(session.message_count),
        )
        for session in page.sessions
    ]
    for line in table(("", "NAME", "CHANGED", "MESSAGES"), rows, view.palette):
        view.say(line)
    view.say("/sessions NAME goes on with one of them.")


async def new(conversation: Conversation, view: View, argument: str) -> None:
    """Starts a session."""
    await conversation.start_new(argument)
    await view.show_session()


async def rename(conversation: Conversation, view: View, argument: str) -> None:
    """Renames the session."""
    if not argument:
        raise InvalidFieldError("name", "is missing", remedy="Type /rename NAME.")
    await conversation.rename(argument)
    view.say(f"This session is called {sanitised(conversation.session.name)} now.")


async def compact(conversation: Conversation, view: View, argument: str) -> None:
    """Makes the beginning of the session shorter for the model."""
    async with view.waiting("summarising the conversation"):
        notices = await conversation.compact(argument)
    for notice in notices:
        view.say(visible(notice.message))
    if not notices:
        view.say("There is nothing to summarise yet.")


async def context(conversation: Conversation, view: View, _argument: str) -> None:
    """Tells what fills the model's window."""
    use = await conversation.context()
    parts = [
        ("System prompt", use.system),
        ("Tools", use.tools),
        ("Summary", use.summary),
        ("Tool outputs", use.tool_outputs),
        ("What was said", use.messages - use.summary - use.tool_outputs),
    ]
    rows = [(name, f"{tokens:,}", f"{tokens / use.window:.0%}") for name, tokens in parts]
    for line in table(("ABOUT", "TOKENS", "OF THE WINDOW"), rows, view.palette):
        view.say(line)
    view.say(f"{use.total:,} of {use.window:,} tokens; from {use.limit:,} on the beginning is made shorter.")


async def usage(conversation: Conversation, view: View, _argument: str) -> None:
    """Tells what the session used and cost."""
    spent = await conversation.spent()
    used = spent.usage
    rows = [
        ("Sent", f"{used.input_tokens:,}"),
        ("Sent, read from the provider's cache", f"{used.cache_read_input_tokens:,}"),
        ("Sent, written to the provider's cache", f"{used.cache_creation_input_tokens:,}"),
        ("Answered", f"{used.output_tokens:,}"),
        ("All", f"{used.total_tokens:,}"),
    ]
    for line in table(("TOKENS OF THIS SESSION", ""), rows, view.palette):
        view.say(line)
    cost = cost_text(used)
    unknown = " (no price of a model is known; set it in ai.prices)" if used.known_cost_usd is None else ""
    view.say(f"Model requests: {spent.steps}. Cost: {cost.removeprefix('cost ')}{unknown}.")


async def export(conversation: Conversation, view: View, argument: str) -> None:
    """Writes the session to a file."""
    is_replacing = f" {argument}".endswith(_OVERWRITE)
    name = f" {argument}".removesuffix(_OVERWRITE).strip() if is_replacing else argument
    path = Path(conversation.workspace.run.directory, name or f"{conversation.session.name}.md")
    form = _FORMATS.get(path.suffix.lower().replace(".yml", ".yaml").replace(".markdown", ".md"))
    if form is None:
        raise InvalidFieldError(
            "file", f"{visible(name)!r} is no .md, .json or .yaml file", remedy="Type /export NAME.md, .json or .yaml."
        )
    async with view.waiting("exporting"):
        text = await conversation.workspace.archive.export(conversation.session.id, form)
        await asyncio.to_thread(write_private, path, text, overwrite=is_replacing)
    view.say(f"Exported this session to {visible(str(path))} as {form.value}.")
