import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from atmos_ai_sidecar.adapters.model.lazy_exports import LazyExports, exports_of

_MODULES = {
    "vehicles/__init__.py": "from .cars import Car, Truck as Lorry\nfrom . import bikes\nfrom .boats import *\n",
    "vehicles/cars.py": "class Car: pass\nclass Truck: pass\n",
    "vehicles/bikes.py": "",
    "vehicles/trains.py": "",
    "vehicles/boats/__init__.py": "from .sail import Sloop\n",
    "vehicles/boats/sail.py": "class Sloop: pass\n",
    "vehicles/busy/__init__.py": "from .work import done\ncount = 1\n",
    "vehicles/busy/work.py": "done = True\n",
    "vehicles/twice/__init__.py": "from .twin import twin\n",
    "vehicles/twice/twin.py": "twin = 'a string'\n",
}


@pytest.fixture
def vehicles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    for name, text in _MODULES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    LazyExports.install("vehicles")
    LazyExports.install("vehicles")
    try:
        yield import_module("vehicles")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "vehicles"]:
            del sys.modules[name]


def test_module_is_imported_when_a_name_of_it_is_asked_for(vehicles: ModuleType) -> None:
    assert "vehicles.cars" not in sys.modules
    assert vehicles.Lorry is import_module("vehicles.cars").Truck
    assert vehicles.Car is vehicles.Car
    assert not {"vehicles.boats.sail", "vehicles.bikes"} & {*sys.modules}


def test_modules_and_starred_names_are_handed_on_too(vehicles: ModuleType) -> None:
    assert vehicles.bikes is sys.modules["vehicles.bikes"]
    assert vehicles.Sloop.__module__ == "vehicles.boats.sail"
    assert {"Car", "Lorry", "bikes"} <= {*dir(vehicles)}


def test_submodule_that_nothing_hands_on_is_imported_as_ever(vehicles: ModuleType) -> None:
    from vehicles import trains  # type: ignore[import-not-found]

    assert trains is sys.modules["vehicles.trains"]
    assert vehicles.__file__


def test_name_that_is_not_there_says_so(vehicles: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'vehicles' has no attribute 'Plane'"):
        _ = vehicles.Plane
    with pytest.raises(ImportError):
        from vehicles import Plane  # noqa: F401


@pytest.mark.usefixtures("vehicles")
@pytest.mark.parametrize("package", ["busy", "twice"])
def test_package_that_does_more_than_hand_on_is_imported_as_it_is(package: str) -> None:
    loaded = import_module(f"vehicles.{package}")
    assert "__getattr__" not in vars(loaded)


def test_only_one_finder_is_installed_for_a_package(vehicles: ModuleType) -> None:
    assert [finder.package for finder in sys.meta_path if isinstance(finder, LazyExports)].count(vehicles.__name__) == 1


@pytest.mark.parametrize(
    "source",
    ["print()", "from os import path", "from ..above import x", "if True:\n    from .x import y", "__all__ = names()"],
)
def test_anything_but_handing_on_is_left_alone(source: str) -> None:
    assert exports_of(source) is None


def test_sdk_is_loaded_by_name_and_hands_on_all_that_it_lists() -> None:
    # Fails when a version of the SDK does something else on import: look whether that is harmless.
    program = """
import sys
from atmos_ai_sidecar.adapters.model.lazy_exports import LazyExports
LazyExports.install("anthropic")
from atmos_ai_sidecar.adapters.model import wire
import anthropic
anthropic.AsyncAnthropic(api_key="none").messages
unwanted = ("anthropic.resources.beta.organization", "anthropic.lib.foundry", "anthropic.lib.aws", "botocore")
print(*[name for name in unwanted if name in sys.modules])
print(*[name for name in (*anthropic.__all__, "AsyncAnthropicBedrock", "AnthropicVertex", "MessageStream")
        if not hasattr(anthropic, name)])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n\n"
