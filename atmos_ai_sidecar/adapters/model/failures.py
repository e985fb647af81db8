"""What a failed request means: an error of the tree, and whether to try again. Knows nothing of the SDK."""

import email.utils
import math
from collections.abc import Mapping
from datetime import datetime

from atmos_ai_sidecar.adapters.model.access import REMEDIES
from atmos_ai_sidecar.adapters.model.settings import ModelSettings
from atmos_ai_sidecar.errors import (
    ModelFailedError,
    ModelNotConfiguredError,
    ModelTimeoutError,
    ModelUnavailableError,
    SidecarError,
)

_OK, _BAD_REQUEST, _NOT_FOUND, _TOO_LARGE = 200, 400, 404, 413
_REQUEST_TIMEOUT, _CONFLICT, _MODEL_BROKE, _TOO_MANY_REQUESTS, _SERVER_ERROR = 408, 409, 424, 429, 500
_MAY_PASS = frozenset({_REQUEST_TIMEOUT, _CONFLICT, _MODEL_BROKE, _TOO_MANY_REQUESTS})
_STATUS_OF_STREAMED_ERROR: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
    "internalServerException": 500,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}
"""An error in a stream has no status of its own; the documentations of the API and of Amazon Bedrock pair them."""
_OVERLOADED = 529
_TOO_LONG = ("prompt is too long", "input is too long", "exceed context limit", "maximum context length")


class Failure(Exception):  # noqa: N818 - not an error by itself: it may pass
    """A request that failed.

    ``is_passing`` says whether trying again may help, ``retry_after_seconds`` how long the provider asks to wait.
    """

    def __init__(
        self, error: SidecarError, *, is_passing: bool = False, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.is_passing = is_passing
        self.retry_after_seconds = retry_after_seconds


def of_status(
    settings: ModelSettings, status: int, *, kind: str, message: str, headers: Mapping[str, str], now: datetime
) -> Failure:
    """The failure that an answer with an error status, or an error event in a stream, stands for."""
    if status == _OK:
        status = _STATUS_OF_STREAMED_ERROR.get(kind, _SERVER_ERROR)
    passing = _is_passing(status, headers.get("x-should-retry", ""))
    retry_after = retry_after_seconds(headers, now)
    if passing or status in _MAY_PASS or status >= _SERVER_ERROR:
        error: SidecarError = _unavailable_status(settings, status, message, retry_after)
    else:
        error = _refused(settings, status, message)
    return Failure(error, is_passing=passing, retry_after_seconds=retry_after)


def unreachable(settings: ModelSettings, problem: str, *, remedy: str = "", is_passing: bool = True) -> Failure:
    """There is no connection, or not one that can be trusted."""
    return Failure(
        ModelUnavailableError(
            f"The model provider {settings.provider} at {settings.shown_url} cannot be reached: {problem}.",
            remedy=remedy or "Check the network, the proxy settings and `base_url` (ANTHROPIC_BASE_URL).",
            provider=settings.provider,
            url=settings.shown_url,
            problem=problem,
        ),
        is_passing=is_passing,
    )


def broken(settings: ModelSettings, problem: str) -> Failure:
    """The answer began and cannot be used."""
    return Failure(
        ModelUnavailableError(
            f"The answer of the model provider {settings.provider} at {settings.shown_url} broke off: {problem}.",
            remedy="Send the message again.",
            provider=settings.provider,
            url=settings.shown_url,
            problem=problem,
        ),
        is_passing=True,
    )


def not_the_api(settings: ModelSettings, content_type: str) -> Failure:
    """Something else answered: a captive portal, a proxy's page, another service."""
    return Failure(
        ModelUnavailableError(
            f"{settings.shown_url} answered with {content_type or 'no content type'} and not as the Messages API.",
            remedy="Check `base_url` (ANTHROPIC_BASE_URL) and whether a proxy or login page is in between.",
            provider=settings.provider,
            url=settings.shown_url,
            content_type=content_type,
        )
    )


def silent(settings: ModelSettings, seconds: float) -> Failure:
    """Nothing came for too long. Not tried again: the user has waited long enough to decide."""
    return Failure(
        ModelTimeoutError(
            f"The model provider {settings.provider} at {settings.shown_url} sent nothing for {seconds:g} s.",
            remedy="Send the message again; `ai.timeout_seconds` sets the limit of a request.",
            provider=settings.provider,
            url=settings.shown_url,
            seconds=f"{seconds:g}",
        )
    )


def late(settings: ModelSettings) -> Failure:
    """The whole request took longer than it may."""
    return Failure(
        ModelTimeoutError(
            f"The answer of the model provider {settings.provider} at {settings.shown_url} took too long.",
            remedy="Send the message again, or set a larger `ai.timeout_seconds`.",
            provider=settings.provider,
            url=settings.shown_url,
        )
    )


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long the provider asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110)."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, ""))
        if seconds is not None:
            return seconds / scale
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _is_passing(status: int, should_retry: str) -> bool:
    # The provider's own word comes first, as in the SDK.
    if should_retry in {"true", "false"}:
        return should_retry == "true"
    return status in _MAY_PASS or status >= _SERVER_ERROR


