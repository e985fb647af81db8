"""Tools that other packages of the sidecar's own environment bring, found by entry point.

Nothing is looked for in a project: an interpreter that is not isolated (``python -I``) could import the project's own
files, and loads no plug-in at all.
"""

import asyncio
import dataclasses
import logging
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from atmos_ai_sidecar.domain.tools import Tool

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "atmos_ai_sidecar.tools"
_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the Messages API takes as the name of a tool."""


class PluginTools:
    """The ``ToolSource`` of plug-ins. Each is loaded once; one that fails is left out and told."""

    def __init__(self, *, is_isolated: bool = bool(sys.flags.isolated)) -> None:
        self._is_isolated = is_isolated
        self._found: Sequence[Tool] | None = None
        self._problems: list[str] = []

    @property
    def problems(self) -> Sequence[str]:
        """One line about each plug-in that was left out."""
        return tuple(self._problems)

    async def tools(self) -> Sequence[Tool]:
        """The tools of all plug-ins, those of one entry point after those of another by name."""
        if self._found is None:
            from importlib.metadata import entry_points  # noqa: PLC0415 - not needed before somebody asks for tools

            points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
            self._found = await asyncio.to_thread(self._load_all, points) if points else ()
        return self._found

    async def close(self) -> None:
        """Does nothing: a plug-in has no end of its own."""

    def _load_all(self, points: "Sequence[EntryPoint]") -> Sequence[Tool]:
        if not self._is_isolated:
            names = ", ".join(point.name for point in points)
            self._problems.append(f"Plug-ins ({names}) were not loaded: Python must be started with -I for that.")
            return ()
        return tuple(tool for point in points for tool in self._load(point))

    def _load(self, point: "EntryPoint") -> Sequence[Tool]:
        source = _source(point)
        try:
            return _checked(point.load()(), source)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the outermost frame of code that others wrote
            _LOG.warning("%s could not be loaded", source, exc_info=error)
            reason = str(error) or "no reason given"
            self._problems.append(f"The {source} was left out: {type(error).__name__}: {reason}")
            return ()


def _source(point: "EntryPoint") -> str:
    package = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"plug-in {point.name}{package}"


def _checked(given: Iterable[object], source: str) -> Sequence[Tool]:
    """The tools with their source.

    Raises:
        TypeError: Something else was given.
        ValueError: A name is none that a model can use.
    """
    found = []
    for tool in given:
        if not isinstance(tool, Tool):
            message = f"it must give tools (atmos_ai_sidecar.domain.tools.Tool), and gave {type(tool).__name__}"
            raise TypeError(message)
        if not _NAME.fullmatch(tool.name):
            message = f"{tool.name!r} is no name for a tool: up to 64 letters, digits, _ and -"
            raise ValueError(message)
        found.append(dataclasses.replace(tool, source=source))
    return tuple(found)
