from collections.abc import Mapping
from dataclasses import field
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from atmos_ai_sidecar.errors import ModelNotConfiguredError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

DEFAULT_BASE_URL: Final = "https://api.anthropic.com"

_DRIVERS: Final[Mapping[str, str]] = {"anthropic": "", "bedrock": "botocore", "vertex": "google.auth"}
"""Every provider, and the package that its optional extra of the same name brings."""
_GOOGLE_HOSTS: Final[Mapping[str, str]] = {
    "global": "aiplatform.googleapis.com",
    "us": "aiplatform.us.rep.googleapis.com",
    "eu": "aiplatform.eu.rep.googleapis.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Everything that a client is built from. Nothing else is read: one process serves many environments."""

    provider: str = "anthropic"
    base_url: str = ""
    """Empty: the provider's own."""
    api_key: str = field(default="", repr=False)
    """For bedrock an API key of Amazon; without one, requests are signed with the credentials of AWS."""
    auth_token: str = field(default="", repr=False)
    """Sent as a bearer token instead of a key."""
    region: str = ""
    project_id: str = ""
    key_source: str = ""
    """Where the key comes from, in words, never the key."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Proxies, certificates, custom headers and the credentials of clouds are taken from it."""
    max_retries: int = 2
    connect_timeout_seconds: float = 10.0
    idle_timeout_seconds: float = 300.0
    """How long the provider may send nothing at all."""

    @property
    def url(self) -> str:
        """The URL without a trailing slash, with whatever it may hold of a name and a password."""
        return (self.base_url or self._own_url()).rstrip("/")

    @property
    def shown_url(self) -> str:
        """The URL for people, without name and password."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def uses_cloud_credentials(self) -> bool:
        """Whether what proves who asks is found by the rules of a cloud."""
        return self.provider == "vertex" or (self.provider == "bedrock" and not self.api_key)

    def require_usable(self) -> None:
        """Finds before the first request what can be found without asking anybody.

        Raises:
            ModelNotConfiguredError: The provider is not supported or not installed, the URL is none, or there is no
                key.
        """
        if self.provider not in _DRIVERS:
            raise ModelNotConfiguredError(
                f"The provider {self.provider!r} cannot be used, only {', '.join(_DRIVERS)}.",
                remedy="Set `ai.provider: anthropic`; its `base_url` may name any server that speaks the Messages API.",
                provider=self.provider,
            )
        self._require_installed()
        if not _is_url(self.url):
            raise ModelNotConfiguredError(
                f"The base_url {self.shown_url!r} of the provider {self.provider} is no URL.",
                remedy="Write it with https://, or http:// for a server on this machine.",
                provider=self.provider,
                url=self.shown_url,
            )
        if self.provider == "anthropic" and not self.api_key and not self.auth_token:
            raise ModelNotConfiguredError(
                f"There is no API key for the provider {self.provider} at {self.shown_url}.",
                remedy="Set ANTHROPIC_API_KEY, or `atmos-ai demo` shows everything without a key.",
                provider=self.provider,
                url=self.shown_url,
                setting="ANTHROPIC_API_KEY",
            )

    def _own_url(self) -> str:
        if self.provider == "bedrock":
            domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
            return f"https://bedrock-runtime.{self.region}.{domain}"
        if self.provider == "vertex":
            return f"https://{_GOOGLE_HOSTS.get(self.region, f'{self.region}-aiplatform.googleapis.com')}/v1"
        return DEFAULT_BASE_URL

    def _require_installed(self) -> None:
        driver = _DRIVERS[self.provider]
        if driver and not _is_installed(driver):
            raise ModelNotConfiguredError(
                f"The provider {self.provider} needs the package {driver}, which is not installed.",
                remedy=f"Install it: pip install 'atmos-ai-sidecar[{self.provider}]'.",
                provider=self.provider,
                package=driver,
            )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of the package above it
        return False


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
