"""The three standard streams, taken over before anything that might print is imported."""

import os

from atmos_ai_sidecar.handshake import MAX_LINE_BYTES, HandshakeError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_STDIN, _STDOUT, _STDERR = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """What connects the sidecar with its parent."""

    life_line: int
    """Descriptor that gives the bootstrap line, and then its end when the parent is gone."""
    handshake: int
    """Descriptor that takes the handshake line and nothing else."""
    parent_pid: int
    """The parent at the start; another one means that it died."""


def claim_streams() -> Streams:
    """Keeps the real standard output for the handshake, and points everything that prints at standard error."""
    handshake = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    return Streams(life_line=_STDIN, handshake=handshake, parent_pid=os.getppid())


def read_line(descriptor: int) -> bytes:
    """The first line; what comes with it behind it means nothing and is dropped.

    Raises:
        HandshakeError: The input ends before the line does, the line is too long, or a person would have to type it.
    """
    if os.isatty(descriptor):
        raise HandshakeError("`serve` is started by a client and not by hand; `atmos-ai sidecar run` is for people")
    line = b""
    while b"\n" not in line:
        chunk = os.read(descriptor, MAX_LINE_BYTES)
        if not chunk:
            raise HandshakeError("the input ended before the bootstrap line was complete")
        line += chunk
        if len(line.partition(b"\n")[0]) > MAX_LINE_BYTES:
            raise HandshakeError(f"the bootstrap line is longer than {MAX_LINE_BYTES} bytes")
    return line.partition(b"\n")[0]


def write_all(descriptor: int, data: bytes) -> None:
    """Writes everything.

    Raises:
        BrokenPipeError: Nobody reads any more.
    """
    while data:
        data = data[os.write(descriptor, data) :]
