"""Row 15: what a delta of an answer costs the chat at the beginning of a megabyte and at its end."""

import statistics
import time
from collections.abc import Iterator, Sequence

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.domain.events import TextDelta
from atmos_ai_sidecar.terminal.chat.live_turn import LiveTurn
from atmos_ai_sidecar.terminal.chat.painter import Painter
from atmos_ai_sidecar.terminal.render.palette import Palette
from tests.bench.table import Row, row

SIZE = 1 << 20
DELTA = 256
ROWS = 24
_PART = """## Stack {number}

The component **vpc** in `ue1-prod` has these values, which come from [the catalog](stacks/catalog/vpc.yaml):

| variable | value |
|----------|-------|
| cidr_block | 10.{number}.0.0/16 |
| enabled | true |

1. Read the plan.
2. Apply it to `dev` first.

```hcl
resource "aws_vpc" "this" {{
  cidr_block = "10.{number}.0.0/16"
}}
```

"""
FLAT = 1.5
"""The newest tenth may cost this many times what the first one did: the machines are noisy."""


def mixed(size: int) -> str:
    """A long answer as models write them."""
    return "".join(_PART.format(number=number) for number in range(size // 400))[:size]


def endless(size: int) -> str:
    """One paragraph that never ends."""
    return ("word " * (size // 5))[:size]


def costs(text: str) -> Sequence[float]:
    """Seconds of CPU for each delta, drawn as the chat does."""
    turn, painter = LiveTurn(clock=SystemClock()), Painter(Palette(enabled=True), width=79)

    def each() -> Iterator[float]:
        for start in range(0, len(text), DELTA):
            begin = time.process_time()
            turn.take(TextDelta(text=text[start : start + DELTA]))
            painter.text(turn.take_pieces())
            turn.rows(painter, 79, ROWS)
            yield time.process_time() - begin

    return list(each())


def growth(samples: Sequence[float]) -> float:
    """How many times the cost of the first tenth the last one has."""
    tenth = len(samples) // 10
    return statistics.fmean(samples[-tenth:]) / statistics.fmean(samples[:tenth])


def markdown_rows() -> list[Row]:
    """The cost of a delta, and how it grows over a megabyte."""
    long, paragraph = costs(mixed(SIZE)), costs(endless(SIZE // 4))
    return [
        row("15", "last tenth of 1 MB of Markdown over the first", [growth(long)], FLAT, unit="x"),
        row("15", "last tenth of one endless paragraph over the first", [growth(paragraph)], FLAT, unit="x"),
        row("15", "  a delta of 256 characters", [sample * 1000 for sample in long], None, unit="ms"),
    ]
