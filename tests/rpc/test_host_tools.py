import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from grpc import StatusCode, aio

from atmos_ai_sidecar.domain.permissions import ListEntry, PermissionSettings
from atmos_ai_sidecar.domain.tools import Execution, OutputPiece
from atmos_ai_sidecar.rpc.grpc_types import EOF
from atmos_ai_sidecar.rpc.host_tools import _RunningCall
from atmos_ai_sidecar.v1 import message_pb2
from atmos_ai_sidecar.v1 import permission_service_pb2 as permissions
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as pb
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub
from tests.rpc.world import OWNER, World, error_info

SCHEMA = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}


@pytest.fixture
def tools(channel: aio.Channel) -> Any:
    return ToolRegistryServiceStub(channel)


def tool(name: str = "ticket", effect: Any = permissions.EFFECT_READ, **fields: Any) -> pb.Tool:
    schema = ParseDict(fields.pop("schema", SCHEMA), Struct())
    return pb.Tool(name=name, description="Reads a ticket.", effect=effect, input_schema=schema, **fields)


def register(*offered: pb.Tool, host_name: str = "tracker") -> pb.HostToolsRequest:
    return pb.HostToolsRequest(register=pb.HostToolsRequest.Register(host_name=host_name, tools=offered))


def finished(call_id: str, **result: Any) -> pb.HostToolsRequest:
    return pb.HostToolsRequest(
        result=pb.HostToolsRequest.Result(call_id=call_id, tool_result=message_pb2.ToolResult(**result))
    )


@asynccontextmanager
async def hosting(tools: Any, *offered: pb.Tool, host_name: str = "tracker") -> AsyncIterator[Any]:
    """A stream on which the tools are registered."""
    stream = tools.HostTools(metadata=OWNER)
    async with asyncio.timeout(30):
        await stream.write(register(*(offered or (tool(),)), host_name=host_name))
        first = await stream.read()
        assert first is not EOF, await stream.details()
        assert first.WhichOneof("event") == "registered"
        try:
            yield stream
        finally:
            await stream.done_writing()
            await stream.read()


async def refusal(tools: Any, *requests: pb.HostToolsRequest) -> aio.AioRpcError:
    stream = tools.HostTools(metadata=OWNER)

    async def talk() -> None:
        for request in requests:
            await stream.write(request)
        while await stream.read() is not EOF:
            pass

    with pytest.raises(aio.AioRpcError) as caught:
        await asyncio.wait_for(talk(), 5)
    return caught.value


def execute(tools: Any, name: str = "ticket", **values: Any) -> "asyncio.Task[list[Any]]":
    request = pb.ExecuteToolRequest(name=name, input=ParseDict(values or {"key": "A-1"}, Struct()))

    async def events() -> list[Any]:
        return [event async for event in tools.ExecuteTool(request, metadata=OWNER)]

    return asyncio.create_task(events())


async def wait_gone(tools: Any, name: str = "ticket") -> None:
    async with asyncio.timeout(20):
        while name in [each.name for each in (await tools.ListTools(pb.ListToolsRequest(), metadata=OWNER)).tools]:
            pass


async def test_hosted_tool_is_listed_with_its_source_and_run_by_its_client(tools: Any) -> None:
    async with hosting(tools) as stream:
        listed = (await tools.GetTool(pb.GetToolRequest(name="ticket"), metadata=OWNER)).tool
        assert (listed.source, listed.timeout_seconds) == ("the client tracker", 30)
        running = execute(tools, key="A-7")
        call = (await stream.read()).call
        assert MessageToDict(call.tool_call.input) == {"key": "A-7"}
        assert call.HasField("deadline_time")
        output = pb.ToolOutput(stream=pb.OUTPUT_STREAM_STDERR, text="looking\n")
        await stream.write(pb.HostToolsRequest(output=pb.HostToolsRequest.Output(call_id=call.call_id, output=output)))
        await stream.write(finished(call.call_id, success=True, output="It is open.", data={"string_value": "open"}))
        events = await running
    assert [event.WhichOneof("event") for event in events] == ["output", "result"]
    assert (events[0].output.text, events[0].output.stream) == ("looking\n", pb.OUTPUT_STREAM_STDERR)
    result = events[-1].result
    assert (result.success, result.output, result.data.string_value) == (True, "It is open.", "open")
    assert result.tool_call_id == call.tool_call.tool_call_id


