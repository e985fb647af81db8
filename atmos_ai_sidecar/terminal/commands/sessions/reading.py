import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from atmos_ai_sidecar.domain.messages import Message, Role, ToolCall
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.domain.tools import Result, ToolRegistry
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.sessions.listing import session_fields
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.cards import call_title, card
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.render.tables import age

_SPEAKERS = {Role.USER: "You", Role.ASSISTANT: "Assistant"}
_LOST = Result(success=False, error="has no result")
_FORMAT = format_option("text", "json", text="How to print it.")


@click.command("show", cls=Command)
@click.argument("name")
@_FORMAT
@click.pass_obj
async def show(context: CommandContext, name: str, output_format: str) -> int:
    """Print the whole conversation of a session.

    \b
    Example:
      atmos-ai sessions show vpc-refactor | less
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        session = await workspace.sessions.get_by_name(name)
        messages = await workspace.sessions.messages(session.id)
        registry = workspace.tools.registry
    results = {result.tool_call_id: result.result for message in messages for result in message.tool_results}
    if output_format == "json":
        _write_json(context, _conversation(session, messages, results))
    elif messages:
        context.writer.write("\n".join(_pieces(context, messages, results, registry)))
    else:
        context.writer.say(f"Nothing was said in the session {session.name!r} yet.")
    return exit_codes.DONE


@click.command("search", cls=Command)
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Show so many at most.")
@_FORMAT
@click.pass_obj
async def search(context: CommandContext, words: tuple[str, ...], limit: int, output_format: str) -> int:
    """Find messages that have all the words, the newest first.

    \b
    Example:
      atmos-ai sessions search vpc cidr
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        page = await workspace.archive.search(" ".join(words), limit=limit)
    if output_format == "json":
        _write_json(
            context,
            [
                {
                    "session_id": hit.session_id,
                    "session": hit.session_name,
                    "message_id": hit.message_id,
                    "role": hit.role,
                    "created_at": hit.create_time.isoformat(),
                    "snippet": hit.snippet,
                }
                for hit in page.hits
            ],
        )
    out, now = context.writer.out, context.services.clock.now()
    for hit in page.hits if output_format == "text" else ():
        when = f" · {_SPEAKERS[hit.role]} · {age(now, hit.create_time)}"
        context.writer.line(f"{out.bold(visible(hit.session_name))}{out.dim(when)}\n    {visible(hit.snippet)}")
    if not page.hits:
        context.writer.say("No message in this project has all of these words.")
    if page.next_cursor:
        context.writer.say(f"These are the {len(page.hits)} newest; --limit shows more.")
    return exit_codes.DONE


def _pieces(
    context: CommandContext, messages: Sequence[Message], results: Mapping[str, Result], registry: ToolRegistry
) -> Iterator[str]:
    """The conversation in pieces between which an empty line stands. It is to be read, so nothing in it acts."""
    out = context.writer.out
    width = context.console.size.columns if context.console.stdout_is_terminal else 120
    speaker: tuple[str, str] | None = None
    for message in messages:
        calls = [
            card(call_title(registry, call), results.get(call.id, _LOST), out, width=width)
            for call in message.tool_calls
        ]
        said = [visible(message.text).strip("\n")] if message.text.strip() else []
        if calls:
            said.append("\n".join(calls))
        if not said:  # only results, which stand at their calls
            continue
        who = (_SPEAKERS[message.role], message.author)
        if who != speaker:
            yield _heading(context, message) + "\n"
            speaker = who
        yield from (f"{piece}\n" for piece in said)


def _heading(context: CommandContext, message: Message) -> str:
    out = context.writer.out
    details = [visible(message.author)] if message.author else []
    if message.create_time is not None:
        details.append(f"{message.create_time:%Y-%m-%d %H:%M} UTC")
    return out.bold(_SPEAKERS[message.role]) + out.dim("".join(f" · {detail}" for detail in details))


def _conversation(session: Session, messages: Sequence[Message], results: Mapping[str, Result]) -> dict[str, Any]:
    return {
        **session_fields(session),
        "messages": [
            {
                "role": message.role,
                "content": message.text,
                "created_at": _iso(message.create_time),
                "author": message.author,
                "tool_calls": [_call(call, results.get(call.id, _LOST)) for call in message.tool_calls],
            }
            for message in messages
        ],
    }


def _call(call: ToolCall, result: Result) -> dict[str, Any]:
    return {
        "tool": call.name,
        "args": dict(call.input),
        "duration_ms": round(result.duration_seconds * 1000),
        "success": result.success,
        "result": result.data if result.data is not None else result.output,
        "error": result.error,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _write_json(context: CommandContext, values: Any) -> None:
    # ASCII, because what was said may have characters that act on a terminal, and halves that have no UTF-8.
    context.writer.write(json.dumps(values, indent=2) + "\n")
