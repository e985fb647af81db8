"""What programs print, made fit for the model and for people."""

import re

CAP_CHARACTERS = 30_000

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # strings: titles, links, device control
    r"|\x1b[ -/]*[0-~]"  # the rest of ECMA-48
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")


def cap(text: str, limit: int = CAP_CHARACTERS) -> tuple[str, bool]:
    """The text in at most ``limit`` characters and a marker, and whether something was left out.

    Head and tail stay, because commands say what they do at the start and what came of it at the end. The cut is
    made at an end of line where one is near.
    """
    if len(text) <= limit:
        return text, False
    head_end = _line_end_before(text, limit * 2 // 3)
    tail_start = _line_start_after(text, len(text) - (limit - limit * 2 // 3))
    left_out = tail_start - head_end
    return f"{text[:head_end]}\n[… {left_out:,} characters left out …]\n{text[tail_start:]}", True


def plain(text: str) -> str:
    """The text without terminal control: no colours, no other control characters, lines ended by a line feed only."""
    without = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", without)


_NEAR = 400
"""Lines of ordinary output are shorter than this."""


def _line_end_before(text: str, position: int) -> int:
    found = text.rfind("\n", position - _NEAR, position)
    return position if found < 0 else found


def _line_start_after(text: str, position: int) -> int:
    found = text.find("\n", position, position + _NEAR)
    return position if found < 0 else found + 1
