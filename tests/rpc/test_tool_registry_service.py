import asyncio
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct, Value
from grpc import StatusCode, aio

from atmos_ai_sidecar.domain.permissions import ListEntry, Mode, PermissionSettings
from atmos_ai_sidecar.domain.tools import OutputPiece
from atmos_ai_sidecar.rpc.output_queue import MAX_PIECE_CHARACTERS, MAX_WAITING_CHARACTERS, OutputQueue
from atmos_ai_sidecar.v1 import permission_service_pb2
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as pb
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub
from tests.rpc.world import OWNER, World, details, error_info


@pytest.fixture
def tools(channel: aio.Channel) -> Any:
    return ToolRegistryServiceStub(channel)


def request(name: str = "look", session_id: str = "", **values: Any) -> pb.ExecuteToolRequest:
    return pb.ExecuteToolRequest(name=name, session_id=session_id, input=ParseDict(values, Struct()))


async def execute(tools: Any, call: pb.ExecuteToolRequest) -> list[pb.ExecuteToolResponse]:
    async with asyncio.timeout(5):
        return [event async for event in tools.ExecuteTool(call, metadata=OWNER)]


async def refusal(tools: Any, call: pb.ExecuteToolRequest) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as caught:
        await execute(tools, call)
    return caught.value


async def test_tools_are_listed_by_name_page_by_page(tools: Any) -> None:
    first = await tools.ListTools(pb.ListToolsRequest(page_size=1), metadata=OWNER)
    second = await tools.ListTools(pb.ListToolsRequest(page_size=1, page_token=first.next_page_token), metadata=OWNER)
    assert [tool.name for tool in (*first.tools, *second.tools)] == ["change", "look"]
    assert second.next_page_token == ""


async def test_tool_carries_its_schema_and_effect(tools: Any) -> None:
    tool = (await tools.GetTool(pb.GetToolRequest(name="change"), metadata=OWNER)).tool
    assert tool.effect == permission_service_pb2.EFFECT_WRITE
    assert tool.requires_permission
    assert tool.timeout_seconds == 30
    assert tool.input_schema["properties"]["count"]["type"] == "integer"


async def test_output_comes_first_and_the_result_last(world: World, tools: Any) -> None:
    events = await execute(tools, request(text="hello", count=3))
    assert [event.WhichOneof("event") for event in events] == ["output", "result"]
    assert events[0].output.text == "look ran\n"
    assert events[0].output.stream == pb.OUTPUT_STREAM_STDOUT
    result = events[1].result
    assert result.success
    assert MessageToDict(result.data)["input"] == {"text": "hello", "count": 3}
    assert result.duration_seconds >= 0


async def test_whole_numbers_arrive_as_integers_and_deep_values_whole(tools: Any) -> None:
    tree: dict[str, Any] = {"leaf": 1.5}
    for _ in range(15):
        tree = {"down": [tree]}
    result = (await execute(tools, request(count=7, tree=tree)))[-1].result
    assert result.success


async def test_failed_tool_is_a_result(tools: Any) -> None:
    result = (await execute(tools, request(text="fail")))[-1].result
    assert (result.success, result.reason, result.error) == (False, "TOOL_EXECUTION_FAILED", "It failed.")


async def test_invalid_input_names_the_field(tools: Any, world: World) -> None:
    error = await refusal(tools, request(cuont=1))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert error_info(error).metadata["field"] == "cuont"
    assert details(error)[1].field_violations[0].field == "cuont"  # type: ignore[attr-defined]
    assert "count" in (error.details() or "")
    assert world.tools.ran == []


async def test_number_that_json_has_not_is_an_invalid_field(tools: Any) -> None:
    call = pb.ExecuteToolRequest(name="look", input=Struct(fields={"count": Value(number_value=float("nan"))}))
    assert error_info(await refusal(tools, call)).metadata["field"] == "input.count"


def deep_struct(levels: int) -> bytes:
    """The bytes of a request whose input is nested that deep; protobuf itself refuses to build it."""

    def field(tag: int, content: bytes) -> bytes:
        size, varint = len(content), b""
        while size > 0x7F:
            varint += bytes([size & 0x7F | 0x80])
            size >>= 7
        return bytes([tag << 3 | 2]) + varint + bytes([size]) + content

    value = field(3, b"x")
    for _ in range(levels):
        value = field(5, field(1, field(1, b"k") + field(2, value)))
    return field(1, b"look") + field(2, field(1, field(1, b"tree") + field(2, value)))


async def test_struct_of_ten_thousand_levels_is_an_invalid_field(channel: Any, tools: Any) -> None:
    call = channel.unary_stream("/atmos_ai_sidecar.v1.ToolRegistryService/ExecuteTool")
    with pytest.raises(aio.AioRpcError) as caught:
        await call(deep_struct(10_000), metadata=OWNER).read()
    assert caught.value.code() is StatusCode.INVALID_ARGUMENT
    assert error_info(caught.value).reason == "INVALID_FIELD"
    assert (await execute(tools, request()))[-1].result.success


@pytest.mark.parametrize(
    ("call", "reason"),
    [(request("lok"), "TOOL_NOT_FOUND"), (request(session_id="none"), "SESSION_NOT_FOUND")],
)
async def test_what_does_not_exist_is_not_found(tools: Any, call: pb.ExecuteToolRequest, reason: str) -> None:
    error = await refusal(tools, call)
    assert (error.code(), error_info(error).reason) == (StatusCode.NOT_FOUND, reason)


@pytest.mark.parametrize(
    "settings", [PermissionSettings(mode=Mode.DENY), PermissionSettings(blocked=(ListEntry(pattern="change"),))]
)
async def test_denied_call_is_refused_with_its_rule(world: World, tools: Any, settings: PermissionSettings) -> None:
    world.settings = settings
    error = await refusal(tools, request("change"))
    assert (error.code(), error_info(error).reason) == (StatusCode.PERMISSION_DENIED, "TOOL_EXECUTION_DENIED")
    assert "change" in (error.details() or "")


async def test_client_that_goes_ends_its_tool(world: World, tools: Any) -> None:
    world.tools.go_on.clear()
    call = tools.ExecuteTool(request(), metadata=OWNER)
    reading = asyncio.create_task(call.read())
    async with asyncio.timeout(5):
        await world.tools.reached.wait()
        call.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert world.server is not None
        await world.server._departure.wait_idle()
    assert world.tools.ran == ["look"]


async def test_five_megabytes_of_output_are_bounded_and_the_stream_lives(world: World, tools: Any) -> None:
    world.tools.output = "x" * (5 * 1024 * 1024)
    events = await execute(tools, request())
    assert max(event.ByteSize() for event in events) <= 64 * 1024 + 100
    assert "left out" in "".join(event.output.text for event in events)
    assert events[-1].result.success


async def test_output_is_joined_split_and_left_out_beyond_the_limit() -> None:
    queue = OutputQueue()
    queue.put(OutputPiece(stream="stdout", text="a"))
    queue.put(OutputPiece(stream="stdout", text="b"))
    queue.put(OutputPiece(stream="stderr", text="c" * (MAX_PIECE_CHARACTERS + 1)))
    queue.put(OutputPiece(stream="stdout", text="d" * MAX_WAITING_CHARACTERS))
    queue.put(OutputPiece(stream="stdout", text="e"))
    queue.close()
    pieces = []
    while (piece := await queue.take()) is not None:
        pieces.append(piece)
    assert [piece.text[:2] for piece in pieces] == ["ab", "cc", "c", "\n["]
    assert str(MAX_WAITING_CHARACTERS + 1) in pieces[-1].text
