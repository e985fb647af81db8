"""Puts what scripts/dist.py made into the distributions: the descriptor set, and into a wheel its programs."""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLATFORM = "ATMOS_AI_WHEEL_PLATFORM"
PROGRAMS = "ATMOS_AI_WHEEL_PROGRAMS"
DESCRIPTOR_SET = "ATMOS_AI_DESCRIPTOR_SET"


class Made(BuildHookInterface[Any]):
    """Does nothing unless scripts/dist.py builds: an editable installation gets its programs from make."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the descriptor set, and to a wheel the programs and the platform."""
        contract = os.environ.get(DESCRIPTOR_SET)
        if version == "standard" and contract:
            build_data["force_include"][contract] = "atmos_ai_sidecar/v1/atmos_ai_sidecar.binpb"
        platform = os.environ.get(PLATFORM)
        if version != "standard" or not platform:
            return
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False
        build_data["shared_scripts"] = {str(path): path.name for path in sorted(Path(os.environ[PROGRAMS]).iterdir())}
