"""Row 28: a Python that is missing or broken, and packages that are missing, too old or built for another machine."""

import shutil
import sysconfig
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, SHIM, Project

pytestmark = pytest.mark.e2e

PACKAGES = Path(sysconfig.get_path("purelib"))
OLD_GRPC = "1.50.0"


@dataclass(frozen=True, slots=True)
class Planted:
    """An environment of Python that finds our packages behind its own."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        return next(self.folder.glob("lib/python*/site-packages"))

    def copy(self, package: str) -> Path:
        """The package's own copy here, which comes first."""
        target = self.packages / package
        shutil.copytree(PACKAGES / package, target, ignore=shutil.ignore_patterns("__pycache__"))
        return target


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    environment = Planted(tmp_path / "environment")
    venv.create(environment.folder, symlinks=True)
    (environment.packages / "real.pth").write_text(f"{PACKAGES}\n{ROOT}\n")
    return environment


def without_package(planted: Planted) -> None:
    (planted.packages / "real.pth").unlink()


def with_library_of_another_machine(planted: Planted) -> None:
    (library,) = (planted.copy("grpc") / "_cython").glob("cygrpc*.so")
    header = bytearray(library.read_bytes()[:4096])
    header[18:20] = (0xF3).to_bytes(2, "little")  # e_machine: RISC-V
    library.write_bytes(header)


def with_an_old_grpc(planted: Planted) -> None:
    (planted.copy("grpc") / "_grpcio_metadata.py").write_text(f'__version__ = """{OLD_GRPC}"""\n')


def without_a_part(planted: Planted) -> None:
    _fail_to_import(planted, "aiosqlite", "raise ModuleNotFoundError(\"No module named 'aiosqlite'\", name=__name__)")


def with_a_part_of_another_python(planted: Planted) -> None:
    _fail_to_import(planted, "aiosqlite", "def of_another_version(:\n")


def _fail_to_import(planted: Planted, module: str, code: str) -> None:
    (planted.packages / f"{module}.py").write_text(code)


def without_a_python(planted: Planted) -> None:
    planted.python.unlink()


def with_a_dangling_python(planted: Planted) -> None:
    planted.python.unlink()
    planted.python.symlink_to("/nowhere/python")


def with_a_python_that_is_none(planted: Planted) -> None:
    planted.python.unlink()
    planted.python.write_bytes(b"\x7fELF, but not of here")
    planted.python.chmod(0o755)


REINSTALL = "-m pip install --upgrade --force-reinstall atmos-ai-sidecar"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (without_package, ("No module named atmos_ai_sidecar", "-m pip install atmos-ai-sidecar")),
        (with_library_of_another_machine, ("The installation is damaged", "cygrpc", REINSTALL)),
        (with_an_old_grpc, ("The installation is damaged", OLD_GRPC, REINSTALL)),
        (without_a_part, ("The installation is damaged", "'aiosqlite'", REINSTALL)),
        (with_a_part_of_another_python, ("The installation is damaged", "aiosqlite.py", REINSTALL)),
        (without_a_python, ("cannot be run", "ATMOS_AI_PYTHON", "what to do")),
        (with_a_dangling_python, ("cannot be run", "ATMOS_AI_PYTHON", "what to do")),
        (with_a_python_that_is_none, ("ATMOS_AI_PYTHON", "what to do")),
    ],
)
def test_damage_is_named_with_what_mends_it_and_without_a_stack_trace(
    demo: Project, planted: Planted, damage: Callable[[Planted], None], told: tuple[str, ...]
) -> None:
    damage(planted)
    done = demo.run(SHIM, "ask", "Hello", ATMOS_AI_PYTHON=str(planted.python))
    assert done.returncode == 1
    assert done.stdout == ""
    for part in told:
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert '  File "' not in done.stderr


def test_debug_shows_the_stack_trace(demo: Project, planted: Planted) -> None:
    with_an_old_grpc(planted)
    done = demo.run(SHIM, "ask", "Hello", ATMOS_AI_PYTHON=str(planted.python), ATMOS_AI_LOG_LEVEL="debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert REINSTALL in done.stderr
