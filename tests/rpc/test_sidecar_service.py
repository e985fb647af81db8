import asyncio
import os
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from atmos_ai_sidecar.rpc.server import start_server
from atmos_ai_sidecar.v1 import session_service_pb2
from atmos_ai_sidecar.v1 import sidecar_service_pb2 as pb
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub
from tests.fakes.clock import START
from tests.rpc.world import OWNER, World, bearer, error_info


@pytest.fixture
def sidecar(channel: aio.Channel) -> Any:
    return SidecarServiceStub(channel)


async def test_server_says_who_it_is_without_opening_anything(world: World, sidecar: Any) -> None:
    info = await sidecar.GetServerInfo(pb.GetServerInfoRequest(), metadata=OWNER)
    assert (info.instance_id, info.server_version, info.protocol_version) == ("instance", "1.2.3", 1)
    assert info.process_id == os.getpid()
    assert list(info.capabilities) == ["chat", "terminal"]
    assert info.start_time.seconds == int(START.timestamp())
    assert (info.project_path, info.role) == ("/project", "owner")
    assert world.opened == 0


async def test_server_names_the_project_once_it_is_open(sidecar: Any, channel: aio.Channel) -> None:
    await SessionServiceStub(channel).ListSessions(session_service_pb2.ListSessionsRequest(), metadata=OWNER)
    info = await sidecar.GetServerInfo(pb.GetServerInfoRequest(), metadata=OWNER)
    assert info.project_path == "/project/opened"


async def test_minted_token_has_the_client_role_and_mints_nothing(sidecar: Any) -> None:
    token = (await sidecar.MintClientToken(pb.MintClientTokenRequest(), metadata=OWNER)).token
    info = await sidecar.GetServerInfo(pb.GetServerInfoRequest(), metadata=bearer(token))
    assert info.role == "client"
    with pytest.raises(aio.AioRpcError) as caught:
        await sidecar.MintClientToken(pb.MintClientTokenRequest(), metadata=bearer(token))
    assert error_info(caught.value).reason == "ROLE_FORBIDDEN"


@pytest.mark.parametrize(
    ("request_", "grace"),
    [
        (pb.ShutdownRequest(), 3.0),
        (pb.ShutdownRequest(grace=Duration()), 0.0),
        (pb.ShutdownRequest(grace=Duration(seconds=1, nanos=500_000_000)), 1.5),
        (pb.ShutdownRequest(grace=Duration(seconds=60)), 4.0),
    ],
)
async def test_shutdown_is_asked_for_with_its_grace(
    world: World, sidecar: Any, request_: pb.ShutdownRequest, grace: float
) -> None:
    await sidecar.Shutdown(request_, metadata=OWNER)
    assert world.shutdowns == [grace]


async def test_negative_grace_is_refused(world: World, sidecar: Any) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await sidecar.Shutdown(pb.ShutdownRequest(grace=Duration(seconds=-1)), metadata=OWNER)
    assert caught.value.code() is StatusCode.INVALID_ARGUMENT
    assert world.shutdowns == []


async def test_health_says_that_the_server_is_going_while_calls_still_run(world: World, channel: aio.Channel) -> None:
    call = SessionServiceStub(channel)
    world.tools.go_on.clear()
    running = _look(channel)
    reading = asyncio.create_task(running.read())
    async with asyncio.timeout(5):
        await world.tools.reached.wait()
        watch: Any = HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), metadata=OWNER)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        assert world.server is not None
        stopping = asyncio.create_task(world.server.stop(60))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(aio.AioRpcError) as caught:
            await call.ListSessions(session_service_pb2.ListSessionsRequest(), metadata=OWNER)
        assert caught.value.code() is StatusCode.UNAVAILABLE
        world.tools.go_on.set()
        await reading
        assert (await running.read()).result.success
        await stopping


async def test_call_that_outlives_the_grace_is_cancelled(world: World, channel: aio.Channel) -> None:
    world.tools.go_on.clear()
    running = _look(channel)
    reading = asyncio.create_task(running.read())
    async with asyncio.timeout(5):
        await world.tools.reached.wait()
        assert world.server is not None
        stopping = asyncio.create_task(world.server.stop(60))
        await world.clock.wait_for_sleepers()
        world.clock.advance(60)
        await stopping
        await asyncio.gather(reading, return_exceptions=True)
    assert await running.code() is not StatusCode.OK


async def test_socket_that_cannot_be_bound_is_an_error(world: World) -> None:
    with pytest.raises(OSError, match=r"s\.sock"):
        await start_server(world.parts, "/nowhere/at/all/s.sock", world.tokens)


def _look(channel: aio.Channel) -> Any:
    from atmos_ai_sidecar.v1.tool_registry_service_pb2 import ExecuteToolRequest
    from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub

    return ToolRegistryServiceStub(channel).ExecuteTool(ExecuteToolRequest(name="look"), metadata=OWNER)
