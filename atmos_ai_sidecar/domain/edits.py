"""Changes of text files: what an edit makes of a text, and how a change is shown. Pure."""

import difflib
import re
from collections.abc import Sequence
from itertools import pairwise

from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_SHOWN_LINES = 5
_CONTEXT_LINES = 3
_DIFFED_LINES = 10_000
"""Comparing more lines than this takes longer than anybody waits."""
_NEAR_LINES, _NEAR_CHARACTERS = 2_000, 300
_COUNTED = 100
_PLACE = re.compile(r"([-+])(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What a tool did to a file, so that it can be taken back."""

    id: str
    turn_id: str
    path: str
    """Absolute, without links."""
    before_digest: str
    """SHA-256 of the content before; empty when there was no file."""
    after_digest: str
    mode: int
    """The permission bits from before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """How one file gets back to where it was before a turn."""

    path: str
    first: FileChange
    """The turn's first change of it, which knows what was before."""
    after_digest: str
    """What its content must be now."""
    is_continuous: bool
    """Nobody else changed it between two changes of the turn."""


def restorations(changes: Sequence[FileChange]) -> Sequence[Restoration]:
    """What takes back the changes of one turn, which are given oldest first; one for each file."""
    by_path: dict[str, list[FileChange]] = {}
    for change in changes:
        by_path.setdefault(change.path, []).append(change)
    return tuple(
        Restoration(
            path=path,
            first=chain[0],
            after_digest=chain[-1].after_digest,
            is_continuous=all(later.before_digest == earlier.after_digest for earlier, later in pairwise(chain)),
        )
        for path, chain in by_path.items()
    )


def edited(text: str, old: str, new: str, *, path: str) -> str:
    """The text with its one occurrence of ``old`` replaced.

    Line ends of the text are kept: where it uses carriage returns throughout, ``old`` and ``new`` need not.

    Raises:
        InvalidFieldError: ``old`` is empty or equal to ``new``.
        ToolExecutionFailedError: ``old`` is not there, or more than once; the error names the lines.
    """
    if not old:
        raise InvalidFieldError("old", "must not be empty.", remedy="file_write creates files.")
    if old == new:
        raise InvalidFieldError("new", "is equal to old, so nothing would change.")
    if uses_carriage_returns(text):
        old, new = _with_carriage_returns(old), _with_carriage_returns(new)
    positions = _positions(text, old)
    if not positions:
        raise _missing(text, old, path)
    if len(positions) > 1:
        lines = _joined([_line(text, position) for position in positions])
        times = f"more than {_COUNTED}" if len(positions) > _COUNTED else len(positions)
        raise ToolExecutionFailedError(
            f"The old text is {times} times in {path}, in lines {lines}. Nothing was changed.",
            remedy="Take more of the lines around it into old, so that it is there once.",
            path=path,
        )
    at = positions[0]
    return text[:at] + new + text[at + len(old) :]


def uses_carriage_returns(text: str) -> bool:
    """Whether every line of the text ends in CR LF."""
    return "\r\n" in text and text.count("\n") == text.count("\r\n")


def unified_diff(before: str, after: str) -> str:
    """The lines that differ, marked with - and +, with three lines around them; without the two lines of names.

    Where too many lines lie between the first difference and the last, all of those are shown as removed and as added.
    """
    old, new = _lines(before), _lines(after)
    head = max(0, _equal(old, new) - _CONTEXT_LINES)
    tail = max(0, _equal(old[head:][::-1], new[head:][::-1]) - _CONTEXT_LINES)
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(old) + len(new) > _DIFFED_LINES:
        place = f"@@ -{head + 1},{len(old)} +{head + 1},{len(new)} @@"
        return "\n".join([place, *(f"-{line}" for line in old), *(f"+{line}" for line in new)])
    lines = list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT_LINES))[2:]
    return "\n".join(_moved(line, head) if line.startswith("@@") else line for line in lines)


def _equal(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines at the start are equal."""
    return next(
        (at for at, (left, right) in enumerate(zip(old, new, strict=False)) if left != right), min(len(old), len(new))
    )


def _moved(place: str, lines: int) -> str:
    """The line of a diff that tells the place, for a text that has more lines before."""
    return _PLACE.sub(lambda found: f"{found[1]}{int(found[2]) + lines}", place)


def counts(diff: str) -> tuple[int, int]:
    """How many lines a diff adds and removes."""
    lines = diff.splitlines()
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)


def _missing(text: str, old: str, path: str) -> ToolExecutionFailedError:
    """The error for a text that is not there, with the place that was meant, as far as that can be told."""
    lines = [line.strip() for line in old.strip().splitlines()] or [""]
    near = [number for number, line in enumerate(text.splitlines(), 1) if lines[0] and line.strip() == lines[0]]
    if near:
        hint = f" Its first line is in {_word(near)} {_joined(near)}, with other white space or other lines after it."
    else:
        candidates = [line.strip()[:_NEAR_CHARACTERS] for line in text.splitlines()[:_NEAR_LINES]]
        close = difflib.get_close_matches(lines[0][:_NEAR_CHARACTERS], candidates, n=1)
        hint = f" The nearest line is {close[0]!r}." if close else ""
    return ToolExecutionFailedError(
        f"The old text is not in {path}.{hint} Nothing was changed.",
        remedy="Read the file again and copy the text as it is, white space included.",
        path=path,
    )


def _word(lines: Sequence[int]) -> str:
    return "line" if len(lines) == 1 else "lines"


def _joined(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:_SHOWN_LINES]))
    return f"{shown} and {len(lines) - _SHOWN_LINES} more" if len(lines) > _SHOWN_LINES else shown


def _positions(text: str, part: str) -> list[int]:
    """Where the part starts, the first ones; overlapping ones included: those are as ambiguous."""
    found: list[int] = []
    at = text.find(part)
    while at >= 0 and len(found) <= _COUNTED:
        found.append(at)
        at = text.find(part, at + 1)
    return found


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _lines(text: str) -> list[str]:
    """The lines, with a mark where the last one does not end."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\n\\ no line end"]


def _with_carriage_returns(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")
