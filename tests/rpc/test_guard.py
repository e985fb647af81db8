import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import BytesValue
from grpc import StatusCode, aio

from atmos_ai_sidecar.errors import SessionNotFoundError
from atmos_ai_sidecar.rpc.auth import PACKAGE
from atmos_ai_sidecar.rpc.departure import Departure
from atmos_ai_sidecar.rpc.guard import MAX_MESSAGE_BYTES, GuardInterceptor
from atmos_ai_sidecar.rpc.sending import Sender
from atmos_ai_sidecar.rpc.server import OPTIONS
from atmos_ai_sidecar.v1 import session_service_pb2 as sessions_pb
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from tests.rpc.world import OWNER, World, error_info

SERVICE = f"{PACKAGE}.Test"
ARITIES = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
HUGE = b"x" * (MAX_MESSAGE_BYTES + 1)


class Handlers:
    """One method per arity that does what the test says, and a generator."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.answer = b""

    async def act(self, _request: Any, context: Any) -> Any:
        if self.error is not None:
            raise self.error
        return BytesValue(value=self.answer)

    async def stream(self, request: Any, context: Any) -> None:
        await context.write(await self.act(request, context))

    async def generate(self, request: Any, context: Any) -> AsyncIterator[Any]:
        yield await self.act(request, context)

    async def abort_twice(self, request: Any, context: Any) -> Any:
        try:
            await context.abort(StatusCode.NOT_FOUND, "first")
        except aio.AbortError:
            await context.abort(StatusCode.ABORTED, "second")

    async def read_one(self, request: Any, context: Any) -> None:
        await context.read()

    async def cancelled_while_sending(self, request: Any, context: Any) -> None:
        async with Sender(context) as sender:
            sending = asyncio.create_task(sender.send(BytesValue(value=b"x" * 1_000_000)))
            await asyncio.sleep(0)
            sending.cancel()
            raise SessionNotFoundError("s")

    def generic(self) -> Any:
        behaviours = {
            "unary_unary": self.act,
            "unary_stream": self.stream,
            "stream_unary": self.act,
            "stream_stream": self.stream,
        }
        handlers = {
            name: getattr(grpc, f"{name}_rpc_method_handler")(
                behaviour, BytesValue.FromString, BytesValue.SerializeToString
            )
            for name, behaviour in behaviours.items()
        }
        stream = grpc.stream_stream_rpc_method_handler
        for behaviour in (self.generate, self.abort_twice, self.read_one, self.cancelled_while_sending):
            handlers[behaviour.__name__] = stream(behaviour, BytesValue.FromString, BytesValue.SerializeToString)
        return grpc.method_handlers_generic_handler(SERVICE, handlers)


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def departure() -> Departure:
    return Departure()


@pytest.fixture
async def guarded(handlers: Handlers, departure: Departure, socket_directory: Path) -> AsyncIterator[Any]:
    server = aio.server(interceptors=(GuardInterceptor(departure),), options=OPTIONS)
    server.add_generic_rpc_handlers((handlers.generic(),))
    server.add_insecure_port(f"unix:{socket_directory}/g.sock")
    await server.start()
    async with aio.insecure_channel(f"unix:{socket_directory}/g.sock") as channel:
        yield channel
    await server.stop(None)


async def call(channel: Any, name: str, request: bytes = b"") -> bytes:
    """The first answer of a call; ``generate`` and its like are called as streams."""
    arity = name if name in ARITIES else "stream_stream"
    method = getattr(channel, arity)(f"/{SERVICE}/{name}")
    async with asyncio.timeout(5):
        if arity.startswith("unary"):
            running = method(request)
        else:
            running = method()
            if name == "read_one":  # the others answer at once, and a write that comes too late breaks the call
                await running.write(request)
                await running.done_writing()
        answer = await running.read() if arity.endswith("stream") else await running
        if answer is aio.EOF:  # type: ignore[attr-defined]
            raise aio.AioRpcError(
                await running.code(),
                await running.initial_metadata(),
                await running.trailing_metadata(),
                await running.details(),
                None,
            )
        return answer  # type: ignore[no-any-return]


def _group(text: str) -> BaseException:
    return ExceptionGroup(text, [KeyError(text)])


@pytest.mark.parametrize("name", [*ARITIES, "generate"])
@pytest.mark.parametrize(
    "broken",
    [
        (ValueError, StatusCode.INTERNAL),
        (RecursionError, StatusCode.INTERNAL),
        (SystemExit, StatusCode.INTERNAL),
        (MemoryError, StatusCode.INTERNAL),
        (asyncio.CancelledError, StatusCode.ABORTED),
        (_group, StatusCode.INTERNAL),
    ],
)
async def test_handler_that_breaks_is_answered_and_logged_once_with_an_id(
    guarded: Any,
    handlers: Handlers,
    caplog: pytest.LogCaptureFixture,
    name: str,
    broken: tuple[Callable[[str], BaseException], StatusCode],
) -> None:
    make, code = broken
    handlers.error = make("a secret")
    with pytest.raises(aio.AioRpcError) as caught:
        await call(guarded, name)
    assert caught.value.code() is code
    info = error_info(caught.value)
    assert info.reason == "INTERNAL_ERROR"
    assert "secret" not in (caught.value.details() or "")
    assert caplog.text.count(info.metadata["error_id"]) == 1
    handlers.error = None
    assert await call(guarded, name) == b""


@pytest.mark.parametrize("name", [*ARITIES, "generate"])
async def test_error_that_was_raised_on_purpose_keeps_its_reason_also_in_a_group(
    guarded: Any, handlers: Handlers, name: str
) -> None:
    handlers.error = ExceptionGroup("", [ExceptionGroup("", [SessionNotFoundError("vpc")])])
    with pytest.raises(aio.AioRpcError) as caught:
        await call(guarded, name)
    assert (caught.value.code(), error_info(caught.value).reason) == (StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")


async def test_second_abort_of_a_handler_changes_nothing(guarded: Any) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await call(guarded, "abort_twice")
    assert (caught.value.code(), caught.value.details()) == (StatusCode.NOT_FOUND, "first")


async def test_status_comes_although_a_send_was_cancelled(guarded: Any) -> None:
    running = guarded.stream_stream(f"/{SERVICE}/cancelled_while_sending")()
    async with asyncio.timeout(5):
        await running.read()
        with pytest.raises(aio.AioRpcError) as caught:
            await running.read()
    assert error_info(caught.value).reason == "SESSION_NOT_FOUND"


@pytest.mark.parametrize("name", ["unary_unary", "unary_stream", "read_one"])
async def test_request_that_is_no_message_is_an_invalid_field(guarded: Any, name: str) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await call(guarded, name, b"\xff\xff\xff")
    assert error_info(caught.value).reason == "INVALID_FIELD"


async def test_answer_beyond_the_limit_is_told_as_too_large(guarded: Any, handlers: Handlers) -> None:
    handlers.answer = HUGE
    with pytest.raises(aio.AioRpcError) as caught:
        await call(guarded, "unary_unary")
    assert caught.value.code() is StatusCode.RESOURCE_EXHAUSTED
    assert error_info(caught.value).reason == "MESSAGE_TOO_LARGE"


async def test_calls_are_refused_once_the_server_is_going_away(guarded: Any, departure: Departure) -> None:
    departure.begin()
    with pytest.raises(aio.AioRpcError) as caught:
        await call(guarded, "unary_unary")
    assert (caught.value.code(), error_info(caught.value).reason) == (StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


@pytest.mark.parametrize(
    ("size", "code"), [(16 * 1024 * 1024 - 1, "INVALID_ARGUMENT"), (17 << 20, "RESOURCE_EXHAUSTED")]
)
async def test_limit_of_a_request_is_sixteen_mebibytes(
    world: World, channel: aio.Channel, size: int, code: str
) -> None:
    stub = SessionServiceStub(channel)
    session = (await stub.CreateSession(sessions_pb.CreateSessionRequest(), metadata=OWNER)).session
    request = sessions_pb.AddMessageRequest(session_id=session.session_id, role="ROLE_USER", content="x" * size)
    request.content = request.content[: 2 * size - request.ByteSize()]
    assert request.ByteSize() == size
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.AddMessage(request, metadata=OWNER)
    assert caught.value.code() is StatusCode[code]
    await stub.GetSession(sessions_pb.GetSessionRequest(session_id=session.session_id), metadata=OWNER)
