"""`atmos mcp start` as a process: started on demand, never stale, ended with its workspace."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from atmos_ai_sidecar.adapters.atmos_mcp import AtmosPlace, KeptAtmos
from atmos_ai_sidecar.adapters.atmos_mcp.snapshot import snapshot
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.domain.tools import Execution, Result
from tests.demo.replay import ATMOS, copy_project, environment


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path)


def place(project: Path, executable: str = str(ATMOS), **additions: str) -> AtmosPlace:
    return AtmosPlace(
        executable=executable,
        config_paths=(str(project),),
        flags=(),
        directory=str(project),
        base_path=str(project),
        environment=environment(**additions),
        umask=0o077,
        watched=(str(project),),
        unwatched=(str(project / ".atmos/sessions"),),
    )


@pytest.fixture
async def atmos(project: Path) -> AsyncIterator[KeptAtmos]:
    kept = KeptAtmos(place(project), SystemClock())
    yield kept
    await kept.close()


async def call(atmos: KeptAtmos, tool: str, *, only_reads: bool = True, **values: Any) -> Result:
    execution = Execution(tool_call_id="c", session_id="", emit=lambda _piece: None)
    return await atmos.call(tool, values, execution, only_reads=only_reads)


def servers(project: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if words[-2:] == ["mcp", "start"] and str(project) in words:
            found.append(process)
    return found


def has_greeted(atmos: KeptAtmos) -> bool:
    connection = atmos._current.server._connection if atmos._current else None
    return connection is not None and connection._session is not None


async def test_a_call_is_answered_by_one_server_that_stays(atmos: KeptAtmos, project: Path) -> None:
    assert servers(project) == []
    result = await call(atmos, "atmos_stack_config_get", component="vpc", stack="ue1-prod", path="vars.cidr_block")
    assert result.success
    assert "10.20.0.0/16 (resolves from deploy/ue1-prod.yaml:18)" in result.output
    pids = {process.pid for process in servers(project)}
    await call(atmos, "atmos_config_get", path="stacks.name_template")
    assert {process.pid for process in servers(project)} == pids
    assert len(pids) == 1


async def test_it_is_started_with_the_project_and_an_override_that_offers_all_tools(
    atmos: KeptAtmos, project: Path
) -> None:
    await call(atmos, "atmos_list_stacks")
    (server,) = servers(project)
    words = server.cmdline()[-6:]
    assert words[:2] == ["--config-path", str(project)]
    assert words[2] == "--config-path"
    assert words[4:] == ["mcp", "start"]
    override = Path(words[3], "atmos.yaml").read_text()  # noqa: ASYNC240 - a small file
    assert 'allowed: ["*"]' in override
    assert "experimental: silence" in override
    assert server.environ()["ATMOS_BASE_PATH"] == str(project)
    await atmos.close()
    assert not os.path.lexists(words[3])  # noqa: ASYNC240 - at once


async def test_after_an_edit_the_answer_is_never_stale(atmos: KeptAtmos, project: Path) -> None:
    assert (await call(atmos, "atmos_describe_component", component="vpc", stack="ue1-dev")).success
    catalog = project / "stacks/catalog/vpc.yaml"
    before = catalog.read_text()
    catalog.write_text(before.replace("platform", "network"))
    edited = await call(atmos, "atmos_describe_component", component="vpc", stack="ue1-dev")
    assert "stacks/catalog/vpc.yaml was edited" in edited.output  # what the replay says that has read the new files
    catalog.write_text(before)
    assert (await call(atmos, "atmos_describe_component", component="vpc", stack="ue1-dev")).success
    assert len(servers(project)) == 1


async def test_an_edit_during_a_call_does_not_end_that_call(project: Path) -> None:
    atmos = KeptAtmos(place(project, ATMOS_REPLAY_DELAY="1"), SystemClock())
    first = asyncio.create_task(call(atmos, "atmos_list_stacks"))
    await until(lambda: servers(project))
    (project / "stacks/new.yaml").write_text("{}")
    second = asyncio.create_task(call(atmos, "atmos_list_stacks"))
    assert (await first).success or "new.yaml was edited" in (await first).output
    assert "new.yaml was edited" in (await second).output
    await atmos.close()
    await until(lambda: not servers(project))


async def test_a_server_that_dies_is_replaced_and_a_read_repeated(atmos: KeptAtmos, project: Path) -> None:
    await call(atmos, "atmos_list_stacks")
    for server in servers(project):
        os.kill(server.pid, signal.SIGKILL)
    assert (await call(atmos, "atmos_list_stacks")).success


async def test_a_write_during_which_it_dies_is_unknown_and_sent_once(project: Path) -> None:
    atmos = KeptAtmos(place(project, ATMOS_REPLAY_DELAY="30"), SystemClock())
    writing = asyncio.create_task(call(atmos, "atmos_config_set", only_reads=False, path="logs.level", value="Debug"))
    await until(lambda: has_greeted(atmos))
    (server,) = servers(project)
    server.kill()
    result = await writing
    assert not result.success
    assert "not known whether" in result.output
    assert servers(project) == []
    await atmos.close()


async def test_without_an_atmos_the_call_says_so(project: Path) -> None:
    atmos = KeptAtmos(place(project, executable="/nowhere/atmos"), SystemClock())
    result = await call(atmos, "atmos_list_stacks")
    assert "could not be started: No such file" in result.output
    await atmos.close()
    assert "it was closed" in (await call(atmos, "atmos_list_stacks")).output


async def test_it_ends_when_the_process_that_uses_it_is_killed(project: Path) -> None:
    program = f"""
