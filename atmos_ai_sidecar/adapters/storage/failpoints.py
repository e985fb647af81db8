"""Places where a test lets the process die, named in ``ATMOS_AI_FAILPOINTS``.

`journal.commit=kill` dies the first time that the journal is about to commit, `messages.committed=kill@3` the third
time that messages were committed and nobody was told. Idea: the fail points of FreeBSD, fail(9).
"""

import os
import re
import signal
from collections.abc import Callable, Mapping
from typing import Final

VARIABLE: Final = "ATMOS_AI_FAILPOINTS"
_SPEC: Final = re.compile(r"(?P<point>[a-z_]+\.[a-z_]+)=kill(?:@(?P<count>[1-9]\d{0,8}))?")


class Failpoints:
    """Counts down to the death of this process at named places."""

    def __init__(self, counts: Mapping[str, int], die: Callable[[], None] | None = None) -> None:
        self._left = dict(counts)
        self._die = die or _kill

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Failpoints":
        """Those that the variable names; what cannot be read in it names none."""
        specs = (_SPEC.fullmatch(part.strip()) for part in environment.get(VARIABLE, "").split(","))
        return cls({spec["point"]: int(spec["count"] or 1) for spec in specs if spec is not None})

    def hit(self, point: str) -> None:
        """Says that the process has come to ``point``."""
        if point in self._left:
            self._left[point] -= 1
            if self._left[point] == 0:
                self._die()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