async def test_failure_of_the_client_is_a_result_with_our_reason(tools: Any) -> None:
    async with hosting(tools) as stream:
        running = execute(tools)
        call = (await stream.read()).call
        await stream.write(finished(call.call_id, error="No such ticket.", reason="MADE_UP"))
        result = (await running)[-1].result
    assert (result.success, result.error, result.reason) == (False, "No such ticket.", "TOOL_EXECUTION_FAILED")
    assert result.output == "No such ticket."


async def test_invalid_input_never_reaches_the_client(tools: Any) -> None:
    async with hosting(tools):
        with pytest.raises(aio.AioRpcError) as caught:
            await execute(tools, kee="A-1")
    assert error_info(caught.value).reason == "INVALID_FIELD"


@pytest.mark.parametrize("effect", [permissions.EFFECT_WRITE, permissions.EFFECT_EXECUTE, permissions.EFFECT_NETWORK])
async def test_tool_that_does_more_than_read_needs_permission_whatever_its_client_says(tools: Any, effect: int) -> None:
    async with hosting(tools, tool(effect=effect, requires_permission=False)):
        with pytest.raises(aio.AioRpcError) as caught:
            await execute(tools)
    assert error_info(caught.value).reason == "UNATTENDED"


async def test_rule_that_denies_holds_for_a_hosted_tool(tools: Any, world: World) -> None:
    world.settings = PermissionSettings(blocked=(ListEntry(pattern="ticket"),))
    async with hosting(tools):
        with pytest.raises(aio.AioRpcError) as caught:
            await execute(tools)
    assert error_info(caught.value).reason == "TOOL_EXECUTION_DENIED"


async def test_name_that_is_taken_is_refused_with_both_sources_and_nothing_is_registered(tools: Any) -> None:
    error = await refusal(tools, register(tool("fresh"), tool("look")))
    assert error.code() is StatusCode.ALREADY_EXISTS
    info = error_info(error)
    assert (info.reason, info.metadata["first_source"], info.metadata["second_source"]) == (
        "TOOL_EXISTS",
        "built in",
        "the client tracker",
    )
    await wait_gone(tools, "fresh")


async def test_second_client_cannot_take_a_name_until_the_first_has_gone(tools: Any) -> None:
    async with hosting(tools):
        error = await refusal(tools, register(tool(), host_name="thief"))
        assert error_info(error).metadata["first_source"] == "the client tracker"
    await wait_gone(tools)
    async with hosting(tools, host_name="heir"):
        pass


async def test_loss_of_the_client_removes_its_tools_and_fails_their_calls(tools: Any) -> None:
    stream = tools.HostTools(metadata=OWNER)
    async with asyncio.timeout(10):
        await stream.write(register(tool(timeout_seconds=3600)))
        await stream.read()
        running = execute(tools)
        assert (await stream.read()).WhichOneof("event") == "call"
        stream.cancel()
        result = (await running)[-1].result
        await wait_gone(tools)
    assert (result.success, result.reason) == (False, "TOOL_EXECUTION_FAILED")
    assert "has gone" in result.error


async def test_end_of_the_clients_messages_fails_the_calls_that_run(tools: Any) -> None:
    async with hosting(tools) as stream:
        running = execute(tools)
        assert (await stream.read()).WhichOneof("event") == "call"
        await stream.done_writing()
        assert "has gone" in (await running)[-1].result.error
    await wait_gone(tools)


async def test_cancelled_call_is_taken_back_and_its_late_result_ignored(tools: Any) -> None:
    async with hosting(tools) as stream:
        request = pb.ExecuteToolRequest(name="ticket", input=ParseDict({"key": "A-1"}, Struct()))
        running = tools.ExecuteTool(request, metadata=OWNER)
        reading = asyncio.create_task(running.read())
        call = (await stream.read()).call
        running.cancel()
        assert (await stream.read()).cancel.call_id == call.call_id
        await stream.write(finished(call.call_id, success=True, output="late"))
        again = execute(tools)
        call = (await stream.read()).call
        await stream.write(finished(call.call_id, success=True, output="in time"))
        assert (await again)[-1].result.output == "in time"
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_call_that_runs_out_of_time_is_taken_back(tools: Any) -> None:
    async with hosting(tools, tool(timeout_seconds=0.05)) as stream:
        running = execute(tools)
        call = (await stream.read()).call
        assert (await stream.read()).cancel.call_id == call.call_id
        assert (await running)[-1].result.reason == "TOOL_TIMEOUT"


