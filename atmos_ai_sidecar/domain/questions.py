"""The words of a permission question, made once for every prompter.

Whatever the model, a tool's author or a file put into a call is shown so that it cannot pass for something else:
characters that a terminal would obey or hide are spelled out, padding is counted, and only our own labels stand in
the first column. Prompters print the lines as they are.
"""

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from atmos_ai_sidecar.domain.edits import counts
from atmos_ai_sidecar.domain.grants import smallest_grant
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision, Rule
from atmos_ai_sidecar.domain.requests import Answer, Option
from atmos_ai_sidecar.domain.tools import Effect, Preview, Tool

LINE_COLUMNS = 78
"""Widest line of a question: a common terminal does not wrap it, so nothing of a value starts in the first column."""

_FIELD_COLUMNS = 800
_PREVIEW_COLUMNS = 2000
_HEAD_LINES, _TAIL_LINES = 30, 10
_LABEL_COLUMNS = 11

_EFFECTS = {
    Effect.READ: "reads",
    Effect.WRITE: "changes files",
    Effect.EXECUTE: "runs programs on this machine",
    Effect.NETWORK: "talks to other machines",
}

# Letters and symbols without ink: Hangul fillers and the empty Braille pattern.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PADDING = re.compile(" {25,}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[^\W_]+")
_LATIN = re.compile("[A-Za-z]")
_LOOK_ALIKES = ("CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN", "COPTIC", "LISU")
"""Scripts with letters that nobody can tell from Latin ones."""
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


def sanitised(text: str, *, limit: int = 200) -> str:
    r"""One line of at most ``limit`` columns that a terminal shows as it is written.

    Control characters become ``\x1b``; marks, bidirectional, invisible and unassigned ones ``<U+202E>``, and so
    do letters that pass for Latin ones within a Latin word; 25 spaces and more become ``<25 spaces>``; what does not
    fit is cut from the middle, with the length of the whole. Doing it twice changes nothing. ``limit`` is at least 60.
    """
    counted = _PADDING.sub(lambda padding: f"<{len(padding[0])} spaces>", text)
    told_apart = counted if counted.isascii() else _WORD.sub(_told_apart, counted)
    shown = "".join(map(_visible, told_apart))
    if not shown.isascii():  # what was spelled out may end in a Latin letter: \x1f and then a Greek one
        shown = _WORD.sub(_told_apart, shown)
    if columns(shown) <= limit:
        return shown
    marker = f" … ({len(text)} characters) … "
    room = limit - columns(marker)
    head = room * 2 // 3
    tail = taken(shown[::-1], room - head)
    return taken(shown, head) + marker + tail[::-1]


def columns(text: str) -> int:
    """The width of sanitised text on a terminal."""
    return len(text) if text.isascii() else sum(map(_width, text))


def taken(text: str, width: int) -> str:
    """As much of the start of sanitised text as fits into the width."""
    ends = list(accumulate(map(_width, text[: max(width, 0)])))
    return text[: bisect_right(ends, width)]


def wrapped(text: str, *, first: str, then: str) -> Iterator[str]:
    """Sanitised text in lines of at most ``LINE_COLUMNS``; ``first`` starts the first one, ``then`` the others."""
    prefix = first
    while columns(prefix) + columns(text) > LINE_COLUMNS:
        piece = taken(text, LINE_COLUMNS - columns(prefix))
        space = piece.rfind(" ", len(piece) - 20)
        if space > 0:
            piece = piece[: space + 1]
        yield (prefix + piece).rstrip()
        text, prefix = text[len(piece) :], then
    yield (prefix + text).rstrip()