import asyncio, sys
from tests.adapters.atmos_mcp.test_kept_atmos import KeptAtmos, SystemClock, call, place
from pathlib import Path
async def main():
    atmos = KeptAtmos(place(Path({str(project)!r})), SystemClock())
    await call(atmos, "atmos_list_stacks")
    print("ready", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"ready\n"
    assert len(servers(project)) == 1
    process.kill()
    await process.wait()
    await until(lambda: not servers(project))


def test_a_snapshot_sees_every_kind_of_change(project: Path) -> None:
    places = (str(project), str(project / "elsewhere.yaml"))
    without = (str(project / ".atmos/sessions"),)
    seen = {snapshot(places, without)}
    catalog = project / "stacks/catalog/vpc.yaml"
    text = catalog.read_text()
    times = catalog.stat()

    def same_size_and_time() -> None:
        catalog.write_text(text.replace("platform", "platfurm"))
        os.utime(catalog, ns=(times.st_atime_ns, times.st_mtime_ns))

    changes: list[Callable[[], object]] = [
        same_size_and_time,
        (project / "stacks/new.yaml").touch,
        (project / "stacks/new.yaml").unlink,
        lambda: (project / "linked").symlink_to(project / "stacks"),
        (project / "elsewhere.yaml").touch,
    ]
    for change in changes[:2]:
        change()
        seen.add(snapshot(places, without))
    assert len(seen) == 3
    changes[2]()
    assert snapshot(places, without) in seen
    changes[3]()
    changes[4]()
    assert snapshot(places, without) not in seen
    now = snapshot(places, without)
    (project / ".atmos/sessions").mkdir(parents=True)
    (project / ".atmos/sessions/x").touch()
    (project / "stacks/.terraform").mkdir()
    (project / "stacks/.terraform/y").touch()
    assert snapshot(places, without) == now


def test_a_snapshot_survives_loops_of_links(project: Path) -> None:
    (project / "stacks/self").symlink_to(project)
    assert snapshot((str(project),)) == snapshot((str(project),))


async def until(condition: Callable[[], object]) -> None:
    """Returns when it holds; another process makes it hold."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - another process makes it hold
            await asyncio.sleep(0.02)
