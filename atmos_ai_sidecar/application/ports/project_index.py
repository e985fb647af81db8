from collections.abc import Sequence
from typing import Protocol

from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectNames:
    """What a project consists of, each name once and sorted."""

    stacks: Sequence[str] = ()
    components: Sequence[str] = ()


class ProjectIndex(Protocol):
    """What people refer to by name in one project."""

    async def names(self) -> ProjectNames:
        """Stacks and components as Atmos lists them; none where it cannot."""

    async def files(self) -> Sequence[str]:
        """The paths of files that Git does not ignore, relative to the project, sorted."""
