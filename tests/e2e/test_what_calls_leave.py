"""What a sidecar has in its memory after many calls of tools, counted by kind of object."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.conftest import Project

pytestmark = pytest.mark.e2e

CALLS, AT_ONCE, ROUNDS = 12, 4, 3
MOST_EACH = 0.5
"""Objects of one kind that a call may leave: something of the last ones may still be on its way out."""

PROGRAM = f"""
import asyncio, collections, gc, heapq, json, tempfile
from grpc import aio
from atmos_ai_sidecar import app
from atmos_ai_sidecar.sidecar.serve import Launch
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as pb
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub

METADATA = (("authorization", "Bearer " + "ab" * 32),)

def counted():
    # A timer that was cancelled stays in the loop until there are a hundred of them.
    loop = asyncio.get_running_loop()
    loop._scheduled[:] = [timer for timer in loop._scheduled if not timer.cancelled()]
    loop._timer_cancelled_count = 0
    heapq.heapify(loop._scheduled)
    gc.collect()
    return collections.Counter(str(type(thing)) for thing in gc.get_objects())

async def calls(tools, count):
    request = pb.ExecuteToolRequest(name="atmos_list_stacks")
    for _ in range(count):
        events = [event async for event in tools.ExecuteTool(request, metadata=METADATA)]
        assert events[-1].result.success, events[-1]

async def calls_at_once(tools):
    await asyncio.gather(*(calls(tools, {CALLS // AT_ONCE}) for _ in range({AT_ONCE})))

async def main():
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(socket_path=folder + "/s", token="ab" * 32, request_shutdown=lambda grace: None)
        running = await app.start_sidecar(launch)
        try:
            async with aio.insecure_channel("unix:" + folder + "/s") as channel:
                tools = ToolRegistryServiceStub(channel)
                counts = []
                for _ in range({ROUNDS}):
                    await calls_at_once(tools)
                    counts.append(counted())
        finally:
            await running.stop(0)
    print(json.dumps(counts))

asyncio.run(main())
"""


def test_a_call_of_a_tool_leaves_no_object(demo: Project, tmp_path: Path) -> None:
    atmos = tmp_path / "atmos"
    atmos.write_text("#!/bin/sh\necho '[\"ue1-dev\"]'\n")
    atmos.chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM],
        cwd=demo.directory,
        env=demo.environment | {"ATMOS_AI_ATMOS": str(atmos)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    # What is left grows every time.
    grown = {
        kind: min(later.get(kind, 0) - sooner.get(kind, 0) for sooner, later in pairwise(counts)) for kind in counts[-1]
    }
    assert {kind: count for kind, count in grown.items() if count >= CALLS * MOST_EACH} == {}
