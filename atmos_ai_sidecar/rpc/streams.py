"""What streams of events have in common: the first event, and the end of the client's."""

from typing import Any, Final

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.errors import AttachRequiredError
from atmos_ai_sidecar.rpc.grpc_types import EOF, Context
from atmos_ai_sidecar.rpc.waiting import within

FIRST_EVENT_SECONDS: Final = 5.0


async def first_event(context: Context, clock: Clock, name: str) -> Any:
    """The stream's first message, which must carry the event of that name.

    Raises:
        AttachRequiredError: It carries another, none comes, or it takes longer than 5 s.
    """
    try:
        request = await within(clock, FIRST_EVENT_SECONDS, context.read())
    except TimeoutError as error:
        raise AttachRequiredError(name) from error
    if request is EOF or request.WhichOneof("event") != name:
        raise AttachRequiredError(name)
    return request


async def next_event(context: Context) -> Any:
    """The next message, or None when the client sends no more."""
    request = await context.read()
    return None if request is EOF else request
