"""``lazy_dataclasses.dataclass`` makes what ``dataclasses.dataclass`` makes, later."""

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
import threading
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from typing import Any, ClassVar

import pytest

from atmos_ai_sidecar import lazy_dataclasses
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something is."""

    number: int
    names: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    notes: list[str] = field(default_factory=list, compare=False)
    KIND: ClassVar[str] = "place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner(Place):
    angle: float = 90.0


@dataclass(frozen=True, slots=True)
class Pair:  # noqa: PLW1641 - the decorator makes it
    first: int
    second: int = 2

    def __repr__(self) -> str:
        return "a pair"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pair)


def _twin(cls: type) -> Any:
    """What the standard library makes of the same fields."""
    named = [(each.name, each.type, copy.copy(each)) for each in dataclasses.fields(cls)]
    return dataclasses.make_dataclass(cls.__name__, named, frozen=True, kw_only=True)


def _fresh() -> Any:
    """A class that nobody has touched."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Fresh:
        number: int = 0

    return Fresh


def _waiting(cls: type) -> set[str]:
    return {name for name, value in cls.__dict__.items() if isinstance(value, lazy_dataclasses._Later)}


def test_a_class_has_no_methods_before_somebody_needs_them_and_then_the_ones_that_are_needed() -> None:
    cls = _fresh()
    assert _waiting(cls) == {"__init__", "__repr__", "__eq__", "__hash__"}
    made = cls(number=1)
    assert _waiting(cls) == {"__repr__", "__eq__", "__hash__"}
    assert made == cls(number=1)
    assert _waiting(cls) == {"__repr__", "__hash__"}
    assert (hash(made), repr(made)[-15:]) == (hash((1,)), "Fresh(number=1)")
    assert not _waiting(cls)


@pytest.mark.parametrize("cls", [Place, Corner])
def test_constructor_representation_and_fields_are_those_of_the_standard_library(cls: Any) -> None:
    twin = _twin(cls)
    assert inspect.signature(cls) == inspect.signature(twin)
    assert [each.name for each in dataclasses.fields(cls)] == [each.name for each in dataclasses.fields(twin)]
    assert cls.__match_args__ == twin.__match_args__
    values = {"number": 1, "names": ("a",), "secret": "s", "notes": ["n"]}
    assert repr(cls(**values)).rpartition(".")[2] == repr(twin(**values)).rpartition(".")[2]
    assert hash(cls(**values)) == hash(twin(**values))
    assert dataclasses.asdict(cls(**values)) == dataclasses.asdict(twin(**values))


def test_fields_that_do_not_compare_do_not_and_other_classes_are_never_equal() -> None:
    assert Place(number=1, notes=["a"]) == Place(number=1, notes=["b"])
    assert Place(number=1) != Place(number=2)
    assert Place(number=1) != Corner(number=1)
    assert isinstance(Place(number=1), Hashable)
    assert Place(number=1).notes is not Place(number=1).notes


def test_nothing_can_be_assigned_deleted_or_added() -> None:
    place = Place(number=1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'number'"):
        place.number = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'number'"):
        del place.number
    with pytest.raises(dataclasses.FrozenInstanceError):
        place.more = 2  # type: ignore[attr-defined]
    assert not hasattr(place, "__dict__")


@pytest.mark.parametrize("values", [{}, {"number": 1, "more": 2}])
def test_wrong_arguments_are_refused_in_the_words_of_python(values: dict[str, int]) -> None:
    with pytest.raises(TypeError, match=r"__init__\(\) (missing 1 required|got an unexpected)"):
        Place(**values)  # type: ignore[arg-type]


def test_a_copy_is_equal_however_it_is_made() -> None:
    corner = Corner(number=1, names=("a",), angle=45.0)
    for copied in (copy.copy(corner), copy.deepcopy(corner), pickle.loads(pickle.dumps(corner))):
        assert copied == corner
    assert dataclasses.replace(corner, angle=1.0) == Corner(number=1, names=("a",), angle=1.0)


def test_methods_of_the_class_itself_stay() -> None:
    assert repr(Pair(1)) == "a pair"
    assert Pair(1) == Pair(3, second=4)
    assert hash(Pair(1)) == hash((1, 2))
    match Pair(1, 5):
        case Pair(first, second):
            assert (first, second) == (1, 5)


def test_what_follows_the_constructor_is_called() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Positive:
        number: int

        def __post_init__(self) -> None:
            if self.number <= 0:
                raise ValueError(self.number)

    assert Positive(number=1).number == 1
    with pytest.raises(ValueError, match="-1"):
        Positive(number=-1)


def test_threads_that_need_a_method_at_once_all_get_it() -> None:
    barrier = threading.Barrier(8)

    def make(cls: Any) -> int:
        barrier.wait(timeout=10)
        return int(cls(number=1).number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            for _ in range(100):
                assert [*threads.map(make, [_fresh()] * 8)] == [1] * 8
    finally:
        sys.setswitchinterval(interval)


def test_a_subclass_that_is_no_dataclass_has_the_methods_of_its_parent() -> None:
    parent = _fresh()
    child = type("Child", (parent,), {"__slots__": ()})
    assert child(number=3).number == 3
    assert "__init__" not in child.__dict__
    assert _waiting(parent) == {"__repr__", "__eq__", "__hash__"}


@pytest.mark.parametrize("options", [{"slots": True}, {"frozen": True}, {"frozen": True, "slots": True, "eq": False}])
def test_other_classes_are_made_at_once(options: dict[str, bool]) -> None:
    @dataclass(**options)
    class Plain:
        number: int = 0

    assert not _waiting(Plain)
    assert Plain(number=1).number == 1


def test_most_classes_of_a_sidecar_that_has_just_started_still_wait_for_their_methods() -> None:
    program = """
import dataclasses, sys
from atmos_ai_sidecar import lazy_dataclasses
import atmos_ai_sidecar.app, atmos_ai_sidecar.rpc.server
classes = {value for name, module in list(sys.modules.items()) if name.startswith("atmos_ai_sidecar.")
           for value in vars(module).values() if isinstance(value, type) and dataclasses.is_dataclass(value)}
waiting = {cls for cls in classes if isinstance(cls.__dict__.get("__init__"), lazy_dataclasses._Later)}
print(len(classes), len(waiting))
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    classes, waiting = map(int, done.stdout.split())
    assert classes > 100
    assert waiting / classes > 0.7
