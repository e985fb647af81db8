"""Builds a wheel per platform with the package and its programs, a source distribution, the contract, and checksums.

Two runs on the same commit write the same bytes.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import descriptor_set
import hatch_build

ROOT = Path(__file__).parent.parent
# The programs are static: a Linux wheel serves glibc and musl. Go 1.26 needs macOS 12.
PLATFORMS: Mapping[str, str] = {
    "linux/amd64": "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    "linux/arm64": "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    "darwin/amd64": "macosx_12_0_x86_64",
    "darwin/arm64": "macosx_12_0_arm64",
    "windows/amd64": "win_amd64",
}
"""The tag of a wheel by Go's name of the platform. Windows is built and untested."""
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}


def main(arguments: Sequence[str]) -> None:
    """Builds what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--go", required=True, help="the path of a Go toolchain")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="a folder; what it held before is gone")
    parser.add_argument("--here", action="store_true", help="only the wheel of this machine's platform")
    asked = parser.parse_args(arguments)
    shutil.rmtree(asked.output, ignore_errors=True)
    contract = asked.output / "atmos_ai_sidecar.binpb"
    descriptor_set.write(contract)
    os.environ |= {hatch_build.DESCRIPTOR_SET: str(contract.absolute()), hatch_build.GO: asked.go}
    for target in [_here()] if asked.here else PLATFORMS:
        system, machine = target.split("/")
        platform_variables = {hatch_build.PLATFORM: PLATFORMS[target], "GOOS": system, "GOARCH": machine}
        _build("wheel", asked.output, **platform_variables)
    if not asked.here:
        _build("sdist", asked.output)
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in sorted(asked.output.iterdir())]
    (asked.output / "SHA256SUMS").write_text("\n".join(sums) + "\n")


def _here() -> str:
    machine = platform.machine()
    return f"{sys.platform.replace('win32', 'windows')}/{_MACHINES.get(machine, machine)}"


def _build(target: str, output: Path, **variables: str) -> None:
    command = (sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(output.absolute()))
    subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
