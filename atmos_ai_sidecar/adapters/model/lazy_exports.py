"""Packages that only hand on the names of their modules, loaded name by name: what nobody asks for is never imported.

The model's SDK hands on three thousand modules, of which one request needs a third. This is what PEP 810 makes of such
imports from Python 3.15 on. Only a package whose ``__init__`` does nothing else is treated so; any other one, of a
later version perhaps, is imported as it is: that is slower, and never wrong.
"""

import ast
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any, Final

from atmos_ai_sidecar.lazy_dataclasses import dataclass

_RENAMING: Final = """
for __name in __all__:
    if not __name.startswith('__'):
        try:
            __locals[__name].__module__ = 'anthropic'
        except (TypeError, AttributeError):
            pass
"""
PASSED_OVER: Final = frozenset({"import typing as _t", "_setup_logging()", "__locals = locals()", _RENAMING.strip()})
"""What the SDK does beside handing on: a log that a variable of this process's environment would turn on, and nicer
names of its classes in messages. Neither is wanted here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """What a package hands on."""

    names: Mapping[str, tuple[str, str]]
    """By name: the module, and what it is called there; empty for the module itself."""
    stars: Sequence[str] = ()
    """Modules of which everything is handed on."""
    listed: Sequence[str]
    """Its ``__all__``, or what would be without one."""


class LazyExports(MetaPathFinder):
    """Finds the packages of one distribution."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._below = package + "."

    @classmethod
    def install(cls, package: str) -> None:
        """Loads a package and those within it by name from now on; once is enough, and one that is loaded stays."""
        if not any(isinstance(finder, cls) and finder.package == package for finder in sys.meta_path):
            sys.meta_path.insert(0, cls(package))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a package that only hands on names; None for everything else, which others find."""
        if fullname != self.package and not fullname.startswith(self._below):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not spec.submodule_search_locations or type(spec.loader) is not SourceFileLoader:
            return None
        exports = exports_of(spec.loader.get_source(fullname) or "")
        if exports is not None:
            spec.loader = _Loader(fullname, spec.loader.path, exports)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, exports: Exports) -> None:
        super().__init__(fullname, path)
        self._exports = exports

    def exec_module(self, module: ModuleType) -> None:
        """Fills the module with nothing but the way to its names."""
        exports = self._exports
        module.__dict__["__all__"] = list(exports.listed)
        module.__dict__["__getattr__"] = _getter(module, exports)
        module.__dict__["__dir__"] = lambda: sorted({*module.__dict__, *exports.names, *exports.listed})


def exports_of(source: str) -> Exports | None:
    """What a package's ``__init__`` hands on; None when it does anything else."""
    names: dict[str, tuple[str, str]] = {}
    stars: list[str] = []
    listed: Sequence[str] | None = None
    for statement in _without_conditions(ast.parse(source).body):
        match statement:
            case ast.ImportFrom(level=1, module=module, names=aliases):
                for alias in aliases:
                    if alias.name == "*":
                        stars.append(f".{module}")
                    elif module is None:
                        names[alias.asname or alias.name] = f".{alias.name}", ""
                    else:
                        names[alias.asname or alias.name] = f".{module}", alias.name
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List() as value):
                listed = ast.literal_eval(value)
            case ast.ImportFrom(module="__future__") | ast.Expr(value=ast.Constant()):
                pass
            case _ if ast.unparse(statement) not in PASSED_OVER:
                return None
    if _is_ambiguous(names):
        return None
    public = [name for name in names if not name.startswith("_")]
    return Exports(names=names, stars=stars, listed=public if listed is None else listed)


def _without_conditions(statements: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """The statements, and those that only a type checker does not see."""
    for statement in statements:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "not _t.TYPE_CHECKING":
            yield from statement.body
        else:
            yield statement


def _is_ambiguous(names: Mapping[str, tuple[str, str]]) -> bool:
    """Whether a name is a module's too: then the order of imports would say which of them it is."""
    modules = {module[1:].partition(".")[0] for module, _ in names.values()}
    return any(original and name in modules for name, (_, original) in names.items())


def _getter(module: ModuleType, exports: Exports) -> Callable[[str], Any]:
    def find(name: str) -> Any:
        if name in exports.names:
            origin, original = exports.names[name]
            found = importlib.import_module(origin, module.__name__)
            return getattr(found, original) if original else found
        if not name.startswith("_"):
            for origin in exports.stars:
                starred = importlib.import_module(origin, module.__name__)
                if hasattr(starred, name):
                    return getattr(starred, name)
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}", name=name, obj=module)

    def get(name: str) -> Any:
        value = find(name)
        module.__dict__[name] = value
        return value

    return get
