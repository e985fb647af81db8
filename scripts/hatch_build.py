"""Makes a wheel one platform's: it takes the programs that scripts/dist.py compiled, and says so in its tag."""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLATFORM = "ATMOS_AI_WHEEL_PLATFORM"
PROGRAMS = "ATMOS_AI_WHEEL_PROGRAMS"


class PlatformWheel(BuildHookInterface[Any]):
    """Does nothing unless scripts/dist.py builds: an editable installation gets its programs from make."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the programs and the platform."""
        platform = os.environ.get(PLATFORM)
        if version != "standard" or not platform:
            return
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False
        build_data["shared_scripts"] = {str(path): path.name for path in sorted(Path(os.environ[PROGRAMS]).iterdir())}
