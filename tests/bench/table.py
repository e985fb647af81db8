"""Rows of the benchmark: what was measured, against which budget."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

OVER = 2.0
"""A row fails when it is over this many times its budget: the machines are noisy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. Numbers are in ``unit``."""

    number: str
    what: str
    unit: str
    measured: float
    budget: float | None
    """None: shown for comparison only."""
    spread: float = 0.0
    """Inter-quartile range of the samples."""
    samples: int = 1
    is_least: bool = False
    """The budget is what must be reached, and not what may be used."""

    @property
    def ratio(self) -> float | None:
        """How many times the budget; above 1 is worse, for a rate too."""
        if not self.budget:
            return None
        return self.budget / self.measured if self.is_least else self.measured / self.budget

    @property
    def is_over(self) -> bool:
        return self.ratio is not None and self.ratio > OVER

    def json(self) -> dict[str, object]:
        return {**asdict(self), "ratio": self.ratio}


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample below which that share lies."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(
    number: str,
    what: str,
    samples: Sequence[float],
    budget: float | None,
    *,
    unit: str,
    share: float = 0.5,
    is_least: bool = False,
) -> Row:
    """A row of many samples: the median, or another percentile."""
    quartiles = statistics.quantiles(samples, n=4) if len(samples) > 1 else [0.0, 0.0, 0.0]
    return Row(
        number=number,
        what=what,
        unit=unit,
        measured=percentile(samples, share),
        budget=budget,
        spread=quartiles[2] - quartiles[0],
        samples=len(samples),
        is_least=is_least,
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    lines = [f"{'row':4} {'what':58} {'measured':>12} {'budget':>10} {'ratio':>6} {'spread':>9} {'n':>5}"]
    for each in rows:
        least = "≥ " if each.is_least else ""
        budget = f"{least}{each.budget:g} {each.unit}" if each.budget else "-"
        ratio = f"{each.ratio:.2f}" if each.ratio is not None else "-"
        mark = "  OVER" if each.is_over else ""
        lines.append(
            f"{each.number:4} {each.what:58} {each.measured:9.2f} {each.unit:2} {budget:>10} {ratio:>6} "
            f"{each.spread:9.2f} {each.samples:5}{mark}"
        )
    return "\n".join(lines)
