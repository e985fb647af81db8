"""The names of a project's stacks and components, for people who type them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from atmos_ai_sidecar.adapters.atmos.answers import structured
from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine
from atmos_ai_sidecar.adapters.atmos.names import WITHOUT_CODE
from atmos_ai_sidecar.application.ports.project_index import ProjectNames


class AtmosIndex:
    """The ``ProjectIndex`` of one project; nothing of the project is run to make it."""

    def __init__(self, atmos: AtmosCommandLine, list_files: Callable[[], Sequence[str]]) -> None:
        self._atmos = atmos
        self._list_files = list_files

    async def names(self) -> ProjectNames:
        """The names; see ``ProjectIndex``."""
        stacks, components = await asyncio.gather(
            self._column("stacks", "Stack"), self._column("components", "Component")
        )
        return ProjectNames(stacks=stacks, components=components)

    async def files(self) -> Sequence[str]:
        """The files; see ``ProjectIndex``."""
        return await asyncio.to_thread(self._list_files)

    async def _column(self, what: str, column: str) -> Sequence[str]:
        completion = await self._atmos.run(("list", what, "--format", "json", *WITHOUT_CODE))
        return sorted(set(_texts(structured(completion, f"atmos list {what}").data, column)))


def _texts(rows: Any, column: str) -> Iterable[str]:
    """The texts of a column; Atmos writes its name with a capital letter or without."""
    for row in rows if isinstance(rows, list) else ():
        value = (row.get(column) or row.get(column.lower())) if isinstance(row, dict) else row
        if isinstance(value, str) and value:
            yield value
