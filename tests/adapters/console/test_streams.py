import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.adapters.console.conftest import ROOT, program

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_output_keeps_its_order_and_its_streams(piped: Run) -> None:
    done = piped("""
        for number in range(1000):
            console.write(b"%d\\n" % number)
        console.write_error(b"talk")
        return 7
    """)
    assert done.stdout == b"".join(b"%d\n" % number for number in range(1000))
    assert done.stderr == b"talk"
    assert done.returncode == 7


def test_a_pipe_is_read_to_its_end(piped: Run) -> None:
    done = piped(
        """
        while data := await console.read(4):
            console.write(b"<" + data + b">")
        return 0
        """,
        input=b"123456",
    )
    assert done.stdout == b"<1234><56>"


def test_a_file_and_the_null_device_can_be_read(piped: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    body = "console.write(await console.read() + b'|' + await console.read())\nreturn 0"
    with (tmp_path / "file").open("rb") as file:
        assert piped(body, stdin=file).stdout == b"content|"
    assert piped(body, stdin=subprocess.DEVNULL).stdout == b"|"


def test_only_what_is_asked_for_is_taken_from_the_input() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"abcdef")
    done = subprocess.run(
        program("console.write(await console.read(3))\nreturn 0"),
        cwd=ROOT,
        stdin=reader,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"abc"
    assert os.read(reader, 10) == b"def"
    os.close(reader)
    os.close(writer)


def test_a_command_that_reads_nothing_takes_nothing() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"abc")
    subprocess.run(program("console.write(b'x')\nreturn 0"), cwd=ROOT, stdin=reader, capture_output=True, check=True)
    assert os.read(reader, 10) == b"abc"
    os.close(reader)
    os.close(writer)


def test_closed_streams_are_an_empty_input_and_a_lost_output() -> None:
    command = program("console.write(b'x')\nreturn 3 if await console.read() == b'' else 4")
    quoted = " ".join(f"'{word}'" for word in command[:2])
    done = subprocess.run(
        ["sh", "-c", f'{quoted} "$0" <&- >&-', command[2]], cwd=ROOT, capture_output=True, check=False, timeout=10
    )
    assert (done.returncode, done.stderr) == (3, b"")


def test_a_reader_that_goes_away_ends_the_command_with_141() -> None:
    body = """
        try:
            while True:
                console.write(b"x" * 4096)
                await console.drain()
        finally:
            console.write_error(b"cleaned up")
            await console.drain()
    """
    with subprocess.Popen(program(body), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(1)
        child.stdout.close()
        assert child.stderr.read() == b"cleaned up"
        assert child.wait(10) == 141


def test_output_that_nobody_takes_does_not_block_the_loop() -> None:
    body = """
        console.write(b"x" * 300_000)
        while not console.is_congested():
            await asyncio.sleep(0)
        console.write_error(b"still alive")
        os.write(2, b"congested")
        await console.drain()
        return 0 if not console.is_congested() else 1
    """
    with subprocess.Popen(program(body), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stderr.read(9) == b"congested"
        assert len(child.stdout.read()) == 300_000
        assert child.stderr.read() == b"still alive"
        assert child.wait(10) == 0


def test_output_that_is_never_drained_has_a_limit() -> None:
    body = """
        while True:
            console.write(b"x" * 1_000_000)
            await asyncio.sleep(0)
    """
    with subprocess.Popen(program(body), cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.wait(10) == 141


def test_a_signal_without_a_callback_cancels_the_command() -> None:
    body = """
        console.write(b"ready")
        try:
            await asyncio.sleep(60)
        finally:
            console.write(b" cleaned up")
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        with subprocess.Popen(program(body), cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.read(5) == b"ready"
            child.send_signal(number)
            assert child.stdout.read() == b" cleaned up"
            assert child.wait(10) == 128 + number


def test_a_signal_with_a_callback_is_only_reported() -> None:
    body = """
        signals = asyncio.Queue()
        console.on_signal(signals.put_nowait)
        console.write(b"ready")
        console.write((await signals.get()).encode())
        console.write((await signals.get()).encode())
        return 5
    """
    with subprocess.Popen(program(body), cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.read(5) == b"ready"
        child.send_signal(signal.SIGINT)
        assert child.stdout.read(3) == b"INT"
        child.send_signal(signal.SIGTERM)
        assert child.stdout.read() == b"TERM"
        assert child.wait(10) == 5


def test_ignored_signals_stay_ignored(piped: Run) -> None:
    done = piped(
        "os.kill(os.getpid(), 1)\nawait asyncio.sleep(0)\nreturn 6",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert done.returncode == 6


def test_the_caller_is_described(piped: Run, tmp_path: Path) -> None:
    body = """
        console.write(repr((console.environment["MARK"], console.umask, console.working_directory == os.getcwd(),
            console.stdin_is_terminal, console.stdout_is_terminal, console.stderr_is_terminal,
            console.has_controlling_terminal, console.size.columns, console.size.rows, len(console.run_id))).encode())
        console.set_prompter(attached=True)
        console.offer_resume("token")
        return 0
    """
    done = piped(body, env={**os.environ, "MARK": "x"}, umask=0o027)
    assert done.stdout == repr(("x", 0o027, True, False, False, False, False, 80, 24, 32)).encode()


def test_an_error_of_the_command_is_not_hidden(piped: Run) -> None:
    done = piped("raise ValueError('seen')")
    assert b"ValueError: seen" in done.stderr
    assert done.returncode == 1
