import gc
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from atmos_ai_sidecar.handshake import (
    MAX_LINE_BYTES,
    PREFIX,
    Bootstrap,
    Handshake,
    StartError,
    format_bootstrap,
    parse_handshake,
)
from atmos_ai_sidecar.v1 import sidecar_service_pb2 as pb
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub
from tests.sidecar.program import SAID_BEFORE_ANYTHING

PROGRAM = str(Path(__file__).with_name("program.py"))
TOKEN = "ab" * 32
METADATA = (("authorization", f"Bearer {TOKEN}"),)


class Started:
    """A sidecar as a process, and the two ends of its pipes."""

    def __init__(self, process: "subprocess.Popen[bytes]", directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.lines: list[bytes] = []
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdin, self.stdout, self.stderr = process.stdin, process.stdout, process.stderr

    def say(self, line: bytes) -> None:
        try:
            self.stdin.write(line)
            self.stdin.flush()
        except BrokenPipeError:
            return

    def bootstrap(self, **changes: Any) -> bytes:
        values = json.loads(
            format_bootstrap(Bootstrap(token=TOKEN, socket_directory=str(self.directory), parent_pid=os.getpid()))
        )
        return json.dumps(values | changes).encode() + b"\n"

    def answer(self) -> Handshake | StartError:
        """The handshake, which must be the only thing on stdout."""
        line = self.stdout.readline()
        answer = parse_handshake(line)
        assert answer is not None, (line, self.process.wait(5), self.stderr.read())
        return answer

    def start(self) -> Handshake:
        self.say(self.bootstrap())
        answer = self.answer()
        assert isinstance(answer, Handshake)
        return answer

    def wait_end(self, seconds: float = 20) -> int:
        return self.process.wait(seconds)


@contextmanager
def started(*arguments: str, faults: str = "", session: bool = True) -> Iterator[Started]:
    with tempfile.TemporaryDirectory(prefix="aa") as base:
        directory = Path(base, secrets.token_hex(4))
        directory.mkdir(mode=0o700)
        process = subprocess.Popen(
            (sys.executable, "-X", "utf8", PROGRAM, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "SMALL_SIDECAR": faults},
            start_new_session=session,
        )
        with process:
            try:
                yield Started(process, directory)
            finally:
                process.kill()


@pytest.fixture
def sidecar() -> Iterator[Started]:
    with started() as sidecar:
        yield sidecar


def test_handshake_names_a_private_socket_that_answers(sidecar: Started) -> None:
    handshake = sidecar.start()
    assert handshake.pid == sidecar.process.pid
    assert handshake.address == f"unix://{sidecar.directory}/s.sock"
    assert (sidecar.directory / "s.sock").stat().st_mode & 0o077 == 0
    with grpc.insecure_channel(handshake.address) as channel:
        answer = SidecarServiceStub(channel).GetServerInfo(pb.GetServerInfoRequest(), metadata=METADATA, timeout=5)
    assert answer.instance_id == handshake.instance_id


def test_nothing_but_the_handshake_comes_out_of_stdout(sidecar: Started) -> None:
    sidecar.start()
    sidecar.stdin.close()
    assert sidecar.wait_end() == 0
    assert sidecar.stdout.read() == b""
    assert SAID_BEFORE_ANYTHING in sidecar.stderr.read().decode()


def test_nothing_slow_is_imported_before_the_handshake() -> None:
    with started(faults="modules") as sidecar:
        sidecar.start()
        loaded = next(line for line in sidecar.stderr if line.startswith(b"modules:")).decode().split()
    slow = {"anthropic", "mcp", "prompt_toolkit", "rich", "starlette", "jsonschema", "ruamel.yaml", "google.rpc"}
    assert slow.isdisjoint(loaded)


def test_start_is_not_stopped_for_garbage_every_seven_hundred_objects() -> None:
    program = (
        "import gc, sys; from atmos_ai_sidecar.__main__ import main; sys.argv = ['atmos-ai', 'version']; "
        "code = main(); print(code, *gc.get_threshold())"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    code, young, *older = map(int, done.stdout.split()[-4:])
    assert code == 0
    assert young >= 10_000
    assert older == list(gc.get_threshold()[1:])


@pytest.mark.parametrize("gone", ["eof", "rpc", "TERM", "INT", "HUP"])
def test_end_in_order_leaves_no_socket_and_no_directory(sidecar: Started, gone: str) -> None:
    handshake = sidecar.start()
    if gone == "eof":
        sidecar.stdin.close()
    elif gone == "rpc":
        with grpc.insecure_channel(handshake.address) as channel:
            SidecarServiceStub(channel).Shutdown(pb.ShutdownRequest(), metadata=METADATA, timeout=5)
    else:
        sidecar.process.send_signal(signal.Signals[f"SIG{gone}"])
    expected = {"TERM": 143, "INT": 130, "HUP": 129}.get(gone, 0)
    assert sidecar.wait_end() == expected
    assert not sidecar.directory.exists()


@pytest.mark.parametrize("fault", ["hang", "block"])
def test_end_that_hangs_is_forced_within_the_hard_cap(fault: str) -> None:
    with started(faults=fault) as sidecar:
        sidecar.start()
        sidecar.stdin.close()
        assert sidecar.wait_end(40) == 70  # what hangs here would take 60 s
        assert not sidecar.directory.exists()


def test_parent_that_dies_before_the_handshake_leaves_no_orphan(sidecar: Started) -> None:
    sidecar.stdout.close()
    sidecar.say(sidecar.bootstrap())
    assert sidecar.wait_end() == 0
    assert not sidecar.directory.exists()


def test_wrapper_that_holds_the_pipe_open_does_not_keep_an_orphan(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="aa") as directory:
        reading, writing = os.pipe()
        command = f"exec 3<&0; {sys.executable} {PROGRAM} <&3 & wait"
        with subprocess.Popen(("sh", "-c", command), stdin=reading, stdout=subprocess.PIPE) as shell:
            os.close(reading)
            bootstrap = Bootstrap(token=TOKEN, socket_directory=directory, parent_pid=os.getpid())
            os.write(writing, format_bootstrap(bootstrap))
            assert shell.stdout is not None
            assert isinstance(parse_handshake(shell.stdout.readline()), Handshake)
            shell.kill()
            assert shell.stdout.read() == b""  # its other end closes with the sidecar
        assert not Path(directory).exists()
        os.close(writing)
        Path(directory).mkdir()  # for the context to remove


@pytest.mark.parametrize(
    ("line", "reason", "code"),
    [
        (b"", "INVALID_FIELD", 65),
        (b"no json\n", "INVALID_FIELD", 65),
        (b"[" * 100_000 + b"\n", "INVALID_FIELD", 65),
        (b"x" * (MAX_LINE_BYTES + 1), "INVALID_FIELD", 65),
        (b'{"magic": "other"}\n', "INVALID_FIELD", 65),
        (b"\xff\xfe\n", "INVALID_FIELD", 65),
        (b'{"magic": "atmos-ai-sidecar", "protocol_versions": [99]}\n', "PROTOCOL_MISMATCH", 76),
    ],
)
def test_bad_bootstrap_is_told_and_has_its_own_exit_code(sidecar: Started, line: bytes, reason: str, code: int) -> None:
    sidecar.say(line)
    threading.Thread(target=sidecar.stdin.close).start()
    answer = sidecar.answer()
    assert isinstance(answer, StartError)
    assert answer.reason == reason
    assert sidecar.wait_end() == code


@pytest.mark.parametrize(
    ("fault", "reason", "code"),
    [
        ("configuration", "CONFIGURATION_INVALID", 78),
        ("bug", "INTERNAL_ERROR", 70),
        ("no_module", "INTERNAL_ERROR", 70),
    ],
)
def test_failed_start_is_told_and_has_its_own_exit_code(fault: str, reason: str, code: int) -> None:
    with started(faults=fault) as sidecar:
        sidecar.say(sidecar.bootstrap())
        answer = sidecar.answer()
        assert isinstance(answer, StartError)
        assert answer.reason == reason
        assert "ZeroDivision" not in answer.message
        assert sidecar.wait_end() == code


def test_arguments_are_refused_as_usage() -> None:
    with started("--port", "1") as sidecar:
        assert isinstance(sidecar.answer(), StartError)
        assert sidecar.wait_end() == 64


def test_token_and_environment_do_not_reach_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "s3cr3t-value")
    with started() as sidecar:
        sidecar.say(sidecar.bootstrap(log_level="debug"))
        sidecar.answer()
        sidecar.stdin.close()
        sidecar.wait_end()
        log = sidecar.stderr.read().decode()
    assert "ending" in log
    assert TOKEN not in log
    assert "s3cr3t" not in log


@pytest.mark.parametrize("problem", ["mode", "link", "missing", "long", "taken"])
def test_directory_that_others_could_reach_is_refused(sidecar: Started, problem: str) -> None:
    directory = sidecar.directory
    if problem == "mode":
        directory.chmod(0o755)
    elif problem == "link":
        directory = directory.with_name("link")
        directory.symlink_to(sidecar.directory)
    elif problem == "missing":
        directory = directory.with_name("missing")
    elif problem == "long":
        directory = directory / ("x" * 100)
    else:
        (directory / "s.sock").touch()
    sidecar.say(sidecar.bootstrap(socket_directory=str(directory)))
    answer = sidecar.answer()
    assert isinstance(answer, StartError)
    assert answer.reason == "SOCKET_UNAVAILABLE"
    assert str(directory) in answer.message
    assert sidecar.wait_end() == 69
    assert problem != "taken" or (directory / "s.sock").exists()


def test_prefix_of_the_handshake_is_what_clients_look_for() -> None:
    assert PREFIX == "ATMOS-AI-SIDECAR|1|"
