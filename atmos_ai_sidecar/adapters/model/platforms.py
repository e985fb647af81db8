"""The SDK's clients, one for each place where the Messages API is offered."""

import os
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import anthropic
import httpx2

from atmos_ai_sidecar.adapters.model.access import Access, CloudAccess
from atmos_ai_sidecar.adapters.model.settings import ModelSettings
from atmos_ai_sidecar.application.ports.clock import Clock

_HEADERS = "ANTHROPIC_CUSTOM_HEADERS"
if TYPE_CHECKING:  # to name them is to load them
    Client = anthropic.AsyncAnthropic | anthropic.AsyncAnthropicBedrock | anthropic.AsyncAnthropicVertex


class Platform(Protocol):
    """A client, and how its answers are read."""

    content_type: str

    @property
    def client(self) -> "Client":
        """The SDK's client."""

    async def prepare(self) -> None:
        """Finds what proves who asks.

        Raises:
            ModelNotConfiguredError: There is nothing.
        """

    def forget(self) -> None:
        """Finds it again before the next request, because it was refused."""

    def events(self, response: httpx2.Response) -> AsyncGenerator[Any, None]:
        """The events of an answer as JSON, in order.

        Raises:
            ValueError: The bytes are no such stream.
        """


def platform(settings: ModelSettings, http_client: httpx2.AsyncClient, clock: Clock) -> Platform:
    """The platform of a provider that ``ModelSettings.require_usable`` has let pass."""
    kinds: dict[str, type[_Direct | _Bedrock | _Vertex]] = {
        "anthropic": _Direct, "bedrock": _Bedrock, "vertex": _Vertex,
    }  # fmt: skip
    return kinds[settings.provider](settings, http_client, clock)


def _common(settings: ModelSettings, http_client: httpx2.AsyncClient) -> dict[str, Any]:
    return {
        "base_url": settings.url,
        # Retries are ours, because they must be seen.
        "max_retries": 0,
        "http_client": http_client,
        "default_headers": _headers(settings.environment),
        "open_telemetry": False,
    }


def _headers(environment: Mapping[str, str]) -> dict[str, Any]:
    """The run's custom headers. The SDK adds those of this process's environment, which are taken back."""
    foreign = dict.fromkeys(_parsed(os.environ.get(_HEADERS, "")), anthropic.omit)
    return {**foreign, **_parsed(environment.get(_HEADERS, ""))}


def _parsed(text: str) -> dict[str, str]:
    lines = [line.partition(":") for line in text.splitlines()]
    return {name.strip(): value.strip() for name, colon, value in lines if colon and name.strip()}


class _Direct:
    """Anthropic's own, or any server that speaks the Messages API."""

    content_type = "text/event-stream"

    def __init__(self, settings: ModelSettings, http_client: httpx2.AsyncClient, _clock: Clock) -> None:
        # Both given, so that the SDK looks for neither in this process's environment.
        self.client = anthropic.AsyncAnthropic(
            api_key=settings.api_key or None,
            auth_token=None if settings.api_key else settings.auth_token,
            **_common(settings, http_client),
        )

    async def prepare(self) -> None:
        return

    def forget(self) -> None:
        return

    async def events(self, response: httpx2.Response) -> AsyncGenerator[Any, None]:
        # Raw, because the SDK's types warn of every block that they do not know yet.
        async for sent in anthropic.AsyncStream.raw_events(response):
            if sent.data:
                yield sent.json()


class _Cloud:
    """What both clouds share: credentials that are found, and set on each request in place of the SDK's."""

    def __init__(self, settings: ModelSettings, http_client: httpx2.AsyncClient, clock: Clock) -> None:
        self._settings = settings
        self._access = CloudAccess(settings, clock) if settings.uses_cloud_credentials else None
        self._current = Access()
        if self._access is not None:
            http_client.auth = _Authorization(self)

    async def prepare(self) -> None:
        if self._access is not None:
            self._current = await self._access.get()

    def forget(self) -> None:
        if self._access is not None:
            self._access.forget()

    def authorize(self, request: httpx2.Request) -> None:
        request.headers["authorization"] = f"Bearer {self._current.token}"


class _Bedrock(_Cloud):
    content_type = "application/vnd.amazon.eventstream"

    def __init__(self, settings: ModelSettings, http_client: httpx2.AsyncClient, clock: Clock) -> None:
        super().__init__(settings, http_client, clock)
        self.client = anthropic.AsyncAnthropicBedrock(
            # Never None, so that the SDK looks for none in this process's environment.
            api_key=settings.api_key,
            aws_region=settings.region,
            **_common(settings, http_client),
        )

    def authorize(self, request: httpx2.Request) -> None:
        from atmos_ai_sidecar.adapters.model.amazon import sign  # noqa: PLC0415 - an optional extra

        sign(request, self._current, self._settings.region)

    def events(self, response: httpx2.Response) -> AsyncGenerator[Any, None]:
        from atmos_ai_sidecar.adapters.model.amazon import events  # noqa: PLC0415 - an optional extra

        return events(response.aiter_bytes())


class _Vertex(_Cloud):
    content_type = _Direct.content_type
    events = _Direct.events

    def __init__(self, settings: ModelSettings, http_client: httpx2.AsyncClient, clock: Clock) -> None:
        super().__init__(settings, http_client, clock)
        self.client = anthropic.AsyncAnthropicVertex(
            region=settings.region,
            project_id=settings.project_id,
            # Never None, so that the SDK does not search in this process's environment.
            access_token="",
            **_common(settings, http_client),
        )


class _Authorization(httpx2.Auth):
    requires_request_body = True

    def __init__(self, cloud: _Cloud) -> None:
        self._cloud = cloud

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        self._cloud.authorize(request)
        yield request
