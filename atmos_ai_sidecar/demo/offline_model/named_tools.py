"""The rule for a tool that a question names, such as `Use the tool ticket with key NET-7.`: any tool on offer. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

from atmos_ai_sidecar.demo.offline_model.conversation import Conversation, Outcome
from atmos_ai_sidecar.demo.offline_model.replies import Reply
from atmos_ai_sidecar.demo.offline_model.speech import Call, ask, quote, results, say, trouble

_NAME = r"[`'\"]?([\w-]+)[`'\"]?"
_NAMING = re.compile(rf"\btool\s+{_NAME}|\b(?:use|call|invoke|ask)\s+(?:the\s+)?(?:tool\s+)?{_NAME}", re.IGNORECASE)
_VALUE = r"(?:\s*[=:]\s*|\s+(?:is\s+|of\s+|to\s+)?)(\"[^\"]*\"|'[^']*'|\[.*?\]|\{.*?\}|[^\s,;]+)"
_SMALL = frozenset({"with", "for", "on", "about", "and", "please", "now", "the", "tool", "to", "of"})


def answer(talk: Conversation) -> Reply | None:
    """Calls the tool that the last question names, and says what it returned; None when it names none."""
    question = talk.questions[-1] if talk.questions else ""
    used = {one.tool: one for one in talk.outcomes}
    match = next((found for found in _NAMING.finditer(question) if _name(found) in {*talk.inputs, *used}), None)
    if match is None:
        return None
    tool = _name(match)
    if tool in used and tool not in talk.inputs:  # who runs it went away
        return _told(used[tool])
    return _call(tool, question[match.end() :].strip().rstrip(".?!"), talk)


def _call(tool: str, rest: str, talk: Conversation) -> Reply:
    schema = talk.inputs[tool]
    values = _values(rest, schema)
    missing = [name for name in schema.get("required", ()) if name not in values]
    if missing:
        return say(f"`{tool}` needs {' and '.join(f'`{name}`' for name in missing)}. Say it as `{missing[0]}=VALUE`.")
    call: Call = (tool, values)
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    return _told(outcome)


def _told(outcome: Outcome) -> Reply:
    if outcome.is_error:
        return trouble(outcome, f"use `{outcome.tool}`")
    return say(f"`{outcome.tool}` answered:\n\n{quote(outcome.output)}")


def _name(match: re.Match[str]) -> str:
    return match.group(1) or match.group(2)


def _values(text: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that the text gives; a tool with one required field takes the first word that means something."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    found = {name: re.search(rf"\b{re.escape(name)}\b{_VALUE}", text, re.IGNORECASE) for name in properties}
    values = {name: _typed(match.group(1), properties[name]) for name, match in found.items() if match}
    required = schema.get("required", ())
    words = [word.rstrip(",;") for word in text.split() if word.lower() not in _SMALL]
    if not values and len(required) == 1 and words:
        values[required[0]] = _typed(words[0], properties.get(required[0], {}))
    return values


def _typed(text: str, field: Any) -> Any:
    """A value as its field wants it: text stays text, anything else is read as JSON where it is JSON."""
    unquoted = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
    if not isinstance(field, Mapping) or field.get("type", "string") == "string":
        return unquoted
    try:
        return json.loads(unquoted)
    except ValueError:
        return unquoted
