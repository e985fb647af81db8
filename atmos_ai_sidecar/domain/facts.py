"""Facts of a conversation, taken from its stored tool calls and results and not from a model's memory."""

from collections.abc import Iterable, Mapping, Sequence

from atmos_ai_sidecar.domain.messages import Message, ToolCall
from atmos_ai_sidecar.domain.requests import canonical_json
from atmos_ai_sidecar.domain.tools import Result

_NEWEST = 40
_LONGEST_CHARACTERS = 200
_KEYS: Mapping[str, Sequence[str]] = {
    "Stacks": ("stack", "stacks"),
    "Components": ("component", "components"),
    "Files": ("path", "file", "working_dir"),
}
_DENIED = {"TOOL_EXECUTION_DENIED", "UNATTENDED"}


def facts_of(messages: Sequence[Message]) -> str:
    """One block of text: names, files, decisions and errors, the newest of each kind; empty when there are none."""
    results = {result.tool_call_id: result.result for message in messages for result in message.tool_results}
    calls = [call for message in messages for call in message.tool_calls]
    lines = [f"- {title}: {', '.join(found)}" for title, keys in _KEYS.items() if (found := _values(calls, keys))]
    done = [(call, results[call.id]) for call in calls if call.id in results]
    lines += _listed("Decided against", (_shown(call) for call, result in done if result.reason in _DENIED))
    failed = [(call, result) for call, result in done if not result.success and result.reason not in _DENIED]
    lines += _listed("Failed", (f"{_shown(call)}: {_error(result)}" for call, result in failed))
    return "\n".join(["Facts from the record of its tool calls:", *lines]) if lines else ""


def _values(calls: Sequence[ToolCall], keys: Sequence[str]) -> Sequence[str]:
    found: list[str] = []
    for call in calls:
        for key in keys:
            value = call.input.get(key)
            items = value if isinstance(value, list) else [value]
            found += [item for item in items if isinstance(item, str) and item]
    return _newest(found)


def _listed(title: str, lines: Iterable[str]) -> list[str]:
    newest = _newest(lines)
    return [f"- {title}:", *(f"  - {line}" for line in newest)] if newest else []


def _newest(items: Iterable[str]) -> Sequence[str]:
    """Each once, in the order in which they last came, the newest of them."""
    last = dict.fromkeys(reversed([item[:_LONGEST_CHARACTERS] for item in items]))
    return list(last)[:_NEWEST][::-1]


def _shown(call: ToolCall) -> str:
    return f"{call.name} {canonical_json(call.input)}"[:_LONGEST_CHARACTERS]


def _error(result: Result) -> str:
    return (result.error or result.output).strip().partition("\n")[0]
