"""The wheel of this platform in an environment of its own."""

import hashlib
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "HOME": variables.get("HOME", "/nonexistent"), "LANG": "C.UTF-8"}
    return subprocess.run(
        [str(part) for part in command],
        env={**environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("distribution") / "dist"
    go = Path(sys.prefix, "bin", "go-for-shim")
    script = (sys.executable, ROOT / "scripts" / "dist.py", "--go", go, "--output", output, "--here")
    done = run(*script, HOME=str(Path.home()), PATH=os.environ["PATH"])
    assert done.returncode == 0, done.stderr
    (found,) = output.glob("*.whl")
    return found


@pytest.fixture
def environment(wheel: Path, tmp_path: Path) -> Path:
    """A virtual environment with the wheel; what it depends on is borrowed from ours."""
    directory = tmp_path / "environment"
    venv.create(directory, with_pip=False)
    python = directory / "bin" / "python"
    done = run(
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--offline",
        "--no-deps",
        "--python",
        python,
        wheel,
        HOME=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    (site,) = directory.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return directory


def test_wheel_holds_package_and_programs_and_is_of_this_platform(wheel: Path) -> None:
    assert not wheel.name.endswith("-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    programs = sorted(name.rpartition("/")[2] for name in names if ".data/scripts/" in name)
    assert programs == ["atmos-ai", "atmos-ai-wrapper"]
    assert "atmos_ai_sidecar/demo/bin/atmos" in names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_checksums_are_those_of_the_files(wheel: Path) -> None:
    files = sorted(path for path in wheel.parent.iterdir() if path.name != "SHA256SUMS")
    assert [path.name for path in files] == [wheel.name, "atmos_ai_sidecar.binpb"]
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    assert (wheel.parent / "SHA256SUMS").read_text() == sums


def test_wheel_brings_the_contract_as_a_descriptor_set(wheel: Path) -> None:
    content = zipfile.ZipFile(wheel).read("atmos_ai_sidecar/v1/atmos_ai_sidecar.binpb")
    assert content == (wheel.parent / "atmos_ai_sidecar.binpb").read_bytes()
    files = {file.name: file for file in FileDescriptorSet.FromString(content).file}
    assert {"google/protobuf/struct.proto", "atmos_ai_sidecar/v1/chat_service.proto"} <= files.keys()
    assert {path.name for path in (ROOT / "proto").rglob("*.proto")} <= {name.rpartition("/")[2] for name in files}
    assert "ChatService holds conversations" in str(files["atmos_ai_sidecar/v1/chat_service.proto"].source_code_info)


def test_installed_wheel_runs_the_demo(environment: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = os.pathsep.join([str(environment / "bin"), os.defpath])
    done = run(environment / "bin" / "atmos-ai", "demo", HOME=str(home), PATH=path)
    assert done.returncode == 0, done.stderr
    assert "10.20.0.0/16" in done.stdout
    version = run(environment / "bin" / "atmos-ai", "version", HOME=str(home), PATH=path)
    assert str(environment / "bin" / "python") in version.stdout


def test_installed_wheel_brings_the_wrapper_and_no_atmos(environment: Path, tmp_path: Path) -> None:
    assert not (environment / "bin" / "atmos").exists()
    folder = tmp_path / "first"
    folder.mkdir()
    done = run(environment / "bin" / "atmos-ai", "init", "--wrapper", folder, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (folder / "atmos").resolve() == environment / "bin" / "atmos-ai-wrapper"
