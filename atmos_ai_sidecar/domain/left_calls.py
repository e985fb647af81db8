"""Calls that change infrastructure and that were cut off from whoever started them: what became of them."""

from datetime import datetime, timedelta
from enum import StrEnum

from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.lazy_dataclasses import dataclass


class LeftState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftCall:
    """A program that a call left behind."""

    session_id: str
    """Empty when no session asked for it."""
    call_id: str
    text: str
    """Its command line."""
    start_time: datetime
    state: LeftState
    pid: int = 0
    """Of the program; 0 when it is not known."""
    exit_code: int | None = None
    end_time: datetime | None = None
    output: str = ""
    """The end of what it printed when nobody was there to get it."""
    locks: tuple[str, ...] = ()
    """The terraform state locks that are seen where it works, one line each."""

    @property
    def is_over(self) -> bool:
        return self.state is not LeftState.RUNNING

    def sentence(self, now: datetime) -> str:
        """What became of it, for people and for the model."""
        if self.state is LeftState.FINISHED:
            took = _duration((self.end_time or now) - self.start_time)
            return f"`{self.text}` was left to finish and ended with exit code {self.exit_code} after {took}."
        if self.state is LeftState.UNKNOWN:
            return (
                f"It is not known what became of `{self.text}`: the process that watched over it was killed. Look at "
                "the state of things before it is run again."
            )
        locks = f" Locks: {'; '.join(self.locks)}." if self.locks else ""
        process = f", process {self.pid}" if self.pid else ""
        return (
            f"`{self.text}` is still running after {_duration(now - self.start_time)}{process}: it changes "
            f"infrastructure and is left to finish. It must not be started again meanwhile.{locks}"
        )

    def result(self, now: datetime) -> Result:
        """What the model is told in place of the result that it never got."""
        sentence = self.sentence(now)
        is_good = self.state is LeftState.FINISHED and self.exit_code == 0
        output = f"{sentence}\nThe end of its output:\n{self.output}" if self.output else sentence
        return Result(
            success=is_good,
            output=output,
            error="" if is_good else sentence,
            reason="" if is_good else "INTERRUPTED",
            exit_code=self.exit_code,
        )


def _duration(time: timedelta) -> str:
    seconds = max(0, int(time.total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
