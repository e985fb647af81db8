"""The outermost frame around every handler: whatever happens in it, the client gets a status.

Guarantees: an error that was raised on purpose keeps its reason; an unknown one is logged once with an id, and its text
stays here; a stray ``CancelledError``, after which gRPC would send nothing at all, is answered; one broken handler
does not end the process. While the server shuts down, calls that come are refused.
"""

import asyncio
import inspect
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode, aio

from atmos_ai_sidecar.errors import InvalidFieldError, MessageTooLargeError, ShuttingDownError, SidecarError
from atmos_ai_sidecar.rpc.auth import HEALTH_CHECK
from atmos_ai_sidecar.rpc.departure import Departure
from atmos_ai_sidecar.rpc.grpc_types import CallDetails, Context, Handler, Interceptor
from atmos_ai_sidecar.rpc.status import DETAILS_KEY, status_of, unexpected_status

_LOG = logging.getLogger(__name__)
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024


class GuardInterceptor(Interceptor):
    """Puts the frame around every handler, also around those that other interceptors answer with."""

    def __init__(self, departure: Departure) -> None:
        self._departure = departure

    async def intercept_service(
        self,
        continuation: Callable[[CallDetails], Awaitable[Handler]],
        handler_call_details: CallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        if handler is None:  # an unknown method: gRPC says so
            return handler
        return self._guarded(handler, handler_call_details.method)

    def _guarded(self, handler: Any, method: str) -> Handler:
        make, name = _KINDS[handler.request_streaming, handler.response_streaming]
        behaviour = getattr(handler, name)
        if inspect.isasyncgenfunction(behaviour):
            guarded: Any = self._stream(behaviour, method)
        else:
            guarded = self._call(behaviour, method)
        deserialize = handler.request_deserializer
        if not handler.request_streaming:
            deserialize = _undecided(deserialize)
        return make(guarded, deserialize, handler.response_serializer)  # type: ignore[no-any-return]

    def _call(self, behaviour: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
        async def call(request: Any, context: Context) -> Any:
            async with self._frame(context, method):
                return _sendable(await behaviour(_decoded(request), context))

        return call

    def _stream(self, behaviour: Callable[..., Any], method: str) -> Callable[..., AsyncIterator[Any]]:
        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            async with self._frame(context, method):
                async for response in behaviour(_decoded(request), context):
                    yield response

        return stream

    @asynccontextmanager
    async def _frame(self, context: Context, method: str) -> AsyncIterator[None]:
        try:
            if self._departure.has_begun and method != HEALTH_CHECK:
                raise ShuttingDownError  # noqa: TRY301 - answered like every other error
            with self._departure.staying(method):
                yield
        except (aio.AbortError, GeneratorExit, KeyboardInterrupt):
            raise
        except asyncio.CancelledError as error:
            if _is_cancelled_from_outside():  # the client has gone
                raise
            await _abort(context, _log_unexpected(error, method, StatusCode.ABORTED))
        except BaseException as error:  # noqa: BLE001 - also SystemExit: a handler does not end the process
            await _answer(context, unwrapped(error), method)


def unwrapped(error: BaseException) -> BaseException:
    """Of errors that task groups put together, the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


_KINDS: Final[dict[tuple[bool, bool], tuple[Callable[..., Any], str]]] = {
    (False, False): (grpc.unary_unary_rpc_method_handler, "unary_unary"),
    (False, True): (grpc.unary_stream_rpc_method_handler, "unary_stream"),
    (True, False): (grpc.stream_unary_rpc_method_handler, "stream_unary"),
    (True, True): (grpc.stream_stream_rpc_method_handler, "stream_stream"),
}


def _undecided(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """A deserializer that returns its error, so that it is raised where it can be answered."""
    if deserialize is None:
        return None

    def decide_later(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError as error:
            return error

    return decide_later


def _decoded(request: Any) -> Any:
    if isinstance(request, DecodeError):
        raise request
    return request


def _sendable(response: Any) -> Any:
    if isinstance(response, Message) and response.ByteSize() > MAX_MESSAGE_BYTES:
        size = response.ByteSize()
        raise MessageTooLargeError(
            f"The answer has {size} bytes, at most {MAX_MESSAGE_BYTES} can be sent.",
            remedy="Ask for less, for example with a smaller page_size.",
            size=str(size),
            limit=str(MAX_MESSAGE_BYTES),
        )
    return response


def _is_cancelled_from_outside() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _answer(context: Context, error: BaseException, method: str) -> None:
    if isinstance(error, aio.BaseError) and (context.done() or context.cancelled()):
        return  # the call is over, nobody is there to hear about it
    if isinstance(error, DecodeError):
        error = InvalidFieldError("request", "is no valid message, or is nested more than 100 levels deep")
    status = status_of(error) if isinstance(error, SidecarError) else _log_unexpected(error, method)
    await _abort(context, status)


def _log_unexpected(error: BaseException, method: str, code: StatusCode = StatusCode.INTERNAL) -> Any:
    error_id = secrets.token_hex(8)
    _LOG.error("internal error %s in %s", error_id, method, exc_info=error)
    return unexpected_status(error_id, code=code)


async def _abort(context: Context, status: Any) -> None:
    """Ends the call with the status.

    Raises:
        AbortError: Always, unless the call was over already.
    """
    code = next(code for code in StatusCode if code.value[0] == status.code)
    try:
        await context.abort(code, status.message, ((DETAILS_KEY, status.SerializeToString()),))
    except aio.UsageError:
        _LOG.debug("the call had its status already")
