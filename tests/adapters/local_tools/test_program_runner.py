import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.application.ports.program_runner import Completion, Program
from atmos_ai_sidecar.domain.tools import ExecutionClass, OutputPiece
from atmos_ai_sidecar.errors import ToolExecutionFailedError

READ, PLAN, MUTATE = ExecutionClass.READ, ExecutionClass.PLAN, ExecutionClass.MUTATE
SHORT_LADDER = (0.3, 0.3)
DEAF = "import signal; [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM)];"


def program(
    *arguments: str,
    directory: Path | str = "/",
    execution_class: ExecutionClass = READ,
    umask: int = 0o077,
    environment: Mapping[str, str] | None = None,
) -> Program:
    return Program(
        arguments=arguments,
        directory=str(directory),
        environment={"PATH": os.defpath, **(environment or {})},
        execution_class=execution_class,
        umask=umask,
    )


def shell(
    script: str, *, execution_class: ExecutionClass = READ, environment: Mapping[str, str] | None = None
) -> Program:
    return program("/bin/sh", "-c", script, execution_class=execution_class, environment=environment)


def python(script: str, *, execution_class: ExecutionClass = READ) -> Program:
    return program(sys.executable, "-I", "-S", "-c", script, execution_class=execution_class)


def runner(*, kept_characters: int = 5_000_000) -> WardenedRunner:
    return WardenedRunner(clock=SystemClock(), ladder_seconds=SHORT_LADDER, kept_characters=kept_characters)


async def run(what: Program, pieces: list[OutputPiece] | None = None) -> Completion:
    collected: list[OutputPiece] = [] if pieces is None else pieces
    async with asyncio.timeout(5):
        return await runner().run(what, collected.append)


@asynccontextmanager
async def running(what: Program, *, words: int) -> AsyncIterator[tuple["asyncio.Task[Completion]", Sequence[str]]]:
    """A program that has printed so many words."""
    printed = ""
    changed = asyncio.Event()

    def emit(piece: OutputPiece) -> None:
        nonlocal printed
        printed += piece.text
        changed.set()

    task = asyncio.create_task(runner().run(what, emit))
    async with asyncio.timeout(5):
        while len(printed.split()) < words:
            await changed.wait()
            changed.clear()
    try:
        yield task, printed.split()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ToolExecutionFailedError):
            await task


async def wait_gone(*pids: int) -> None:
    """Returns when no such process lives; fails after 5 seconds."""

    def wait() -> list[psutil.Process]:
        living = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
        return psutil.wait_procs(living, timeout=5)[1]

    with suppress(psutil.NoSuchProcess):
        assert await asyncio.to_thread(wait) == []


async def wait_for(path: Path) -> str:
    """The content of a file that a program will write; fails after 5 seconds."""
    async with asyncio.timeout(5):
        while not (content := content_of(path)):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    return content


