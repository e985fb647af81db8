import asyncio
import random
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from atmos_ai_sidecar.adapters.model import failures
from atmos_ai_sidecar.adapters.model.answers import Answer, MalformedAnswerError
from atmos_ai_sidecar.adapters.model.failures import Failure
from atmos_ai_sidecar.adapters.model.importing import importing_much
from atmos_ai_sidecar.adapters.model.read_ahead import ReadAhead
from atmos_ai_sidecar.adapters.model.requests import body_of
from atmos_ai_sidecar.adapters.model.settings import ModelSettings
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.model import ModelEvent, ModelRequest, Retrying

if TYPE_CHECKING:
    from atmos_ai_sidecar.adapters.model.wire import Wire

_WIRE = "atmos_ai_sidecar.adapters.model.wire"
# The SDK's own figures, so that our visible retries are as patient as its silent ones.
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 8.0
_JITTER = 0.25
# Who is asked to wait longer than this is told so instead.
_LONGEST_WAIT_SECONDS = 60.0


class AnthropicModel:
    """The Model port on the Messages API. Safe for several streams at once; close it after the last."""

    def __init__(self, settings: ModelSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._wire: Wire | None = None
        self._loading = asyncio.Lock()

    async def check(self) -> None:
        """Finds what is missing before the first request; the credentials of a cloud are searched.

        Raises:
            ModelNotConfiguredError: Provider, URL, key or credentials cannot be used.
        """
        self._settings.require_usable()
        if self._settings.uses_cloud_credentials:
            await self.load()

    async def load(self) -> None:
        """Imports the SDK, builds the client in a thread, and finds the credentials of a cloud; quick when it is done.

        Raises:
            ModelNotConfiguredError: Provider, URL, key, credentials, proxy or certificates cannot be used.
        """
        await (await self._loaded()).prepare()

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        """See ``Model.stream``."""
        async with aclosing(self._events(request)) as events:
            yield events

    async def reach(self) -> str:
        """What the endpoint says to a request that costs nothing, in a few words.

        Raises:
            ModelNotConfiguredError: Something is missing before the request.
            ModelUnavailableError, ModelFailedError: The endpoint cannot be reached, or refuses the key.
        """
        wire = await self._loaded()
        try:
            return await wire.reach()
        except Failure as failure:
            raise failure.error from failure

    def describe(self) -> Mapping[str, Any]:
        """See ``Model.describe``."""
        settings = self._settings
        return {
            "provider": settings.provider,
            "url": settings.shown_url,
            "key_source": settings.key_source,
            "has_key": bool(settings.api_key or settings.auth_token),
        }

    async def close(self) -> None:
        """Closes the connections; streams must have ended before."""
        if self._wire is not None:
            await self._wire.close()
            self._wire = None

    async def _loaded(self) -> "Wire":
        self._settings.require_usable()
        async with self._loading:
            if self._wire is None:
                self._wire = await asyncio.to_thread(_build_wire, self._settings, self._clock)
            return self._wire

    async def _events(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Attempts until one succeeds or no further one may help."""
        deadline = None if request.timeout_seconds is None else self._clock.monotonic() + request.timeout_seconds
        wire = await self._loaded()
        body = body_of(request)
        retries = 0
        while True:
            try:
                async with aclosing(self._attempt(wire, body, deadline)) as events:
                    async for event in events:
                        yield event
            except Failure as failure:
                delay = self._delay_before_retry(failure, retries)
                if delay is None:
                    raise failure.error from failure
                retries += 1
                yield Retrying(attempt=retries + 1, delay_seconds=delay, message=failure.error.message)
                await self._clock.sleep(delay)
            else:
                return

    async def _attempt(
        self, wire: "Wire", body: Mapping[str, Any], deadline: float | None
    ) -> AsyncGenerator[ModelEvent, None]:
        answer = Answer()
        await wire.prepare()
        idle = self._settings.idle_timeout_seconds
        allowed = idle if deadline is None else min(idle, self._remaining(deadline))
        try:
            async with aclosing(wire.events(body, allowed)) as source, ReadAhead(source) as events:
                while (event := await self._next_within(events, idle)) is not None:
                    if deadline is not None:
                        self._remaining(deadline)
                    piece = answer.add(event)
                    if piece is not None:
                        yield piece
            yield answer.finished()
        except MalformedAnswerError as error:
            raise failures.broken(self._settings, str(error)) from error

    async def _next_within(self, events: ReadAhead, seconds: float) -> dict[str, Any] | None:
        """The next event, or None at the end; raises Failure when nothing comes for so long, by our own clock."""
        if events.must_wait:
            waiting = asyncio.ensure_future(events.wait())
            timer = asyncio.ensure_future(self._clock.sleep(seconds))
            try:
                await asyncio.wait((waiting, timer), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (timer, waiting):
                    task.cancel()
                await asyncio.gather(timer, waiting, return_exceptions=True)
            if events.must_wait:
                raise failures.silent(self._settings, seconds)
        return events.take()

    def _remaining(self, deadline: float) -> float:
        remaining = deadline - self._clock.monotonic()
        if remaining <= 0:
            raise failures.late(self._settings)
        return remaining

    def _delay_before_retry(self, failure: Failure, retries: int) -> float | None:
        """How long to wait; None when there is nothing to try again."""
        if not failure.is_passing or retries >= self._settings.max_retries:
            return None
        asked = failure.retry_after_seconds
        if asked:
            return asked if asked <= _LONGEST_WAIT_SECONDS else None
        delay = min(_FIRST_DELAY_SECONDS * 2.0**retries, _LONGEST_DELAY_SECONDS)
        return delay * (1 - _JITTER * random.random())  # noqa: S311 - spreads load, keeps no secret


def _build_wire(settings: ModelSettings, clock: Clock) -> "Wire":
    from atmos_ai_sidecar.adapters.model.lazy_exports import LazyExports  # noqa: PLC0415 - a parser comes with it

    LazyExports.install("anthropic")
    # Only the first time: what is frozen is never collected, and later there is more than modules.
    with nullcontext() if _WIRE in sys.modules else importing_much():
        from atmos_ai_sidecar.adapters.model.wire import Wire  # noqa: PLC0415 - slow, and only when a model is used

    return Wire(settings, clock)
