from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from atmos_ai_sidecar.errors import ModelNotConfiguredError

DEFAULT_BASE_URL: Final = "https://api.anthropic.com"
SUPPORTED_PROVIDER: Final = "anthropic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Everything that a client is built from. Nothing else is read: one process serves many environments."""

    provider: str = SUPPORTED_PROVIDER
    base_url: str = ""
    """Empty: the provider's own."""
    api_key: str = field(default="", repr=False)
    auth_token: str = field(default="", repr=False)
    """Sent as a bearer token instead of a key."""
    key_source: str = ""
    """Where the key comes from, in words, never the key."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Proxies, certificates and custom headers are taken from it."""
    max_retries: int = 2
    connect_timeout_seconds: float = 10.0
    idle_timeout_seconds: float = 300.0
    """How long the provider may send nothing at all."""

    @property
    def url(self) -> str:
        """The URL without a trailing slash, with whatever it may hold of a name and a password."""
        return (self.base_url or DEFAULT_BASE_URL).rstrip("/")

    @property
    def shown_url(self) -> str:
        """The URL for people, without name and password."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def require_usable(self) -> None:
        """Finds before the first request what can be found without one.

        Raises:
            ModelNotConfiguredError: The provider is not supported, the URL is none, or there is no key.
        """
        if self.provider != SUPPORTED_PROVIDER:
            raise ModelNotConfiguredError(
                f"The provider {self.provider!r} cannot be used by this version, only {SUPPORTED_PROVIDER!r}.",
                remedy="Set `ai.default_provider: anthropic`; its `base_url` may name any server "
                "that speaks the Messages API.",
                provider=self.provider,
            )
        if not _is_url(self.url):
            raise ModelNotConfiguredError(
                f"The base_url {self.shown_url!r} of the provider {self.provider} is no URL.",
                remedy="Write it with https://, or http:// for a server on this machine.",
                provider=self.provider,
                url=self.shown_url,
            )
        if not self.api_key and not self.auth_token:
            raise ModelNotConfiguredError(
                f"There is no API key for the provider {self.provider} at {self.shown_url}.",
                remedy="Set ANTHROPIC_API_KEY, or `atmos-ai demo` shows everything without a key.",
                provider=self.provider,
                url=self.shown_url,
                setting="ANTHROPIC_API_KEY",
            )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
