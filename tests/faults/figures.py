"""Times of the table that a quick test must not judge: what is measured in long runs, and shown."""

import math
import statistics
import sys
from collections.abc import Sequence


def show(row: int, what: str, samples: Sequence[float], *, limit_seconds: float, share: float = 0.5) -> None:
    """Prints median, the share that counts, and the worst, and holds that share against the limit."""
    ordered = sorted(samples)
    counts = ordered[math.ceil(share * len(ordered)) - 1]
    figures = f"p50 {statistics.median(ordered) * 1000:.0f} ms, p{share * 100:.0f} {counts * 1000:.0f} ms"
    sys.stdout.write(
        f"\nrow {row}: {what}: {figures}, worst {ordered[-1] * 1000:.0f} ms of {len(ordered)}; "
        f"at most {limit_seconds * 1000:.0f} ms\n"
    )
    assert counts <= limit_seconds
