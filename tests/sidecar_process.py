"""A real sidecar as a process, started the way the shim does it."""

import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from atmos_ai_sidecar.handshake import Bootstrap, Handshake, StartError, format_bootstrap, parse_handshake

COMMAND = (sys.executable, "-I", "-X", "utf8", "-m", "atmos_ai_sidecar", "serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarProcess:
    """A running sidecar. Closing ``process.stdin`` ends it."""

    process: subprocess.Popen[bytes]
    socket_directory: Path
    token: str
    answer: Handshake | StartError
    stderr: deque[bytes]

    @property
    def address(self) -> str:
        assert isinstance(self.answer, Handshake), self.answer
        return self.answer.address

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The owner's token, as a call carries it."""
        return (("authorization", f"Bearer {self.token}"),)

    @contextmanager
    def channel(self) -> Iterator[grpc.Channel]:
        with grpc.insecure_channel(self.address, options=(("grpc.max_receive_message_length", 16 << 20),)) as channel:
            yield channel

    def log(self) -> str:
        return b"".join(self.stderr).decode(errors="replace")


@contextmanager
def sidecar_process(
    *,
    directory: Path,
    environment: Mapping[str, str],
    runtime: Path | None = None,
    prefix: Sequence[str] = (),
    command: Sequence[str | Path] = COMMAND,
) -> Iterator[SidecarProcess]:
    """Starts a sidecar in ``directory``, yields it after its handshake, and ends it.

    ``prefix`` is a command that runs the command after it, such as `unshare`; ``command`` is what serves.
    """
    with tempfile.TemporaryDirectory(dir=runtime, prefix="s") as folder:
        socket_directory = Path(folder, secrets.token_hex(4))
        socket_directory.mkdir(mode=0o700)
        process = subprocess.Popen(
            (*prefix, *command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=dict(environment),
            start_new_session=True,
        )
        token = secrets.token_hex(32)
        bootstrap = Bootstrap(token=token, socket_directory=str(socket_directory), parent_pid=os.getpid())
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        stderr: deque[bytes] = deque(maxlen=2000)
        drain = threading.Thread(target=stderr.extend, args=(process.stderr,), daemon=True)
        drain.start()
        try:
            process.stdin.write(format_bootstrap(bootstrap))
            process.stdin.flush()
            answer = next((parsed for line in process.stdout if (parsed := parse_handshake(line))), None)
            if answer is None:
                message = f"no handshake; exit code {process.wait(5)}; {b''.join(stderr).decode(errors='replace')}"
                raise AssertionError(message)
            yield SidecarProcess(
                process=process, socket_directory=socket_directory, token=token, answer=answer, stderr=stderr
            )
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
            drain.join(5)
            process.stderr.close()
