"""Runs programs under the warden (warden.py), which outlives this process where the stop ladder says so."""

import asyncio
import codecs
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

from atmos_ai_sidecar.adapters.local_tools.left_programs import LeftProgramsFolder
from atmos_ai_sidecar.adapters.local_tools.wardens import Warden, read_piece
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.program_runner import Completion, Program
from atmos_ai_sidecar.domain.tools import ExecutionClass, OutputPiece
from atmos_ai_sidecar.errors import ToolExecutionFailedError

LADDER_SECONDS = (10.0, 5.0)
KEPT_CHARACTERS = 5_000_000
"""Of each of the two outputs."""
SPARE_DELAY_SECONDS = 0.05
"""The start of a process stops the loop for milliseconds: first the result shall be on its way."""

_READ_BYTES = 16_384
"""A byte that is no UTF-8 becomes three: a piece of output stays below 64 KiB whatever comes."""

Emit = Callable[[OutputPiece], None]


class WardenedRunner:
    """The ProgramRunner of POSIX systems.

    A warden takes longer to start than a quick program runs, so a runner can start one ahead. That one knows nothing of
    the next call before it begins, and ends with its runner or this process. Wardens with a program look after
    themselves.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ladder_seconds: tuple[float, float] = LADDER_SECONDS,
        kept_characters: int = KEPT_CHARACTERS,
        keeps_spare: bool = False,
        records: LeftProgramsFolder | None = None,
    ) -> None:
        """Wires the runner.

        Args:
            clock: Measures how long a program ran.
            ladder_seconds: How long a program has after SIGINT, and then after SIGTERM.
            kept_characters: How much of each output is kept; half of it from the start, half from the end.
            keeps_spare: Start a warden ahead a moment after every call; ``close`` has to be called then.
            records: Where changes are kept on record; None: what becomes of one whose call was cut off stays unknown.
        """
        self._clock = clock
        self._ladder_seconds = ladder_seconds
        self._kept_characters = kept_characters
        self._spare: Warden | None = None
        self._keeps_spare = keeps_spare
        self._records = records

    def prepare(self) -> None:
        """Starts the spare warden, if there shall be one and is none. Quick."""
        if self._spare is None and self._keeps_spare:
            with suppress(ToolExecutionFailedError):  # the next call tells
                self._spare = Warden()

    def close(self) -> None:
        """Ends the spare warden, for good; running programs are left to theirs."""
        self._keeps_spare = False
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()

    async def run(self, program: Program, emit: Emit) -> Completion:
        """Runs a program to its end; see ProgramRunner.

        Raises:
            ToolExecutionFailedError: The program could not be started, or its warden was killed.
        """
        start = self._clock.monotonic()
        stdout = _Kept(self._kept_characters)
        stderr = _Kept(self._kept_characters)
        warden = self._take()
        try:
            readers = [
                asyncio.ensure_future(_pass_on(warden.stdout, "stdout", stdout, emit)),
                asyncio.ensure_future(_pass_on(warden.stderr, "stderr", stderr, emit)),
            ]
            try:
                await warden.send(program, self._ladder_seconds, **self._record(program))
                report = await warden.report()
                await asyncio.gather(*readers)
            except asyncio.CancelledError:
                warden.stop()
                raise
            finally:
                for reader in readers:
                    reader.cancel()
                await asyncio.gather(*readers, return_exceptions=True)
        finally:
            warden.close()
            asyncio.get_running_loop().call_later(SPARE_DELAY_SECONDS, self.prepare)
        return Completion(
            exit_code=_exit_code(report, program),
            stdout=stdout.text,
            stderr=stderr.text,
            duration_seconds=self._clock.monotonic() - start,
            truncated=stdout.is_truncated or stderr.is_truncated,
        )

    def _take(self) -> Warden:
        """A warden without a program: the one that waits, if it still lives."""
        spare, self._spare = self._spare, None
        if spare is not None and spare.is_alive:
            return spare
        if spare is not None:
            spare.close()
        return Warden()

    def _record(self, program: Program) -> dict[str, object]:
        """Where the warden keeps a change on record, as its specification says it."""
        is_killable = program.execution_class is not ExecutionClass.MUTATE
        if self._records is None or program.occasion is None or is_killable:
            return {}
        path, header = self._records.new(program.occasion, self._clock.now())
        return {"record": str(path), "header": header}


class _Kept:
    """Text of which at most so many characters are kept: the first and the last ones."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head: list[str] = []
        self._head_room = self._half
        self._tail: deque[str] = deque()
        self._tail_length = 0
        self._left_out = 0

    def add(self, text: str) -> None:
        head, tail = text[: self._head_room], text[self._head_room :]
        if head:
            self._head.append(head)
            self._head_room -= len(head)
        if tail:
            self._tail.append(tail)
            self._tail_length += len(tail)
        while self._tail and self._tail_length - len(self._tail[0]) >= self._half:
            self._left_out += len(self._tail[0])
            self._tail_length -= len(self._tail.popleft())

    @property
    def is_truncated(self) -> bool:
        return self._left_out > 0

    @property
    def text(self) -> str:
        marker = [f"\n[… {self._left_out:,} characters left out …]\n"] if self._left_out else []
        return "".join([*self._head, *marker, *self._tail])


async def _pass_on(source: int, stream: Literal["stdout", "stderr"], kept: _Kept, emit: Emit) -> None:
    """Reads an output to its end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    is_open = True
    while is_open:
        data = await read_piece(source, _READ_BYTES)
        is_open = bool(data)
        text = decoder.decode(data, final=not data)
        if text:
            kept.add(text)
            emit(OutputPiece(stream=stream, text=text))


def _exit_code(report: Any, program: Program) -> int:
    """The program's exit code.

    Raises:
        ToolExecutionFailedError: There is none.
    """
    name = _name(program.arguments)
    if report is None:
        raise ToolExecutionFailedError(
            f"It is not known how {name} ended: its warden was killed.", remedy="Check before you run it again."
        )
    if "errno" in report:
        raise ToolExecutionFailedError(
            f"{name} could not be started in {program.directory}: {os.strerror(report['errno'])}.", program=name
        )
    return int(report["exit_code"])


def _name(arguments: Sequence[str]) -> str:
    return arguments[0] if arguments else "The program"
