"""The anthropic SDK and its HTTP client. Takes seconds to import: ``AnthropicModel`` does it in a thread."""

import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import urlsplit

import anthropic
import httpx2
import truststore

from atmos_ai_sidecar.adapters.model import failures
from atmos_ai_sidecar.adapters.model.platforms import platform
from atmos_ai_sidecar.adapters.model.proxies import proxy_for
from atmos_ai_sidecar.adapters.model.settings import ModelSettings
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.errors import ModelNotConfiguredError

_OK, _UNAUTHORIZED, _FORBIDDEN = 200, 401, 403
_MAX_MESSAGE_CHARACTERS = 500


class Wire:
    """One client of one environment; every failure of it is a ``Failure``."""

    def __init__(self, settings: ModelSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        proxy = _proxy(settings)
        self._by_way_of = f" (by way of the proxy {proxy.rpartition('@')[2]})" if proxy else ""
        self._platform = platform(settings, _http_client(settings), clock)

    async def prepare(self) -> None:
        """Finds what proves who asks; quick when it was found before.

        Raises:
            ModelNotConfiguredError: There is nothing.
        """
        await self._platform.prepare()

    async def events(
        self, body: Mapping[str, Any], idle_timeout_seconds: float
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The events of one answer as they come. Closing the iterator ends the request.

        Raises:
            Failure: The request failed, before or within the answer.
        """
        timeout = httpx2.Timeout(idle_timeout_seconds, connect=self._settings.connect_timeout_seconds)
        try:
            messages = self._platform.client.messages
            async with await messages.create(**cast("Any", body), stream=True, timeout=timeout) as stream:
                content_type = stream.response.headers.get("content-type", "")
                if content_type.partition(";")[0].strip() != self._platform.content_type:
                    raise failures.not_the_api(self._settings, content_type)
                async with aclosing(self._platform.events(stream.response)) as events:
                    async for event in events:
                        yield self._checked(event)
        except anthropic.APIStatusError as error:
            raise self._of_status(error) from error
        except anthropic.APIConnectionError as error:
            raise self._of_transport(error.__cause__ or error, idle_timeout_seconds) from error
        except httpx2.TransportError as error:
            raise self._of_transport(error, idle_timeout_seconds, has_begun=True) from error
        except ValueError as error:
            # JSON, UTF-8 or a frame that was cut in the middle or is another's.
            raise failures.broken(self._settings, f"it is not readable ({error})") from error

    async def reach(self) -> str:
        """Asks for the list of models, which costs nothing; a server that has no such list is reached all the same.

        Clouds have none: they are asked without credentials, which shows that there is a way to them.

        Raises:
            Failure: There is no connection, or the key is refused.
        """
        settings = self._settings
        seconds = settings.connect_timeout_seconds
        headers = {"anthropic-version": "2023-06-01", "x-api-key": settings.api_key}
        is_cloud = settings.provider != "anthropic"
        if is_cloud:
            headers = {}
        elif settings.auth_token:
            headers = {"authorization": f"Bearer {settings.auth_token}"}
        try:
            async with _http_client(settings) as client:
                answer = await client.get(f"{settings.url}/v1/models", headers=headers, timeout=seconds)
        except httpx2.TransportError as error:
            raise self._of_transport(error, seconds) from error
        if answer.status_code in {_UNAUTHORIZED, _FORBIDDEN} and not is_cloud:
            raise failures.of_status(
                settings,
                answer.status_code,
                kind="authentication_error",
                message="the key is refused",
                headers=answer.headers,
                now=self._clock.now(),
            )
        return f"reached (HTTP {answer.status_code})"

    async def close(self) -> None:
        await self._platform.client.close()

    def _checked(self, event: Any) -> dict[str, Any]:
        if not isinstance(event, dict):
            raise failures.broken(self._settings, "an event is no object")
        if event.get("type") != "error":
            return event
        error = event.get("error")
        values = error if isinstance(error, dict) else {}
        message = str(values.get("message") or error)[:_MAX_MESSAGE_CHARACTERS]
        raise failures.of_status(
            self._settings, _OK, kind=str(values.get("type")), message=message, headers={}, now=self._clock.now()
        )

    def _of_status(self, error: anthropic.APIStatusError) -> failures.Failure:
        # Without a message of the API's own the body may be any page.
        if error.status_code in {_UNAUTHORIZED, _FORBIDDEN}:
            self._platform.forget()
        told = error.api_message or _amazons_message(error.body) or error.response.reason_phrase
        message = (told or "no reason given")[:_MAX_MESSAGE_CHARACTERS]
        return failures.of_status(
            self._settings,
            error.status_code,
            kind=str(error.type or ""),
            message=message,
            headers=error.response.headers,
            now=self._clock.now(),
        )

    def _of_transport(self, error: BaseException, seconds: float, *, has_begun: bool = False) -> failures.Failure:
        settings = self._settings
        if isinstance(error, httpx2.ReadTimeout):
            return failures.silent(settings, seconds)
        if isinstance(error, httpx2.ProxyError):
            return failures.unreachable(settings, f"the proxy refused ({error})")
        if has_begun or isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError):
            return failures.broken(settings, str(error) or type(error).__name__)
        if isinstance(error, httpx2.TimeoutException):
            return failures.unreachable(
                settings, f"no connection within {settings.connect_timeout_seconds:g} s{self._by_way_of}"
            )
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return failures.unreachable(
                settings,
                f"its certificate is not trusted ({error})",
                remedy="Add its authority to the system's store, or name it in SSL_CERT_FILE.",
                is_passing=False,
            )
        return failures.unreachable(settings, _cause_of(error) + self._by_way_of)


def _amazons_message(body: object) -> str:
    values = body if isinstance(body, dict) else {}
    return str(values.get("message") or values.get("Message") or "")


def _cause_of(error: BaseException) -> str:
    """The system's own word, which the libraries above it hide behind a summary."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ConnectionRefusedError):
            return "the connection was refused"
        found = found.__cause__ or found.__context__
    return str(error) or type(error).__name__


def _http_client(settings: ModelSettings) -> httpx2.AsyncClient:
    trust = _trust(settings.environment)
    try:
        transport = httpx2.AsyncHTTPTransport(verify=trust, trust_env=False, proxy=_proxy(settings) or None)
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise ModelNotConfiguredError(
            f"The proxy for {settings.shown_url} cannot be used: {error}.",
            remedy="Mend HTTPS_PROXY or ALL_PROXY, or name the host in NO_PROXY.",
            provider=settings.provider,
            url=settings.shown_url,
            setting="HTTPS_PROXY",
        ) from error
    # A redirect would take the key to another host.
    return httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)


def _proxy(settings: ModelSettings) -> str:
    parts = urlsplit(settings.url)
    return proxy_for(parts.scheme, parts.hostname or "", settings.environment)


def _trust(environment: Mapping[str, str]) -> ssl.SSLContext:
    """The operating system's trust, and what SSL_CERT_FILE and SSL_CERT_DIR add to it."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    file, directory = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if file or directory:
        try:
            context.load_verify_locations(file or None, directory or None)
        except OSError as error:
            raise ModelNotConfiguredError(
                f"The certificates in {file or directory} cannot be read: {error}.",
                remedy="Mend SSL_CERT_FILE or SSL_CERT_DIR, or unset it.",
                setting="SSL_CERT_FILE" if file else "SSL_CERT_DIR",
            ) from error
    return context
