"""What a tool printed, below its card: as much as one looks at in passing, and all of it on demand."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from atmos_ai_sidecar.domain.questions import sanitised
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.terminal.render.cards import cause, is_denied
from atmos_ai_sidecar.terminal.render.palette import Palette, visible

EXPAND = "ctrl-o to expand"
WHOLE_LINES = 3
"""An output of so many lines is shown in full."""
FIRST_LINES = 2
"""Of a longer one; of data, whose first lines say nothing, none."""
FAILURE_LINES = 6
PLAN_LINES = 8
DIFF_LINES = 12
_SAME = 40
"""A first line that begins so is the cause itself."""
EXPANDED_LINES = 400

Highlight = Callable[[str, str], Sequence[str]]
"""The lines of a text in a language, coloured."""

_LANGUAGES = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".tf": "hcl",
    ".tfvars": "hcl",
    ".hcl": "hcl",
    ".rego": "rego",
    ".sh": "bash",
}
_HUNK = re.compile(r"^@@ -\d+(,\d+)? \+\d+(,\d+)? @@", re.MULTILINE)
_MARKS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "forget": "-"}


def language_of(values: Mapping[str, Any], result: Result) -> str:
    """The language of an output: by its look, else by the extension of the file that the call names."""
    text = result.output.strip()
    if _HUNK.search(text):
        return "diff"
    if text[:1] + text[-1:] in {"{}", "[]"}:
        return "json"
    path = values.get("path")
    by_name = _LANGUAGES.get(PurePosixPath(path).suffix, "") if isinstance(path, str) else ""
    if by_name or not result.success:
        return by_name
    return "yaml" if result.data is not None and text.startswith("- ") else ""


def plan_of(result: Result) -> Mapping[str, Any] | None:
    """The summary of a terraform plan, if the result is one."""
    data = result.data
    is_plan = isinstance(data, Mapping) and {"add", "change", "destroy", "resources"} <= data.keys()
    return data if is_plan else None


def below_card(
    result: Result, language: str, palette: Palette, highlight: Highlight, *, has_cause: bool = True
) -> list[str]:
    """The lines below the card of a call that has ended, which are not yet folded.

    ``has_cause`` says that the card had room for why a call did not succeed.
    """
    plan = plan_of(result)
    if plan is not None:
        return _plan_lines(plan, palette)
    if not result.success:
        return _failure_lines(result, palette, has_cause=has_cause)
    text = result.output.strip("\n")
    lines = visible(text).replace("\t", "    ").split("\n") if text.strip() else []
    if len(lines) <= (DIFF_LINES if language == "diff" else WHOLE_LINES):
        return [*highlight("\n".join(lines), language)] if language else [palette.dim(line) for line in lines]
    if language:
        return [palette.dim(f"{len(lines)} lines of {language.upper()} ({EXPAND})")]
    return [*map(palette.dim, lines[:FIRST_LINES]), _more(len(lines) - FIRST_LINES, palette)]


def is_expandable(result: Result) -> bool:
    """Whether there is more to see than the card and what stands below it."""
    return bool((result.output or result.error).strip())


def expanded(result: Result, language: str, highlight: Highlight) -> list[str]:
    """All lines of an output, coloured where its language is known; of a very long one the beginning and the end."""
    lines = visible((result.output or result.error).strip("\n")).replace("\t", "    ").split("\n")
    hidden = len(lines) - EXPANDED_LINES
    if hidden > 0:
        half = EXPANDED_LINES // 2
        lines = [*lines[:half], f"… {hidden} lines are not shown here …", *lines[-half:]]
    return [*highlight("\n".join(lines), language)] if language else lines


def _plan_lines(plan: Mapping[str, Any], palette: Palette) -> list[str]:
    counts = (f"+{plan['add']}", f"~{plan['change']}", f"-{plan['destroy']}")
    colors = (palette.green, palette.yellow, palette.red)
    total = " ".join(color(count) if count[1:] != "0" else count for color, count in zip(colors, counts, strict=True))
    resources = sorted(plan["resources"], key=lambda each: [*_MARKS].index(each["action"]))
    lines = [f"{total}{palette.dim(f' ({EXPAND})')}"]
    lines += [_resource(each, palette) for each in resources[:PLAN_LINES]]
    if len(resources) > PLAN_LINES:
        lines.append(palette.dim(f"… {len(resources) - PLAN_LINES} more resources"))
    outputs = plan.get("changed_outputs", ())
    return [*lines, palette.dim(f"outputs: {sanitised(', '.join(outputs))}")] if outputs else lines


def _resource(resource: Mapping[str, Any], palette: Palette) -> str:
    action = resource["action"]
    colors = {"create": palette.green, "update": palette.yellow}
    return colors.get(action, palette.red)(f"{_MARKS[action]} {sanitised(resource['address'])}")


def _failure_lines(result: Result, palette: Palette, *, has_cause: bool) -> list[str]:
    """What stands below a failure: what the card has not said; of a denial its cause at most."""
    if is_denied(result):
        return [] if has_cause else [palette.dim(cause(result))]
    first, *lines = visible((result.output or result.error).strip()).replace("\t", "    ").split("\n")
    if not has_cause:
        lines = [first if first[:_SAME] in cause(result) else cause(result), *lines]
    if len(lines) <= FAILURE_LINES:
        return [palette.dim(line) for line in lines]
    return [*map(palette.dim, lines[: FAILURE_LINES - 1]), _more(len(lines) - FAILURE_LINES + 1, palette)]


def _more(count: int, palette: Palette) -> str:
    return palette.dim(f"… +{count} lines ({EXPAND})")
