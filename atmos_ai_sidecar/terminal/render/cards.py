"""A tool call in one line, and what its end looked like."""

import json
from collections.abc import Mapping
from typing import Any

from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.questions import columns, sanitised, taken, title_for
from atmos_ai_sidecar.domain.tools import Result, ToolRegistry
from atmos_ai_sidecar.errors import ToolNotFoundError
from atmos_ai_sidecar.terminal.render.palette import Palette

_DENIED = {"TOOL_EXECUTION_DENIED", "UNATTENDED"}
_MINUTE = 60
WORD_COLUMNS = 20
"""A line is broken at a space where one is that near."""
_MARKS = " |>+-"
"""What is quoted begins so; a row of nothing else would help nobody."""


def call_title(registry: ToolRegistry, call: ToolCall) -> str:
    """The call as people read it, also when its tool is gone."""
    try:
        return title_for(registry.get(call.name), call)
    except ToolNotFoundError:
        return sanitised(f"{call.name} {_arguments(call.input)}".rstrip(), limit=120)


def is_denied(result: Result) -> bool:
    """Whether the call did not run because nobody allowed it."""
    return result.reason in _DENIED


def card(title: str, result: Result, palette: Palette, *, width: int) -> str:
    """The line of a finished call, coloured by how it ended and at most ``width`` columns wide."""
    mark = palette.green("✓") if result.success else palette.yellow("⊘") if is_denied(result) else palette.red("✗")
    shown, end = cut(title, max(width - 2, 1)), _end(result)
    return f"{mark} {shown}{palette.dim(cut(f' · {end}', width - 2 - columns(shown)))}"


def is_cause_cut(title: str, result: Result, *, width: int) -> bool:
    """Whether the card of that width has no room for all of why a call did not succeed."""
    return not result.success and columns(f"✓ {title} · {_end(result)}") > width


def cause(result: Result) -> str:
    """Why a call did not succeed, in one line."""
    text = (result.error or result.output).strip()
    text = (text.partition("was denied: ")[2] if is_denied(result) else "") or text
    return sanitised(text.split("\n")[0], limit=400)


def running_card(title: str, elapsed_seconds: float, *, width: int) -> str:
    """The line of a call that runs, without colours."""
    return cut(f"… {title} · {elapsed_seconds:.0f} s", width)


def duration(seconds: float) -> str:
    """A duration as people read it: ``0.26 s``, ``12 s``, ``2 min 5 s``."""
    if seconds < 10:  # noqa: PLR2004 - two digits that matter
        return f"{seconds:.2f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"


def cut(text: str, width: int) -> str:
    """As much of one line as fits into the width, with a mark where it was cut."""
    if len(text) <= width and columns(text) <= width:
        return text
    return taken(text, width - 1) + "…" if width > 0 else ""


def folded(line: str, width: int, *, then: str = "> ") -> list[str]:
    """A line in pieces that fit; ``then`` starts all but the first, so that only its beginning stands in column one."""
    pieces, prefix = [], ""
    while columns(prefix + line) > width > columns(then):
        room = width - columns(prefix)
        end = max(len(taken(line, room)), 1)
        space = line.rfind(" ", max(end - WORD_COLUMNS, 0), end + 1)
        end = space + 1 if line[: max(space, 0)].strip(_MARKS) else end
        pieces.append((prefix + line[:end]).rstrip())
        line, prefix = line[end:], then
    return [*pieces, prefix + line]


def _end(result: Result) -> str:
    time = duration(result.duration_seconds)
    if result.success:
        return time
    if is_denied(result):
        return f"denied: {cause(result)}"
    code = f" (exit {result.exit_code})" if result.exit_code else ""
    return f"{time} · failed{code}: {cause(result)}"


def _arguments(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False) if values else ""