def title_for(tool: Tool, call: ToolCall) -> str:
    """The tool's title with the values of the call, sanitised.

    ``?`` stands for a value that is missing; what stands in brackets is left out when one of its values is.
    """
    known = {"name", *call.input}

    def value(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        if name == "name":
            return tool.name
        found = call.input.get(name, "?")
        return found if isinstance(found, str) else _as_json(found)

    def part(optional: re.Match[str]) -> str:
        return optional[1] if known.issuperset(_PLACEHOLDER.findall(optional[1])) else ""

    return sanitised(_PLACEHOLDER.sub(value, _OPTIONAL.sub(part, tool.title)), limit=120)


def question_lines(tool: Tool, call: ToolCall, decision: Decision, preview: Preview | None = None) -> Sequence[str]:
    """The whole question, ready to print: at most ``LINE_COLUMNS`` wide, labels of ours alone in the first column.

    A preview stands for all parameters but those that name files.
    """
    return tuple(_question(tool, call, decision, preview))


def compact(lines: Sequence[str]) -> Sequence[str]:
    """The lines of a question for a narrow screen: without the column of labels, which still stand first alone."""
    return tuple(_compact(line) for line in lines)


def options_for(tool: Tool, call: ToolCall, decision: Decision) -> Sequence[Option]:
    """The ways to answer, in the order in which they are shown; "always" only when the decision lets it."""
    options = [Option(id=Answer.ALLOW_ONCE, label="Yes, this once", key="y", answer=Answer.ALLOW_ONCE)]
    if decision.can_remember:
        options.append(_remembered(tool, call, Answer.ALLOW_ALWAYS, label="Yes, always", key="a"))
    options.append(Option(id=Answer.REJECT_ONCE, label="No", key="n", answer=Answer.REJECT_ONCE))
    options.append(_remembered(tool, call, Answer.REJECT_ALWAYS, label="No, never", key="d"))
    return tuple(options)


def _remembered(tool: Tool, call: ToolCall, answer: Answer, *, label: str, key: str) -> Option:
    grant = smallest_grant(tool, call.input, allow=answer.allows)
    preview = sanitised(grant.text, limit=_PREVIEW_COLUMNS)
    return Option(id=answer, label=label, key=key, answer=answer, rule_preview=preview)


def _question(tool: Tool, call: ToolCall, decision: Decision, preview: Preview | None) -> Iterator[str]:
    demand = tool.demand(call.input)
    yield from _field("Call", title_for(tool, call))
    yield from _field("Tool", f"{tool.name}: {tool.description}")
    yield from _field("Effect", _EFFECTS[demand.effect])
    for label, parameter in (("Stack", tool.stack_parameter), ("Component", tool.component_parameter)):
        if parameter in call.input:
            yield from _field(label, _text(call.input[parameter]))
    yield from _input(tool, call, tool.path_parameters if preview else (*call.input,))
    paths = [call.input[name] for name in tool.path_parameters if name in call.input]
    if demand.target and paths and demand.target not in paths:
        yield from _field("Leads to", _text(demand.target))
    if preview:
        yield from _change(preview.text)
    yield from _field("Why", f"{decision.reason} ({_rule(decision.rule)})")
    yield from _field("Always", _always(tool, call, decision))


def _always(tool: Tool, call: ToolCall, decision: Decision) -> str:
    if not decision.can_remember:
        return "not offered, this asks every time"
    return f"would remember: {smallest_grant(tool, call.input, allow=True).text}"


def _rule(rule: Rule) -> str:
    return f"{rule.text}, {rule.file}:{rule.line}" if rule.file else rule.text


def _input(tool: Tool, call: ToolCall, shown: Sequence[str]) -> Iterator[str]:
    given = call.input.keys() & set(shown)
    known = [parameter.name for parameter in tool.parameters if parameter.name in given]
    unknown = sorted(given - set(known))
    has_own_line = {tool.stack_parameter, tool.component_parameter}
    label = "Input"
    for name in (*known, *unknown):
        if name in has_own_line:
            continue
        value = call.input[name]
        if isinstance(value, str) and "\n" in value.rstrip("\n"):
            yield from _block(label, name, value)
        else:
            yield from _field(label, f"{sanitised(name, limit=60)}: {_as_json(value)}")
        label = ""
    if not call.input:
        yield from _field(label, "none")


def _block(label: str, name: str, text: str) -> Iterator[str]:
    """A value of several lines."""
    lines = text.removesuffix("\n").split("\n")
    yield from _field(label, f"{sanitised(name, limit=60)}: {len(text)} characters in {len(lines)} lines")
    yield from _quoted(lines)


def _change(diff: str) -> Iterator[str]:
    added, removed = counts(diff)
    yield from _field("Change", f"+{added} −{removed} lines")  # noqa: RUF001 - as wide as the plus sign
    yield from _quoted(diff.split("\n") if diff else [])


def _quoted(lines: Sequence[str]) -> Iterator[str]:
    """Lines of somebody else: each one starts with ``|``, and with ``>`` where it is wrapped."""
    hidden = len(lines) - _HEAD_LINES - _TAIL_LINES
    head, tail = (lines, ()) if hidden <= 0 else (lines[:_HEAD_LINES], lines[-_TAIL_LINES:])
    indent = " " * _LABEL_COLUMNS
    for line in head:
        yield from wrapped(sanitised(line, limit=_FIELD_COLUMNS), first=f"{indent}| ", then=f"{indent}> ")
    if hidden > 0:
        yield f"{indent}… {hidden} lines are not shown here …"
    for line in tail:
        yield from wrapped(sanitised(line, limit=_FIELD_COLUMNS), first=f"{indent}| ", then=f"{indent}> ")


def _field(label: str, text: str) -> Iterator[str]:
    first, then = label.ljust(_LABEL_COLUMNS), " " * _LABEL_COLUMNS + "> "
    return wrapped(sanitised(text, limit=_FIELD_COLUMNS), first=first, then=then)


def _compact(line: str) -> str:
    label, text = line[:_LABEL_COLUMNS].rstrip(), line[_LABEL_COLUMNS:]
    return f"{label}: {text}" if label else f" {text}"


def _text(value: Any) -> str:
    """The value bare, or as JSON where bare text would hide what it is."""
    is_plain = isinstance(value, str) and value and value == value.strip()
    return str(value) if is_plain else _as_json(value)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _width(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _visible(char: str) -> str:
    if " " <= char <= "~" or _is_shown(char):
        return char
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\x{ord(char):02x}" if unicodedata.category(char) == "Cc" else f"<U+{ord(char):04X}>"


def _told_apart(word: re.Match[str]) -> str:
    """The word with those letters spelled out that pass for Latin ones beside Latin ones."""
    if word[0].isascii() or not _LATIN.search(word[0]):
        return word[0]
    return "".join(
        f"<U+{ord(char):04X}>" if unicodedata.name(char, "").startswith(_LOOK_ALIKES) else char for char in word[0]
    )


def _is_shown(char: str) -> bool:
    """Whether the character has ink and a place of its own, and does not move its neighbours."""
    return (
        char.isprintable()
        and unicodedata.category(char)[0] != "M"
        and unicodedata.bidirectional(char) not in {"R", "AL", "AN"}
        and char not in _BLANK
        and not _is_styled(char)
    )


def _is_styled(char: str) -> bool:
    """Whether it is an ASCII letter or digit in another dress, such as a wide or a bold one."""
    return char.isalnum() and unicodedata.normalize("NFKC", char).isascii()
