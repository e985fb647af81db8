"""Which model a run talks to. It is decided when it is needed, so that commands without a model need no key."""

from collections.abc import Mapping
from dataclasses import field
from urllib.parse import urlsplit

from atmos_ai_sidecar.configuration.clouds import bedrock_access, missing_model, vertex_access
from atmos_ai_sidecar.configuration.settings import Config, ProviderSettings
from atmos_ai_sidecar.errors import ModelNotConfiguredError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_MAX_TOKENS = 8192
PROVIDERS = ("anthropic", "bedrock", "vertex")

_LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
_BLOCK = """Put this into atmos.yaml:

ai:
  enabled: true
  provider: anthropic
  providers:
    anthropic:
      model: claude-sonnet-5-5
      api_key: !env ANTHROPIC_API_KEY
"""
_LOCAL_BLOCK = """Ollama speaks the Messages API. Put this into atmos.yaml, with a model that `ollama list` shows:

ai:
  enabled: true
  provider: anthropic
  providers:
    anthropic:
      model: qwen3-coder
      base_url: http://localhost:11434
"""
_BLOCKS = {"ollama": _LOCAL_BLOCK}
"""For providers whose users would not want the usual block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """Everything that a model client is built from."""

    provider: str
    """anthropic, bedrock or vertex."""
    model: str
    max_tokens: int
    timeout_seconds: float | None
    base_url: str = ""
    """Empty: the provider's own."""
    api_key: str = field(default="", repr=False)
    """Empty for vertex, and mostly for bedrock: they use the credentials of their cloud."""
    auth_token: str = field(default="", repr=False)
    region: str = ""
    project_id: str = ""
    key_source: str = ""
    """Where the key comes from, in words, never the key."""


def choose_model(config: Config, environment: Mapping[str, str], *, provider: str = "", model: str = "") -> ModelChoice:
    """The model of this run; ``provider`` and ``model`` are the user's flags and win.

    Raises:
        ModelNotConfiguredError: The provider is none of ours, or something that it needs is missing; the error says
            which setting, which variable and what to do.
    """
    written = provider or config.provider or _only_provider(config) or "anthropic"
    name = written.lower()
    if name not in PROVIDERS:
        raise _unknown_provider(written, config)
    settings = config.providers.get(name, ProviderSettings(name=name))
    return ModelChoice(
        provider=name,
        model=model or settings.model or default_model(name),
        max_tokens=settings.max_tokens or DEFAULT_MAX_TOKENS,
        timeout_seconds=config.timeout_seconds,
        **_access(settings, environment),
    )


def default_model(provider: str) -> str:
    """The model that is asked where nothing names one.

    Raises:
        ModelNotConfiguredError: The provider has other names for models, which differ by region.
    """
    if provider == "bedrock":
        raise missing_model()
    return DEFAULT_MODEL


def _access(settings: ProviderSettings, environment: Mapping[str, str]) -> dict[str, str]:
    if settings.name == "anthropic":
        return _anthropic(settings, environment)
    return bedrock_access(settings, environment) if settings.name == "bedrock" else vertex_access(settings, environment)


def _anthropic(settings: ProviderSettings, environment: Mapping[str, str]) -> dict[str, str]:
    base_url = settings.base_url or environment.get("ANTHROPIC_BASE_URL", "")
    if base_url and not base_url.startswith(("http://", "https://")):
        raise ModelNotConfiguredError(
            f"The base_url {base_url!r} of provider anthropic is no URL.",
            remedy="Write it with https://, or http:// for a server on this machine.",
            provider="anthropic",
        )
    if settings.api_key:
        source = f"!env {settings.api_key_variable}" if settings.api_key_variable else "atmos.yaml"
        return {"base_url": base_url, "api_key": settings.api_key, "key_source": source}
    for variable, name in (("ANTHROPIC_API_KEY", "api_key"), ("ANTHROPIC_AUTH_TOKEN", "auth_token")):
        if key := environment.get(variable, ""):
            return {"base_url": base_url, name: key, "key_source": variable}
    if urlsplit(base_url).hostname in _LOCAL_HOSTS:
        return {"base_url": base_url, "api_key": "unused", "key_source": "none, the model runs on this machine"}
    raise _missing_key(settings)


def _missing_key(settings: ProviderSettings) -> ModelNotConfiguredError:
    setting = f"ai.providers.{settings.name}.api_key"
    variable = settings.api_key_variable or "ANTHROPIC_API_KEY"
    if settings.api_key_origin:
        where = f"{settings.api_key_origin.file}:{settings.api_key_origin.line}"
        problem = f"{setting} ({where}) takes it from {variable}, which is not set"
        problem = problem if settings.api_key_variable else f"{setting} ({where}) is empty"
    else:
        problem = f"{setting} and {variable} are not set"
    return ModelNotConfiguredError(
        f"There is no API key for the provider {settings.name}: {problem}.",
        remedy=f"Run `export {variable}=YOUR-KEY` and try again, or `atmos-ai demo` to look around without a key.",
        provider=settings.name,
        setting=setting,
        variable=variable,
    )


def _unknown_provider(name: str, config: Config) -> ModelNotConfiguredError:
    origin = config.origins.get("ai.provider")
    where = f" ({origin.file}:{origin.line})" if origin and name == config.provider else ""
    return ModelNotConfiguredError(
        f"The provider {name!r}{where} is not supported here; {', '.join(PROVIDERS)} are.",
        remedy=_BLOCKS.get(name.lower(), _BLOCK),
        provider=name,
        setting="ai.provider",
    )


def _only_provider(config: Config) -> str:
    return next(iter(config.providers)) if len(config.providers) == 1 else ""
