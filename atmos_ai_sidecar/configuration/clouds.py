"""What Amazon Bedrock and Google Vertex AI need to be asked, and what to say when it is missing."""

import re
from collections.abc import Mapping

from atmos_ai_sidecar.configuration.settings import ProviderSettings
from atmos_ai_sidecar.errors import ModelNotConfiguredError

BEDROCK_KEY = "AWS_BEARER_TOKEN_BEDROCK"
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""It becomes a part of the address, so it must not be able to name another host."""

_BEDROCK_BLOCK = """Put this into atmos.yaml, with your region and model (`aws bedrock list-inference-profiles`):

ai:
  enabled: true
  provider: bedrock
  providers:
    bedrock:
      model: global.anthropic.claude-sonnet-4-5-20250929-v1:0
      base_url: eu-west-1
"""
_VERTEX_BLOCK = """Put this into atmos.yaml, with a project and a region of yours:

ai:
  enabled: true
  provider: vertex
  providers:
    vertex:
      model: claude-sonnet-5-5
      project_id: my-project
      region: global
"""


def bedrock_access(settings: ProviderSettings, environment: Mapping[str, str]) -> dict[str, str]:
    """Region, address and key of Bedrock; as in Atmos, a ``base_url`` without a scheme is the region.

    Raises:
        ModelNotConfiguredError: There is no region, or it is none.
    """
    is_url = "://" in settings.base_url
    region = settings.region or ("" if is_url else settings.base_url)
    region = region or environment.get("AWS_REGION", "") or environment.get("AWS_DEFAULT_REGION", "")
    if not region:
        raise ModelNotConfiguredError(
            "Provider bedrock needs an AWS region: `ai.providers.bedrock.base_url`, or AWS_REGION.",
            remedy=_BEDROCK_BLOCK,
            provider="bedrock",
            setting="ai.providers.bedrock.base_url",
            variable="AWS_REGION",
        )
    base_url = settings.base_url if is_url else environment.get("ANTHROPIC_BEDROCK_BASE_URL", "")
    access = {"base_url": base_url, "region": _checked_region(region, "bedrock", _BEDROCK_BLOCK)}
    if settings.api_key:
        source = f"!env {settings.api_key_variable}" if settings.api_key_variable else "atmos.yaml"
        return {**access, "api_key": settings.api_key, "key_source": f"API key of Amazon Bedrock ({source})"}
    if key := environment.get(BEDROCK_KEY, ""):
        return {**access, "api_key": key, "key_source": f"API key of Amazon Bedrock ({BEDROCK_KEY})"}
    return {**access, "key_source": "AWS credentials"}


def vertex_access(settings: ProviderSettings, environment: Mapping[str, str]) -> dict[str, str]:
    """Project, region and address of Vertex AI.

    Raises:
        ModelNotConfiguredError: Project or region are missing, or the region is none.
    """
    project = settings.project_id or environment.get("ANTHROPIC_VERTEX_PROJECT_ID", "")
    project = project or environment.get("GOOGLE_CLOUD_PROJECT", "")
    region = settings.region or environment.get("CLOUD_ML_REGION", "")
    missing = [name for name, value in (("project_id", project), ("region", region)) if not value]
    if missing:
        raise ModelNotConfiguredError(
            f"Provider vertex needs {' and '.join(missing)}: `ai.providers.vertex.{missing[0]}`, "
            "or ANTHROPIC_VERTEX_PROJECT_ID and CLOUD_ML_REGION.",
            remedy=_VERTEX_BLOCK,
            provider="vertex",
            setting=f"ai.providers.vertex.{missing[0]}",
        )
    return {
        "base_url": settings.base_url or environment.get("ANTHROPIC_VERTEX_BASE_URL", ""),
        "region": _checked_region(region, "vertex", _VERTEX_BLOCK),
        "project_id": project,
        "key_source": "Google application default credentials",
    }


def missing_model() -> ModelNotConfiguredError:
    """The error for Bedrock without a model: its names differ by region, so none can be assumed."""
    return ModelNotConfiguredError(
        "Provider bedrock needs the name of a model: `ai.providers.bedrock.model`, or --model.",
        remedy=_BEDROCK_BLOCK,
        provider="bedrock",
        setting="ai.providers.bedrock.model",
    )


def _checked_region(region: str, provider: str, block: str) -> str:
    if not _REGION.fullmatch(region):
        raise ModelNotConfiguredError(
            f"{region!r} is no region for the provider {provider}.", remedy=block, provider=provider
        )
    return region
