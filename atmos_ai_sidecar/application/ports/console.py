from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSize:
    columns: int
    rows: int


class TerminalMode(Enum):
    COOKED = "cooked"
    RAW = "raw"


class Console(Protocol):
    """What a command reads from and draws on: a terminal at the other end of a stream, or this process's own.

    Output is queued in order and never blocks; ``drain`` waits for the other end. All methods are called on the
    event loop's thread. When the other end has gone, output is dropped and the command is cancelled.
    """

    @property
    def run_id(self) -> str:
        """Names this run; permission requests carry it."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The caller's whole environment."""

    @property
    def working_directory(self) -> str:
        """The caller's directory, absolute."""

    @property
    def umask(self) -> int:
        """The caller's umask."""

    @property
    def stdin_is_terminal(self) -> bool: ...

    @property
    def stdout_is_terminal(self) -> bool: ...

    @property
    def stderr_is_terminal(self) -> bool: ...

    @property
    def has_controlling_terminal(self) -> bool:
        """A person can be asked, even when the streams are redirected."""

    @property
    def size(self) -> TerminalSize: ...

    def write(self, data: bytes) -> None:
        """Queues bytes for standard output."""

    def write_error(self, data: bytes) -> None:
        """Queues bytes for standard error."""

    async def drain(self) -> None:
        """Waits until the queued output has been taken."""

    def is_congested(self) -> bool:
        """The other end takes nothing at the moment, and some output is waiting."""

    async def read(self, max_bytes: int = 65536) -> bytes:
        """Pulls input once; empty bytes mean its end. Only while a read waits is anything taken from the caller."""

    def set_mode(self, mode: TerminalMode) -> None:
        """Sets the terminal's mode in order with the output; going cooked revokes a waiting read."""

    async def suspend(self) -> None:
        """Stops the caller as Ctrl-Z does and returns when it goes on; the mode is cooked meanwhile."""

    def set_prompter(self, *, attached: bool) -> None:
        """Asks the caller's side to ask permission questions of this run on its controlling terminal, or to stop."""

    def offer_resume(self, token: str) -> None:
        """Gives the caller a token that resumes this run in a new sidecar."""

    def set_farewell(self, data: bytes) -> None:
        """Gives the caller what it shall put on standard output when we are lost; empty bytes take it back."""

    def on_resize(self, callback: Callable[[], None]) -> None:
        """Calls back when ``size`` has changed; one callback at most."""

    def on_signal(self, callback: Callable[[str], None]) -> None:
        """Calls back with INT, TERM, HUP, QUIT or CONT; without a callback a signal cancels the command."""
