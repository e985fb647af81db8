"""How far something has come that takes long."""

from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Progress:
    """Written by whoever works, in a thread perhaps; read now and then by whoever shows it."""

    what: str = ""
    """What is done now, where that says more than what was asked for."""
    unit: str = ""
    """What is counted, in the plural."""
    done: int = 0
    total: int = 0
    """0: nobody knows."""

    def begin(self, total: int, unit: str, *, what: str = "") -> None:
        """Starts to count."""
        self.what, self.unit, self.done, self.total = what, unit, 0, total

    def step(self) -> None:
        """One more is done."""
        self.done += 1

    def end(self) -> None:
        """What follows is not counted."""
        self.begin(0, "")

    @property
    def share(self) -> str:
        """How much is done, in words; empty when nobody knows."""
        return f"{min(self.done, self.total)} of {self.total} {self.unit}" if self.total else ""