def _unavailable_status(
    settings: ModelSettings, status: int, message: str, retry_after: float | None
) -> ModelUnavailableError:
    what = {_OVERLOADED: "is overloaded", _TOO_MANY_REQUESTS: "limits the rate of requests"}.get(status, "failed")
    return ModelUnavailableError(
        f"The model provider {settings.provider} at {settings.shown_url} {what} ({status}: {message}).",
        retry_seconds=1.0 if retry_after is None else retry_after,
        remedy="Try again later.",
        provider=settings.provider,
        url=settings.shown_url,
        status=str(status),
    )


def _refused(settings: ModelSettings, status: int, message: str) -> SidecarError:
    where = f"The model provider {settings.provider} at {settings.shown_url}"
    metadata = {"provider": settings.provider, "url": settings.shown_url, "status": str(status)}
    if status in {401, 403}:
        return _key_refused(settings, where, f"{status}: {message}", metadata)
    if status == _TOO_LARGE or any(words in message.lower() for words in _TOO_LONG):
        return ModelFailedError(
            f"The conversation is too long for the model at {settings.shown_url} ({status}: {message}).",
            remedy="Compact it, start a new session, or ask with less.",
            kind="prompt_too_long",
            **metadata,
        )
    if status == _NOT_FOUND:
        return ModelFailedError(
            f"{where} does not know the model or the address ({status}: {message}).",
            remedy="Check the model's name (--model) and `base_url` (ANTHROPIC_BASE_URL).",
            kind="not_found",
            **metadata,
        )
    if status < _BAD_REQUEST:
        return ModelFailedError(
            f"{where} redirects to another address ({status}), where the key must not go.",
            remedy="Set `base_url` (ANTHROPIC_BASE_URL) to the final address, if you trust it.",
            kind="redirected",
            **metadata,
        )
    return ModelFailedError(f"{where} refused the request ({status}: {message}).", kind="refused", **metadata)


def _key_refused(
    settings: ModelSettings, where: str, told: str, metadata: Mapping[str, str]
) -> ModelNotConfiguredError:
    source = settings.key_source or "the configuration"
    if settings.provider == "anthropic":
        return ModelNotConfiguredError(
            f"{where} refused the key from {source} ({told}).",
            remedy="Set ANTHROPIC_API_KEY to a key that is valid there.",
            setting="ANTHROPIC_API_KEY",
            **metadata,
        )
    return ModelNotConfiguredError(
        f"{where} refused the {source} ({told}).",
        remedy=f"They may have expired, or may not use this model there. {REMEDIES[settings.provider]}",
        **metadata,
    )
