"""The model behind the Messages API, through the anthropic SDK, which is imported on first use."""

from atmos_ai_sidecar.adapters.model.anthropic_model import AnthropicModel
from atmos_ai_sidecar.adapters.model.settings import ModelSettings

__all__ = ["AnthropicModel", "ModelSettings"]
