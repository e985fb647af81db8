"""Reads atmos.yaml and what belongs to it, and says for every value where it was written."""

from atmos_ai_sidecar.configuration.load import load_configuration
from atmos_ai_sidecar.configuration.mention import speaks_of_ai
from atmos_ai_sidecar.configuration.nodes import Origin
from atmos_ai_sidecar.configuration.project import AtmosFlags, Project, find_project
from atmos_ai_sidecar.configuration.providers import ModelChoice, choose_model
from atmos_ai_sidecar.configuration.settings import Config, SessionSettings, Storage, ToolSettings

__all__ = [
    "AtmosFlags",
    "Config",
    "ModelChoice",
    "Origin",
    "Project",
    "SessionSettings",
    "Storage",
    "ToolSettings",
    "choose_model",
    "find_project",
    "load_configuration",
    "speaks_of_ai",
]
