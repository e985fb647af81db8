"""Sending on a stream from several tasks."""

import asyncio
from types import TracebackType
from typing import Any, Self

from atmos_ai_sidecar.rpc.grpc_types import Context


class Sender:
    """Sends one message at a time. Leaving its context waits for the message that is on its way.

    A send that is cancelled leaves its message on its way: gRPC cannot take it back, and while it is there it refuses
    to send anything else, also a status. A client that waits for a status would then wait for ever.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sending: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._wait_sent()

    async def send(self, message: Any) -> None:
        """Returns when the transport has taken the message.

        Raises:
            grpc.aio.BaseError: The client has gone.
        """
        await self._wait_sent()
        sending = self._sending = asyncio.ensure_future(self._context.write(message))
        sending.add_done_callback(_forget_error)
        await asyncio.shield(sending)

    async def _wait_sent(self) -> None:
        while self._sending is not None and not self._sending.done():
            await asyncio.wait({self._sending})


def _forget_error(sending: "asyncio.Future[None]") -> None:
    """Whoever waited has seen the error; that nobody waited any more is no event of its own."""
    if not sending.cancelled():
        sending.exception()
