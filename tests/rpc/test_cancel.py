"""A turn is cancelled while a tool runs, while somebody is asked, after its end, and twice."""

import asyncio

import pytest
from grpc import aio

from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.v1 import chat_service_pb2 as pb
from atmos_ai_sidecar.v1.chat_service_pb2_grpc import ChatServiceStub
from tests.fakes.model import calls, says
from tests.rpc.test_chat_service import Client
from tests.rpc.test_permission_service import Prompter
from tests.rpc.world import OWNER, World


async def cancel(channel: aio.Channel, session_id: str) -> bool:
    request = pb.CancelTurnRequest(session_id=session_id)
    return bool((await ChatServiceStub(channel).CancelTurn(request, metadata=OWNER)).cancelled)


@pytest.mark.parametrize("moment", ["tool", "question"])
async def test_turn_that_is_cancelled_twice_and_late_ends_once(world: World, channel: aio.Channel, moment: str) -> None:
    name = "look" if moment == "tool" else "change"
    world.tools.go_on.clear()
    world.model.answers = [(calls(ToolCall(id="1", name=name, input={})),), (says("Next."),)]
    prompter, client = Prompter(channel), Client(channel)
    await prompter.attach(name="shim")
    session_id = (await client.attach()).session_id
    await client.say("Hi")
    if moment == "tool":
        async with asyncio.timeout(5):
            await world.tools.reached.wait()
    else:
        await prompter.question()
    cancelled = await asyncio.gather(cancel(channel, session_id), cancel(channel, session_id))
    assert True in cancelled
    assert (await client.finished()).stop_reason == pb.STOP_REASON_CANCELLED
    assert not await cancel(channel, session_id)
    assert world.tools.ran == ([name] if moment == "tool" else [])
    await client.say("Go on")
    assert (await client.finished()).stop_reason == pb.STOP_REASON_END_TURN
    assert client.kinds.count("turn_finished") == 2
    client.call.cancel()
    prompter.call.cancel()
