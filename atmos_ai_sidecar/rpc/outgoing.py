"""What a run wants to do to its caller's terminal, in order, as few messages as possible."""

from collections import deque
from enum import IntEnum
from typing import Any, Final

from atmos_ai_sidecar.v1 import terminal_service_pb2 as pb

MAX_OUTPUT_BYTES: Final = 256 * 1024
"""In one message: far below 1 MiB, and small enough for flow control to be felt soon."""


class Field(IntEnum):
    """The fields of a RunResponse by number: the order in which the caller applies them."""

    STDOUT = 1
    STDERR = 2
    MODE = 3
    PROMPTER = 4
    SUSPEND = 5
    READ_STDIN = 6
    RESUME_TOKEN = 7
    EXIT_CODE = 8
    FAREWELL = 10


_NAMES: Final = {field: field.name.lower() for field in Field}


class Outgoing:
    """A queue of wishes that leave together as long as the order of their fields is theirs."""

    def __init__(self) -> None:
        self._wishes: deque[tuple[Field, Any]] = deque()
        self.output_bytes = 0
        """Output that waits."""

    def __bool__(self) -> bool:
        return bool(self._wishes)

    def add(self, field: Field, value: Any) -> None:
        """Queues a wish; empty output is none."""
        if field <= Field.STDERR:
            if not value:
                return
            self.output_bytes += len(value)
        self._wishes.append((field, value))

    def forget_reads(self) -> None:
        """Takes back every request for input that has not left yet."""
        self._wishes = deque(wish for wish in self._wishes if wish[0] is not Field.READ_STDIN)

    def clear(self) -> None:
        self._wishes.clear()
        self.output_bytes = 0

    def take(self) -> Any:
        """The next message; it holds as many wishes as keep their order."""
        response = pb.RunResponse()
        room = MAX_OUTPUT_BYTES
        last = 0
        while self._wishes and room > 0:
            field, value = self._wishes[0]
            if field < last or (field == last and field > Field.STDERR):
                break
            last = field
            self._wishes.popleft()
            if field > Field.STDERR:
                _set(response, field, value)
            else:
                output = self._output(field, value, room)
                room -= len(output)
                _set(response, field, output)
        return response

    def _output(self, field: Field, first: bytes, room: int) -> bytes:
        """Neighbouring output of one stream, as much as there is room for."""
        chunks, size = [first], len(first)
        while size < room and self._wishes and self._wishes[0][0] is field:
            chunk = self._wishes.popleft()[1]
            chunks.append(chunk)
            size += len(chunk)
        output = b"".join(chunks)
        if size > room:
            self._wishes.appendleft((field, output[room:]))
            output = output[:room]
        self.output_bytes -= len(output)
        return output


def _set(response: Any, field: Field, value: Any) -> None:
    if field is Field.READ_STDIN:
        response.read_stdin.CopyFrom(value)
    else:
        setattr(response, _NAMES[field], value)
