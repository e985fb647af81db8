"""Colours for plain lines: sixteen colours of the user's own theme, or none at all."""

import re
from collections.abc import Mapping

from atmos_ai_sidecar.lazy_dataclasses import dataclass

_INVISIBLE = re.compile(
    "(?<![^\x00-\xa0\u200b-\u200f])[\u200c\u200d]"
    "|[\u200c\u200d](?![^\x00-\xa0\u200b-\u200f])"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""Joiners are part of many scripts and of emoji: between two characters that are not ASCII they stay."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Wraps text in a colour when colours are on."""

    enabled: bool

    def bold(self, text: str) -> str:
        return self._wrap("1", text)

    def dim(self, text: str) -> str:
        return self._wrap("2", text)

    def red(self, text: str) -> str:
        return self._wrap("31", text)

    def green(self, text: str) -> str:
        return self._wrap("32", text)

    def yellow(self, text: str) -> str:
        return self._wrap("33", text)

    def cyan(self, text: str) -> str:
        return self._wrap("36", text)

    def alarm(self, text: str) -> str:
        return self._wrap("1;31", text)

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled and text else text


def wants_color(
    environment: Mapping[str, str], *, is_terminal: bool, no_color: bool = False, force_color: bool = False
) -> bool:
    """Whether a stream gets colours: ``--no-color`` and ``NO_COLOR`` win, then ``--force-color``, then the terminal."""
    if no_color or environment.get("NO_COLOR"):
        return False
    return force_color or (is_terminal and environment.get("TERM", "") not in {"", "dumb"})


def visible(text: str) -> str:
    r"""Text of others for a terminal: control and direction characters are spelled out, ``\n`` and ``\t`` stay."""
    return _INVISIBLE.sub(_spelled, text.replace("\r\n", "\n"))


def _spelled(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"<U+{code:04X}>"  # noqa: PLR2004 - the end of Latin-1
