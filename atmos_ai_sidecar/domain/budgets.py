"""Budgets: how much a turn, a run and a session may use, and when to say so.

Tokens are all that a request sends and gets, cached ones too. A budget is looked at after every answer: the request
that goes over it is paid, and no further one is made.
"""

from collections.abc import Sequence
from dataclasses import field
from enum import StrEnum

from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.lazy_dataclasses import dataclass

WARNING_SHARE = 0.8


class Scope(StrEnum):
    """What a budget is for."""

    TURN = "turn"
    RUN = "run"
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None: no limit."""

    max_steps: int | None = None
    """Model requests."""
    max_tokens: int | None = None
    max_cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was used."""

    steps: int = 0
    usage: Usage = field(default_factory=Usage)

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(steps=self.steps + other.steps, usage=self.usage + other.usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of one scope, and what was used of them before this turn."""

    scope: Scope
    limits: Limits
    before: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How full one limit is."""

    scope: Scope
    setting: str
    """max_steps, max_tokens or max_cost_usd."""
    used: float
    limit: float

    @property
    def share(self) -> float:
        # Ten times ten cents are a dollar.
        return round(self.used / self.limit, 9)

    @property
    def key(self) -> str:
        """Where the configuration sets it."""
        return f"ai.budget.{self.setting}" if self.scope is Scope.TURN else f"ai.budget.{self.scope}.{self.setting}"

    def __str__(self) -> str:
        """For example: 81,230 of 100,000 tokens of the session."""
        if self.setting == "max_cost_usd":
            return f"${self.used:.4f} of ${self.limit:g} of the {self.scope}"
        return f"{self.used:,.0f} of {self.limit:,.0f} {self.setting.removeprefix('max_')} of the {self.scope}"


class Meter:
    """The budgets of one turn as it goes on."""

    def __init__(self, budgets: Sequence[Budget] = ()) -> None:
        self._budgets = budgets
        self._spent = Spent()
        self._warned = {self._name(level) for level in self.levels() if level.share >= WARNING_SHARE}

    def add(self, usage: Usage) -> Sequence[Level]:
        """Counts one model request; returns the limits that it brought to 80 % and not yet over, each once."""
        self._spent += Spent(steps=1, usage=usage)
        new = [
            level for level in self.levels() if level.share >= WARNING_SHARE and self._name(level) not in self._warned
        ]
        self._warned.update(self._name(level) for level in new)
        return [level for level in new if level.share < 1]

    def overrun(self) -> Level | None:
        """The limit that is used up, the one of the widest scope first."""
        return next((level for level in reversed(self.levels()) if level.share >= 1), None)

    def levels(self) -> Sequence[Level]:
        """Every limit that is set. A cost that is not known is not among them."""
        return [level for budget in self._budgets for level in _levels(budget, budget.before + self._spent)]

    @staticmethod
    def _name(level: Level) -> tuple[Scope, str]:
        return level.scope, level.setting


def _levels(budget: Budget, spent: Spent) -> list[Level]:
    figures: list[tuple[str, float | None, float | None]] = [
        ("max_steps", spent.steps, budget.limits.max_steps),
        ("max_tokens", spent.usage.total_tokens, budget.limits.max_tokens),
        ("max_cost_usd", spent.usage.known_cost_usd, budget.limits.max_cost_usd),
    ]
    return [
        Level(scope=budget.scope, setting=setting, used=used, limit=limit)
        for setting, used, limit in figures
        if used is not None and limit is not None
    ]
