import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.messages import Message
from atmos_ai_sidecar.errors import InvalidFieldError, SidecarError, ToolNotFoundError
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.permissions.documents import json_object
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.palette import visible

_ALLOWED, _ASKED, _DENIED = "allow", "ask", "deny"
_REASONS = {"TOOL_EXECUTION_DENIED": _DENIED, "UNATTENDED": _ASKED}


@click.command("test", cls=Command)
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--replay", "session", default="", metavar="SESSION", help="Decide the calls of a session again.")
@format_option("text", "json")
@click.pass_obj
async def test_rules(context: CommandContext, file: str | None, *, session: str, output_format: str) -> int:
    """Try today's rules on cases, or on the calls of a session; nothing is run.

    FILE has one case a line: {"tool": …, "input": {…}, "decision": "allow|ask|deny"}. The exit code is 1 when a case
    is decided otherwise. With --replay every call that would be decided otherwise than it was is printed.

    \b
    Example:
      atmos-ai permissions test cases.jsonl
      atmos-ai permissions test --replay vpc-refactor
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if bool(file) is bool(session):
        raise click.UsageError("Name a FILE of cases, or a session with --replay.")
    cases = None if session else list(_cases(_read(context, str(file)), str(file)))
    async with context.open_workspace() as workspace:
        if cases is None:
            found = await workspace.sessions.get_by_name(session)
            written = {
                document["tool_call_id"]: str(document["decision"])
                for row in await workspace.audit.newest(limit=_ALL, session_id=found.id)
                if (document := _audited(row.entry)) and document.get("decision")
            }
            messages = await workspace.sessions.messages(found.id)
            results = [_compared(workspace, *case, session_id=found.id) for case in _calls(messages, written)]
        else:
            results = [_compared(workspace, *case) for case in cases]
    for result in results:
        _print(context, result, as_json=output_format == "json")
    changed = sum(result["changed"] for result in results)
    context.writer.say(f"{len(results)} calls, {changed} decided otherwise.")
    return exit_codes.ERROR if changed and cases is not None else exit_codes.DONE


_ALL = 1_000_000
_Case = tuple[str, str, Mapping[str, Any], str]
"""Where it is from, the tool, the input, the decision to compare with (empty: unknown)."""


def _read(context: CommandContext, name: str) -> str:
    try:
        return context.path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{name} cannot be read: {error}.") from error


def _cases(text: str, name: str) -> Iterator[_Case]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        case = json_object(line, where)
        tool, values, decision = case.get("tool"), case.get("input", {}), case.get("decision")
        if not isinstance(tool, str) or not isinstance(values, dict) or decision not in {_ALLOWED, _ASKED, _DENIED}:
            raise click.UsageError(f'{where} is not {{"tool": …, "input": {{…}}, "decision": "allow|ask|deny"}}.')
        yield where, tool, values, decision


def _calls(messages: Sequence[Message], written: Mapping[str, str]) -> Iterator[_Case]:
    """The calls of a session, with what was decided: as the audit trail has it, else as the result tells."""
    results = {result.tool_call_id: result.result for message in messages for result in message.tool_results}
    for message in messages:
        for call in message.tool_calls:
            result = results.get(call.id)
            told = "" if result is None else _REASONS.get(result.reason, "")
            yield call.id, call.name, call.input, written.get(call.id, told)


def _audited(entry: str) -> dict[str, Any]:
    values = json.loads(entry)
    return values if isinstance(values, dict) and "tool_call_id" in values else {}


def _compared(
    workspace: Workspace, where: str, tool: str, values: Mapping[str, Any], before: str, *, session_id: str = ""
) -> dict[str, Any]:
    """A call with its decision then and now; what cannot be decided any more is an error and a change."""
    document: dict[str, Any] = {"call": where, "tool": tool, "input": dict(values), "before": before or None}
    try:
        decision = workspace.permissions.explain(tool, values, session_id=session_id)
    except (ToolNotFoundError, InvalidFieldError, SidecarError) as error:
        return {**document, "now": None, "reason": str(error), "rule": None, "changed": True}
    now = decision.kind.value
    rule = decision.rule.text + (f" ({decision.rule.file}:{decision.rule.line})" if decision.rule.file else "")
    return {
        **document,
        "now": now,
        "reason": decision.reason,
        "rule": rule,
        "changed": bool(before) and now != before,
    }


def _print(context: CommandContext, result: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        context.writer.line(json.dumps(result, ensure_ascii=False))
    elif result["changed"]:
        now = result["now"] or "no decision"
        call = f"{result['tool']} {json.dumps(result['input'], ensure_ascii=False)}"
        context.writer.line(f"{visible(result['call'])}: {visible(call)}")
        context.writer.line(f"  {result['before'] or 'unknown'} → {now}: {visible(result['reason'])}")
        if result["rule"]:
            context.writer.line(f"  rule: {visible(result['rule'])}")