def content_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def is_warden(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE or "warden.py" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def warden_of(pid: int) -> psutil.Process:
    return next(parent for parent in psutil.Process(pid).parents() if is_warden(parent))


async def test_output_exit_code_and_duration_are_reported() -> None:
    pieces: list[OutputPiece] = []
    completion = await run(shell("echo one; echo two >&2; exit 3"), pieces)
    assert (completion.exit_code, completion.stdout, completion.stderr) == (3, "one\n", "two\n")
    assert 0 < completion.duration_seconds < 5
    assert not completion.truncated
    assert {(piece.stream, piece.text) for piece in pieces} == {("stdout", "one\n"), ("stderr", "two\n")}


async def test_a_program_that_a_signal_ended_has_128_and_its_number() -> None:
    assert (await run(shell("kill -TERM $$"))).exit_code == 143


async def test_the_program_has_the_directory_umask_and_environment_of_the_call_and_nothing_else(tmp_path: Path) -> None:
    completion = await run(
        program("/bin/sh", "-c", "pwd; umask; env", directory=tmp_path, umask=0o027, environment={"FLAVOUR": "mint"})
    )
    lines = completion.stdout.splitlines()
    assert lines[:2] == [str(tmp_path), "0027"]
    assert {line.partition("=")[0] for line in lines[2:]} <= {"PATH", "FLAVOUR", "PWD", "OLDPWD", "SHLVL", "_"}
    assert "FLAVOUR=mint" in lines


async def test_the_program_has_no_input_no_terminal_and_a_session_of_its_own() -> None:
    script = "import os, sys; print(sys.stdin.read() == '', os.getsid(0) == os.getpid(), os.path.exists('/dev/tty'))"
    completion = await run(python(f"{script}\ntry: open('/dev/tty')\nexcept OSError: print('no terminal')"))
    assert completion.stdout.splitlines()[0].startswith("True True")
    assert completion.stdout.splitlines()[1] == "no terminal"


async def test_the_program_inherits_no_descriptor_but_the_first_three() -> None:
    completion = await run(python("import os; print([n for n in range(3, 64) if os.path.exists(f'/dev/fd/{n}')])"))
    assert completion.stdout in {"[]\n", "[3]\n"}  # 3 is the listing itself


async def test_the_program_has_the_default_signal_dispositions() -> None:
    script = "import signal; print([signal.getsignal(s) == signal.SIG_DFL for s in (1, 15, 17)])"
    assert (await run(python(script))).stdout == "[True, True, True]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
async def test_the_warden_carries_nothing_of_the_call_in_its_own_environment_or_arguments() -> None:
    async with running(shell("echo $$; sleep 60", environment={"SECRET": "hunter2hunter2"}), words=1) as (_, words):
        warden = warden_of(int(words[0]))
        seen = warden.as_dict(["cmdline", "environ"], ad_value="closed")
        assert seen["environ"] == "closed" or os.geteuid() == 0
        assert "hunter2" not in str(seen)


@pytest.mark.parametrize(
    ("arguments", "directory", "problem"),
    [
        (["/nowhere/atmos"], "/", "No such file or directory"),
        (["/bin/sh"], "/nowhere", "No such file or directory"),
        (["/"], "/", "Permission denied"),
    ],
)
async def test_a_program_that_cannot_be_started_is_an_error_that_says_why(
    arguments: list[str], directory: str, problem: str
) -> None:
    with pytest.raises(ToolExecutionFailedError, match=problem) as caught:
        await run(program(*arguments, directory=directory))
    assert arguments[0] in str(caught.value)
    assert directory in str(caught.value)


async def test_a_warden_that_was_killed_leaves_the_end_unknown() -> None:
    async with running(shell("echo $$; sleep 60"), words=1) as (task, words):
        warden_of(int(words[0])).kill()
        with pytest.raises(ToolExecutionFailedError, match="not known how"):
            async with asyncio.timeout(5):
                await task
        os.kill(int(words[0]), signal.SIGKILL)


async def test_characters_split_between_reads_are_whole_and_broken_ones_are_replaced() -> None:
    script = r"import os, time; os.write(1, b'\xf0\x9f'); time.sleep(0.05); os.write(1, b'\x91\xbd\xff.')"
    assert (await run(python(script))).stdout == "👽�."


async def test_long_output_comes_whole_in_pieces_below_64_kib() -> None:
    pieces: list[OutputPiece] = []
    completion = await run(program("/usr/bin/head", "-c", "2000000", "/dev/zero"), pieces)
    assert len(completion.stdout) == 2_000_000 == sum(len(piece.text) for piece in pieces)
    assert max(len(piece.text.encode()) for piece in pieces) <= 65_536


async def test_of_output_beyond_the_limit_head_and_tail_are_kept() -> None:
    what = shell("echo head; head -c 300000 /dev/zero | tr '\\0' x; echo; echo tail")
    completion = await runner(kept_characters=100_000).run(what, lambda _piece: None)
    assert completion.truncated
    assert completion.stdout.startswith("head\nxxx")
    assert completion.stdout.endswith("xxx\ntail\n")
    assert "characters left out" in completion.stdout
    assert len(completion.stdout) < 150_000


async def test_a_large_environment_reaches_the_program() -> None:
    values = {f"V{number}": "x" * 10_000 for number in range(60)}
    assert (await run(shell('echo "${#V59}"', environment=values))).stdout == "10000\n"


async def test_many_programs_run_side_by_side_without_leaving_descriptors_or_zombies() -> None:
    await run(shell("true"))
    before = open_descriptors()
    completions = await asyncio.gather(*(run(shell(f"echo {number}")) for number in range(10)))
    assert [completion.stdout for completion in completions] == [f"{number}\n" for number in range(10)]
    assert open_descriptors() <= before
    await wait_gone(*(child.pid for child in psutil.Process().children() if is_warden(child)))


@pytest.mark.parametrize("execution_class", [READ, PLAN])
async def test_cancel_returns_at_once_and_ends_a_deaf_grandchild_in_a_session_of_its_own(
    execution_class: ExecutionClass,
) -> None:
    grandchild = f"{DEAF} import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(60)"
    child = f"{DEAF} import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    script = f'"{sys.executable}" -c "{grandchild}" & exec "{sys.executable}" -c "{child}"'
    async with running(shell(script, execution_class=execution_class), words=2) as (task, words):
        pids = [int(word) for word in words]
        warden = warden_of(pids[0])
        async with asyncio.timeout(0.2):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await wait_gone(*pids, warden.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="orphans of another session are known to a subreaper only")
async def test_cancel_ends_an_orphan_that_was_disowned_twice() -> None:
    disowned = "os.fork() and os._exit(0); os.setsid()"
    orphan = f"{DEAF} import os, time; {disowned}; print(os.getpid(), flush=True); time.sleep(60)"
    async with running(shell(f'"{sys.executable}" -c "{orphan}"; sleep 60'), words=1) as (task, words):
        task.cancel()
        await wait_gone(int(words[0]))


async def test_the_ladder_starts_with_sigint_so_that_a_program_can_clean_up(tmp_path: Path) -> None:
    mark = tmp_path / "cleaned"
    script = f"trap 'echo SIGINT > \"{mark}\"; exit 130' INT; echo ready; while :; do sleep 0.05; done"
    async with running(shell(script), words=1) as (task, _):
        task.cancel()
        assert await wait_for(mark) == "SIGINT\n"


async def test_what_a_finished_program_left_running_is_ended_and_not_waited_for() -> None:
    child = f"{DEAF} import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(60)"
    script = f'"{sys.executable}" -c "{child}" & while ! read -r _; do break; done; sleep 0.5; exit 0'
    completion = await run(shell(script))
    assert completion.exit_code == 0
    assert completion.duration_seconds < 5
    await wait_gone(int(completion.stdout))


async def test_what_a_finished_change_left_running_is_left_alone(tmp_path: Path) -> None:
    mark = tmp_path / "finished"
    script = f'(sleep 0.7; echo still; echo done > "{mark}") & echo $!'
    completion = await run(shell(script, execution_class=MUTATE))
    assert completion.exit_code == 0
    assert await wait_for(mark) == "done\n"
    await wait_gone(int(completion.stdout.split()[0]))


async def test_a_cancelled_change_gets_one_sigint_and_is_awaited(tmp_path: Path) -> None:
    mark = tmp_path / "log"
    script = (
        "import signal, sys, time\n"
        "count = 0\n"
        "def note(number, frame):\n"
        "    global count\n"
        "    count += number\n"
        "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, note)\n"
        "print('ready', flush=True)\n"
        "until = time.monotonic() + 1.5\n"
        "while time.monotonic() < until:\n"
        "    time.sleep(0.05)\n"
        "    print('output that nobody reads', flush=True)\n"
        f"open({str(mark)!r}, 'w').write(f'signals {{count}}')\n"
    )
    async with running(python(script, execution_class=MUTATE), words=1) as (task, _):
        task.cancel()
        assert await wait_for(mark) == f"signals {signal.SIGINT:d}"


def start_sidecar(tmp_path: Path, script: str, execution_class: ExecutionClass) -> "subprocess.Popen[bytes]":
    """Another process that runs a program under its own warden, so that it can be killed."""
    code = (
        "import asyncio\n"
        "from atmos_ai_sidecar.adapters.clock import SystemClock\n"
        "from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner\n"
        "from atmos_ai_sidecar.application.ports.program_runner import Program\n"
        "from atmos_ai_sidecar.domain.tools import ExecutionClass\n"
        f"what = Program(arguments=['/bin/sh', '-c', {script!r}], directory={str(tmp_path)!r},\n"
        f"    environment={{'PATH': {os.defpath!r}}}, execution_class=ExecutionClass.{execution_class.name})\n"
        f"runner = WardenedRunner(clock=SystemClock(), ladder_seconds={SHORT_LADDER})\n"
        "asyncio.run(runner.run(what, lambda piece: None))\n"
    )
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.fixture
def sidecar(tmp_path: Path) -> "Callable[[str, ExecutionClass], subprocess.Popen[bytes]]":
    return lambda script, execution_class: start_sidecar(tmp_path, script, execution_class)


async def test_kill_9_of_the_sidecar_ends_a_program_that_reads(
    tmp_path: Path, sidecar: "Callable[[str, ExecutionClass], subprocess.Popen[bytes]]"
) -> None:
    process = sidecar("trap '' INT TERM; sleep 60 & echo $$ $! > pids.part; mv pids.part pids; wait; sleep 60", READ)
    pids = [int(word) for word in (await wait_for(tmp_path / "pids")).split()]
    warden = warden_of(pids[0])
    process.kill()
    process.wait(5)
    await wait_gone(*pids, warden.pid)


async def test_kill_9_of_the_sidecar_leaves_a_change_to_finish_without_a_signal(
    tmp_path: Path, sidecar: "Callable[[str, ExecutionClass], subprocess.Popen[bytes]]"
) -> None:
    script = (
        "trap 'echo interrupted >> log' INT TERM PIPE; echo $$ > pid.part; mv pid.part pid\n"
        "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; head -c 20000 /dev/zero; done\n"
        "echo applied >> log"
    )
    process = sidecar(script, MUTATE)
    pid = int(await wait_for(tmp_path / "pid"))
    warden = warden_of(pid)
    process.kill()
    process.wait(5)
    await wait_gone(pid, warden.pid)
    assert (tmp_path / "log").read_text() == "applied\n"


async def test_a_warden_ignores_the_signals_of_a_closing_terminal() -> None:
    async with running(shell("echo $$; sleep 0.3; echo end"), words=1) as (task, words):
        warden = warden_of(int(words[0]))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            warden.send_signal(number)
        async with asyncio.timeout(5):
            assert (await task).stdout.endswith("end\n")


def wardens() -> set[int]:
    """The children of this process; a new one is a warden, because nothing else is started here."""
    return {child.pid for child in psutil.Process().children()}


@pytest.fixture
def prepared() -> Iterator[WardenedRunner]:
    prepared = WardenedRunner(clock=SystemClock(), ladder_seconds=SHORT_LADDER, keeps_spare=True)
    yield prepared
    prepared.close()


async def test_nothing_is_started_before_it_is_needed(prepared: WardenedRunner) -> None:
    before = wardens()
    runner().prepare()
    assert wardens() <= before
    prepared.prepare()
    prepared.prepare()
    assert len(wardens() - before) == 1


async def test_a_call_takes_the_spare_warden_and_leaves_another(prepared: WardenedRunner) -> None:
    before = wardens()
    prepared.prepare()
    (spare,) = wardens() - before
    completion = await prepared.run(python("import os; print(os.getppid())"), lambda _: None)
    assert int(completion.stdout) == spare
    await wait_gone(spare)
    completion = await prepared.run(python("import os; print(os.getppid())"), lambda _: None)
    assert int(completion.stdout) not in {spare, os.getpid()}


async def test_a_spare_warden_that_was_killed_is_replaced(prepared: WardenedRunner) -> None:
    before = wardens()
    prepared.prepare()
    (spare,) = wardens() - before
    os.kill(spare, signal.SIGKILL)
    await wait_gone(spare)
    async with asyncio.timeout(5):
        assert (await prepared.run(shell("echo still here"), lambda _: None)).stdout == "still here\n"


async def test_closing_ends_the_spare_warden_and_no_other_comes(prepared: WardenedRunner) -> None:
    before, descriptors = wardens(), open_descriptors()
    prepared.prepare()
    (spare,) = wardens() - before
    prepared.close()
    await wait_gone(spare)
    assert open_descriptors() == descriptors
    prepared.prepare()
    await prepared.run(shell("true"), lambda _: None)
    await asyncio.sleep(0)
    assert len(wardens() - before) <= 1  # the call's own, on its way out


async def test_the_spare_warden_ends_with_this_process() -> None:
    script = (
        "import asyncio, os\n"
        "from atmos_ai_sidecar.adapters.clock import SystemClock\n"
        "from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner\n"
        "runner = WardenedRunner(clock=SystemClock(), keeps_spare=True)\n"
        "runner.prepare()\n"
        "print(os.popen('pgrep -P %d -f warden.py' % os.getpid()).read().split()[0], flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    started = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], capture_output=True, check=False)
    await wait_gone(int(started.stdout))
