import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.local_tools.left_programs import LeftProgramsFolder
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.application.ports.program_runner import Completion, Occasion, Program
from atmos_ai_sidecar.domain.left_calls import LeftCall, LeftState
from atmos_ai_sidecar.domain.tools import ExecutionClass
from atmos_ai_sidecar.errors import ToolExecutionFailedError

TERRAFORM = """
import json, os, signal, sys, time
from pathlib import Path

lock = Path(".terraform.tfstate.lock.info")
lock.write_text(json.dumps({"ID": "4f1c", "Path": "terraform.tfstate", "Operation": "OperationTypeApply"}))
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"Interrupt received.\\n"))
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("Acquired", os.getpid(), flush=True)
while not Path("go-on").exists():
    time.sleep(0.01)
Path("terraform.tfstate").write_text("{}")
lock.unlink()
print("Apply complete! password = hunter2-Q7x", flush=True)
sys.exit(3 if "fail" in sys.argv else 0)
"""
"""A terraform that holds a lock and writes its state only when a file says so."""


class Site:
    """A project with a slow terraform."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self.records = folder / "records"
        self.left = self._of("/project")
        self.runner = WardenedRunner(clock=SystemClock(), ladder_seconds=(0.3, 0.3), records=self.left)

    def _of(self, project: str) -> LeftProgramsFolder:
        return LeftProgramsFolder(
            self.records, project, make_private=lambda: self.records.mkdir(mode=0o700, exist_ok=True)
        )

    def of_another_project(self) -> LeftProgramsFolder:
        return self._of("/other")

    def program(self, *arguments: str, call: str = "call-1") -> Program:
        return Program(
            arguments=(sys.executable, "-I", "-c", TERRAFORM, *arguments),
            directory=str(self.folder),
            environment={"PATH": os.defpath},
            execution_class=ExecutionClass.MUTATE,
            occasion=Occasion(session_id="session-1", call_id=call, text="terraform apply"),
        )

    def go_on(self) -> None:
        (self.folder / "go-on").touch()

    @asynccontextmanager
    async def applying(self, *arguments: str) -> AsyncIterator["tuple[asyncio.Task[Completion], int]"]:
        """A terraform that holds its lock, and its process id."""
        printed, started = "", asyncio.Event()

        def emit(piece: object) -> None:
            nonlocal printed
            printed += getattr(piece, "text", "")
            started.set()

        task = asyncio.create_task(self.runner.run(self.program(*arguments), emit))
        async with asyncio.timeout(10):
            await started.wait()
        try:
            yield task, int(printed.split()[1])
        finally:
            self.go_on()
            task.cancel()
            with suppress(asyncio.CancelledError, ToolExecutionFailedError):
                await task

    async def wait(self, state: LeftState) -> LeftCall:
        """The one left call when it has come to a state."""
        async with asyncio.timeout(10):
            while [call.state for call in self.left.list()] != [state]:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)
        return self.left.list()[0]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def cancelled(task: "asyncio.Task[Completion]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_running_change_is_on_record_with_its_process_and_its_lock(site: Site) -> None:
    async with site.applying() as (_, pid):
        (call,) = site.left.list()
        assert (call.session_id, call.call_id, call.text) == ("session-1", "call-1", "terraform apply")
        assert (call.state, call.pid) == (LeftState.RUNNING, pid)
        assert call.locks == ("ID 4f1c, of terraform.tfstate, for OperationTypeApply",)
        assert abs(datetime.now(UTC) - call.start_time) < timedelta(minutes=1)
        assert site.of_another_project().list() == ()


async def test_the_record_is_for_the_user_alone_and_says_nothing_of_what_was_heard(site: Site) -> None:
    async with site.applying() as (task, _):
        site.go_on()
        assert (await task).exit_code == 0
        (record,) = site.records.iterdir()
        assert record.stat().st_mode & 0o777 == 0o600
        assert "hunter2" not in record.read_text()
        call = await site.wait(LeftState.FINISHED)
        assert (call.exit_code, call.output) == (0, "")
        site.left.forget("call-1")
        site.left.forget("call-1")
        assert site.left.list() == ()


async def test_a_cancelled_change_gets_one_interrupt_and_its_end_is_told_with_what_it_said_last(site: Site) -> None:
    async with site.applying("fail") as (task, pid):
        await cancelled(task)
        assert (await site.wait(LeftState.RUNNING)).pid == pid
        site.go_on()
        call = await site.wait(LeftState.FINISHED)
    assert call.exit_code == 3
    assert call.output.splitlines()[-2:] == ["Interrupt received.", "Apply complete! password = hunter2-Q7x"]
    assert (site.folder / "terraform.tfstate").exists()
    assert call.end_time is not None


@pytest.mark.parametrize("arguments", [(), ("deaf",)])
async def test_only_an_order_of_its_own_ends_a_change_with_force(site: Site, arguments: tuple[str, ...]) -> None:
    async with site.applying(*arguments) as (task, _):
        await cancelled(task)
        assert site.left.end("call-1")
        call = await site.wait(LeftState.FINISHED)
        assert call.exit_code == 128 + (signal.SIGKILL if arguments else signal.SIGTERM)
        assert not (site.folder / "terraform.tfstate").exists()
        assert not site.left.end("call-1")


async def test_a_change_whose_warden_was_killed_has_an_unknown_end_and_nothing_is_signalled(site: Site) -> None:
    async with site.applying() as (task, pid):
        warden = psutil.Process(pid).ppid()
        os.kill(warden, signal.SIGKILL)
        with pytest.raises(ToolExecutionFailedError, match="warden was killed"):
            await task
        await site.wait(LeftState.UNKNOWN)
        assert not site.left.end("call-1")
        assert psutil.pid_exists(pid)


async def test_a_change_survives_kill_9_of_the_sidecar_and_is_told_afterwards(site: Site) -> None:
    script = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from tests.adapters.local_tools.test_left_programs import Site\n"
        "Path.mkdir = lambda *_, **__: None\n"
        "site = Site(Path(sys.argv[1]))\n"
        "asyncio.run(site.runner.run(site.program(), lambda piece: print(piece.text, end='', flush=True)))\n"
    )
    site.records.mkdir(mode=0o700)
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(  # noqa: ASYNC220 - it starts in no time
        [sys.executable, "-c", script, str(site.folder.parent), root], stdout=subprocess.PIPE, text=True
    ) as sidecar:
        assert sidecar.stdout is not None
        assert (await asyncio.to_thread(sidecar.stdout.readline)).startswith("Acquired")
        sidecar.kill()
        await asyncio.to_thread(sidecar.wait, 5)
        assert (await site.wait(LeftState.RUNNING)).text == "terraform apply"
        site.go_on()
        call = await site.wait(LeftState.FINISHED)
    assert (call.exit_code, call.output) == (0, f"Acquired {call.pid}\nApply complete! password = hunter2-Q7x")


async def test_a_program_that_cannot_be_started_leaves_no_record(site: Site) -> None:
    program = site.program()
    missing = Program(
        arguments=("/nowhere/terraform",),
        directory="/",
        environment={},
        execution_class=ExecutionClass.MUTATE,
        occasion=program.occasion,
    )
    with pytest.raises(ToolExecutionFailedError, match="No such file"):
        await site.runner.run(missing, lambda _: None)
    assert list(site.records.iterdir()) == []


async def test_a_change_that_cannot_be_put_on_record_is_not_started(site: Site) -> None:
    site.records.mkdir(mode=0o700)
    (record, _) = site.left.new(Occasion(session_id="", call_id="call-1", text=""), datetime.now(UTC))
    record.write_text("something else")
    with pytest.raises(ToolExecutionFailedError, match="File exists"):
        await site.runner.run(site.program(), lambda _: None)
    assert list(site.folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[]\n1\n", b'{"project": "/project"}\n', b"{\n"])
def test_a_record_that_cannot_be_read_is_passed_over(site: Site, content: bytes) -> None:
    site.records.mkdir()
    (site.records / "x.record").write_bytes(content)
    assert site.left.list() == ()


def test_a_record_whose_end_was_cut_off_is_of_unknown_end(site: Site) -> None:
    site.records.mkdir()
    path, header = site.left.new(Occasion(session_id="s", call_id="c", text="t"), datetime.now(UTC))
    path.write_bytes(header + b"\n11\n12\n0 17")
    (call,) = site.left.list()
    assert (call.state, call.pid) == (LeftState.UNKNOWN, 12)