async def test_client_cannot_host_where_tools_are_switched_off(tools: Any, world: World) -> None:
    world.has_tools = False
    error = await refusal(tools, register(tool()))
    assert (error.code(), error_info(error).reason) == (StatusCode.FAILED_PRECONDITION, "TOOLS_DISABLED")


def huge(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return {"type": "object", "properties": {"deep": schema}}


def bomb(levels: int) -> dict[str, Any]:
    """Ten references on every level to the level below."""
    definitions: dict[str, Any] = {"l0": {"type": "string"}}
    for level in range(1, levels):
        below = {"$ref": f"#/$defs/l{level - 1}"}
        definitions[f"l{level}"] = {"type": "array", "prefixItems": [below] * 10}
    return {"properties": {"a": {"$ref": f"#/$defs/l{levels - 1}"}}, "$defs": definitions}


@pytest.mark.parametrize(
    ("offered", "field"),
    [
        (lambda: register(host_name="x"), "register.tools"),
        (lambda: register(tool(), host_name=""), "register.host_name"),
        (lambda: register(tool(), host_name="evil\x1b[2J"), "register.host_name"),
        (lambda: register(tool(), host_name="x" * 65), "register.host_name"),
        (lambda: register(tool("no spaces")), "register.tools[0].name"),
        (lambda: register(tool("github__search")), "register.tools[0].name"),
        (lambda: register(tool("x" * 65)), "register.tools[0].name"),
        (lambda: register(tool("ticket\n")), "register.tools[0].name"),
        (lambda: register(tool("tick\u0435t")), "register.tools[0].name"),
        (lambda: register(tool(), tool("")), "register.tools[1].name"),
        (lambda: register(tool(effect=0)), "register.tools[0].effect"),
        (lambda: register(tool(effect=99)), "register.tools[0].effect"),
        (lambda: register(tool(timeout_seconds=-1)), "register.tools[0].timeout_seconds"),
        (lambda: register(tool(timeout_seconds=float("nan"))), "register.tools[0].timeout_seconds"),
        (lambda: register(tool(schema={"type": "string"})), "register.tools[0].input_schema"),
        (lambda: register(tool(schema={"type": "object", "required": 7})), "register.tools[0].input_schema"),
        (lambda: register(tool(schema={"properties": [7]})), "register.tools[0].input_schema"),
        (lambda: register(tool(schema={"properties": {"filter[id]": {}}})), "register.tools[0].input_schema"),
        (lambda: register(tool(schema={"properties": {"x" * 65: {}}})), "register.tools[0].input_schema"),
        (
            lambda: register(tool(schema={"properties": {"a": {"const": "x" * 60_000}}})),
            "register.tools[0].input_schema",
        ),
        (lambda: register(tool(schema=bomb(12))), "register.tools[0].input_schema"),
        (lambda: register(tool(schema={"$ref": "https://example.com/x"})), "register.tools[0].input_schema"),
        (lambda: register(tool(schema=huge(26))), "register.tools[0].input_schema"),
        (lambda: register(*(tool(f"t{n}") for n in range(129))), "register.tools"),
        (lambda: register(*(pb.Tool(name=f"t{n}") for n in range(10_000))), "register.tools"),
    ],
)
async def test_registration_that_cannot_be_used_names_the_field(
    tools: Any, offered: Callable[[], pb.HostToolsRequest], field: str
) -> None:
    error = await refusal(tools, offered())
    assert (error.code(), error_info(error).metadata["field"]) == (StatusCode.INVALID_ARGUMENT, field)


async def test_stream_must_begin_with_its_registration_and_register_once(tools: Any) -> None:
    assert error_info(await refusal(tools, finished("x"))).reason == "ATTACH_REQUIRED"
    assert error_info(await refusal(tools, register(tool()), register(tool("b")))).reason == "UNSUPPORTED_EVENT"
    await wait_gone(tools)


async def test_shutdown_ends_the_stream_with_its_status(tools: Any, world: World) -> None:
    stream = tools.HostTools(metadata=OWNER)
    async with asyncio.timeout(10):
        await stream.write(register(tool()))
        await stream.read()
        assert world.server is not None
        stopping = asyncio.create_task(world.server.stop(1.0))
        with pytest.raises(aio.AioRpcError) as caught:
            await stream.read()
        await stopping
    assert error_info(caught.value).reason == "SHUTTING_DOWN"


async def test_words_of_a_host_cannot_pass_for_ours(tools: Any) -> None:
    hostile = tool("ticket")
    hostile.description = "Reads.\x1b[2J\x1b]0;x\x07\u202e\u200b\x00" + "x" * 1_000_000
    ParseDict({"properties": {"key": {"type": "string", "description": "a\x1b[31m\u202eb"}}}, hostile.input_schema)
    async with hosting(tools, hostile):
        listed = (await tools.GetTool(pb.GetToolRequest(name="ticket"), metadata=OWNER)).tool
    assert listed.description == "Reads." + "x" * 1_994
    assert MessageToDict(listed.input_schema)["properties"]["key"]["description"] == "ab"


@pytest.mark.parametrize("name", ["ticket", "look"])
async def test_name_that_is_offered_twice_is_refused_and_the_other_tools_of_the_host_too(tools: Any, name: str) -> None:
    error = await refusal(tools, register(tool("first"), tool("ticket"), tool(name)))
    assert error_info(error).reason == "TOOL_EXISTS"
    await wait_gone(tools, "first")
    await wait_gone(tools, "ticket")


async def test_error_of_any_length_is_a_sentence_and_whole_in_the_output(tools: Any) -> None:
    async with hosting(tools) as stream:
        running = execute(tools)
        call = (await stream.read()).call
        await stream.write(finished(call.call_id, error="x" * 20_000))
        result = (await running)[-1].result
    assert len(result.error) == 2_001
    assert result.output == "x" * 20_000


@pytest.mark.parametrize("what", ["output", "data"])
async def test_answer_that_is_larger_than_allowed_ends_the_stream_and_fails_the_call(tools: Any, what: str) -> None:
    stream = tools.HostTools(metadata=OWNER)
    async with asyncio.timeout(10):
        await stream.write(register(tool()))
        await stream.read()
        running = execute(tools)
        call = (await stream.read()).call
        if what == "data":
            await stream.write(finished(call.call_id, success=True, data={"string_value": "x" * 1_100_000}))
        else:
            output = pb.HostToolsRequest.Output(call_id=call.call_id, output=pb.ToolOutput(text="x" * 70_000))
            await stream.write(pb.HostToolsRequest(output=output))
        with pytest.raises(aio.AioRpcError) as caught:
            await stream.read()
        assert (await running)[-1].result.reason == "TOOL_EXECUTION_FAILED"
    assert error_info(caught.value).reason == "INVALID_FIELD"
    await wait_gone(tools)


async def test_ten_hosts_with_all_the_tools_they_may_have_are_listed_and_gone_together(tools: Any) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for host in range(10):
            offered = [tool(f"h{host}-t{number}") for number in range(128)]
            await stack.enter_async_context(hosting(tools, *offered, host_name=f"host {host}"))
        page = await tools.ListTools(pb.ListToolsRequest(page_size=1000), metadata=OWNER)
        assert page.next_page_token
        assert len(page.tools) == 1000
    await wait_gone(tools, "h9-t127")


async def test_host_that_prints_without_end_is_cut() -> None:
    pieces: list[OutputPiece] = []
    execution = Execution(tool_call_id="c", session_id="", emit=pieces.append)
    call = _RunningCall(execution=execution, result=asyncio.get_running_loop().create_future())
    for _ in range(100):
        call.emit(OutputPiece(stream="stdout", text="x" * 60_000))
    text = "".join(piece.text for piece in pieces)
    assert text.count("x") == 4_980_000
    assert text.endswith("\n[… more output was dropped …]\n")
    assert len(pieces) == 84
