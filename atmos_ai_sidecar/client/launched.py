"""A sidecar that this process started; stdlib only."""

import os
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from atmos_ai_sidecar.client.failures import LaunchFailedError
from atmos_ai_sidecar.handshake import (
    MAX_LINE_BYTES,
    MAX_NOISE_LINES,
    Bootstrap,
    Handshake,
    HandshakeError,
    StartError,
    format_bootstrap,
    parse_handshake,
)

START_SECONDS = 10.0
STOP_SECONDS = 6.0
"""One more than the sidecar takes at most."""
_STDERR_LINES = 20


class LaunchedSidecar:
    """A child that ends when its standard input closes: with ``stop``, and with this process whatever ends it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str], token: str) -> None:
        self._process = process
        self._folder = folder
        self.token = token
        self.address = ""
        self._said: deque[bytes] = deque(maxlen=_STDERR_LINES)
        threading.Thread(target=_drain, args=(process.stderr, self._said), daemon=True).start()

    @classmethod
    def start(cls, directory: str | Path, environment: Mapping[str, str] | None = None) -> Self:
        """Starts a sidecar for the project in ``directory``; it can be dialled when this returns.

        Args:
            directory: Where the services work.
            environment: All that the sidecar and its tools see; None: this process's own.

        Raises:
            LaunchFailedError: It said why, or said nothing for 10 s.
        """
        folder = tempfile.TemporaryDirectory(prefix="atmos-ai-", dir=_short_folder())
        command = (sys.executable, "-I", "-X", "utf8", "-m", "atmos_ai_sidecar", "serve")
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                cwd=directory,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )
        except OSError as error:
            folder.cleanup()
            raise LaunchFailedError(f"The sidecar was not started in {directory}: {error.strerror}.") from error
        sidecar = cls(process, folder, secrets.token_hex(32))
        try:
            sidecar._shake_hands()
        except BaseException:
            sidecar.stop()
            raise
        return sidecar

    def stop(self) -> None:
        """Ends the sidecar in order, at the latest after 6 s by force. Stopping twice does nothing."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def _shake_hands(self) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - both are pipes
        assert stdout is not None  # noqa: S101
        bootstrap = Bootstrap(
            token=self.token, socket_directory=self._folder.name, parent_pid=os.getpid(), client_name="python client"
        )
        with suppress(BrokenPipeError):  # what it said on its way out tells more
            stdin.write(format_bootstrap(bootstrap))
            stdin.flush()
        answers: queue.SimpleQueue[Handshake | StartError | HandshakeError | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(stdout, answers), daemon=True).start()
        try:
            answer = answers.get(timeout=START_SECONDS)
        except queue.Empty:
            raise LaunchFailedError(f"The sidecar said nothing for {START_SECONDS:g} s. {self._last_words()}") from None
        if not isinstance(answer, Handshake):
            message = answer.message if isinstance(answer, StartError) else str(answer or "no handshake")
            raise LaunchFailedError(f"The sidecar did not start: {message}. {self._last_words()}".rstrip())
        self.address = answer.address

    def _last_words(self) -> str:
        return b"".join(self._said).decode(errors="replace").strip()


def _read(stdout: IO[bytes], answers: "queue.SimpleQueue[Handshake | StartError | HandshakeError | None]") -> None:
    """Puts the handshake, or what came instead of it, and then throws away whatever is printed."""
    answer: Handshake | StartError | HandshakeError | None = None
    with suppress(OSError, ValueError):
        for _ in range(MAX_NOISE_LINES):
            line = stdout.readline(MAX_LINE_BYTES)
            try:
                answer = parse_handshake(line)
            except HandshakeError as error:
                answer = error
            if answer is not None or not line:
                break
    answers.put(answer)
    with suppress(OSError, ValueError):
        while stdout.read(MAX_LINE_BYTES):
            pass


def _drain(stream: IO[bytes], said: deque[bytes]) -> None:
    with stream:
        said.extend(stream)


def _short_folder() -> str | None:
    """The user's runtime folder where there is one: the path of a socket may have 100 bytes."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return runtime if runtime and os.access(runtime, os.W_OK | os.X_OK) else None
