"""``dataclass`` as in the standard library, but the methods of a frozen, slotted class are made when they are needed.

The standard library writes six methods of such a class as text and compiles each of them while the module is imported.
A process that opens a chat imports almost three hundred such classes, of which it makes objects of few: that was a
third of the processor time until the composer stands. Here the fields and slots are made at once, and a method when it
is looked up for the first time, by the standard library itself, so that it is the same one.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - what type checkers know
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, kw_only: bool = False, eq: bool = True
    ) -> Callable[[type], type]:
        """Decorates a class, see ``dataclasses.dataclass``; one that is not frozen and slotted is made at once."""
        if not (frozen and slots and eq):
            return dataclasses.dataclass(frozen=frozen, slots=slots, kw_only=kw_only, eq=eq)
        return lambda cls: _decorated(cls, kw_only=kw_only)


_METHODS: Final[dict[str, dict[str, bool]]] = {
    "__init__": {"init": True, "frozen": True},
    "__repr__": {"repr": True},
    "__eq__": {"eq": True},
    "__hash__": {"unsafe_hash": True},
}
"""What is made later, and how the standard library is asked for it alone."""
_NOTHING: Final = {"init": False, "repr": False, "eq": False}


def _decorated(cls: type, *, kw_only: bool) -> type:
    cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard library makes the constructor, to describe it here
    own = {name for name in _METHODS if cls.__dict__.get(name) is not None}
    made: Any = dataclasses.dataclass(cls, slots=True, kw_only=kw_only, **_NOTHING)
    for name in _METHODS.keys() - own:
        setattr(made, name, _Later(name, kw_only=kw_only))
    made.__setattr__, made.__delattr__ = _refuse_assignment, _refuse_deletion
    made.__getstate__, made.__setstate__ = _state, _set_state
    return made  # type: ignore[no-any-return]


class _Later:
    """Stands for a method until it is looked up, and puts it in its place."""

    __slots__ = ("_kw_only", "_name")

    def __init__(self, name: str, *, kw_only: bool) -> None:
        self._name = name
        self._kw_only = kw_only

    def __get__(self, instance: object, owner: type) -> Any:
        cls = next((cls for cls in owner.__mro__ if cls.__dict__.get(self._name) is self), None)
        if cls is not None:  # else another thread has put it there
            setattr(cls, self._name, self._made(cls))
        return getattr(owner if instance is None else instance, self._name)

    def _made(self, cls: type) -> Callable[..., Any]:
        """The method that the standard library makes for a class with the same fields."""
        fields = dataclasses.fields(cls)
        namespace: dict[str, Any] = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
        namespace |= {field.name: field for field in fields}
        namespace["__annotations__"] = {field.name: field.type for field in fields}
        if hasattr(cls, "__post_init__"):
            namespace["__post_init__"] = cls.__post_init__  # a constructor calls it when its class has one
        options = _NOTHING | _METHODS[self._name]
        twin: Any = dataclasses.dataclass(type(cls.__name__, (), namespace), kw_only=self._kw_only, **options)
        method: Callable[..., Any] = twin.__dict__[self._name]
        return method


def _refuse_assignment(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    """For copies: the standard library gives it to frozen, slotted classes too."""
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
