"""The versions of the schema, in order. A released one is never changed: a new one is added."""

import hashlib
from collections.abc import Sequence
from typing import Final

from atmos_ai_sidecar.adapters.sqlite.migrations import (
    v0001_sessions,
    v0002_search,
    v0003_tool_outputs,
    v0004_compactions,
    v0005_audit,
    v0006_authors,
)
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step from the version before it."""

    version: int
    name: str
    statements: Sequence[str]
    changes_data: bool = False
    """A copy of the file is made before it."""

    @property
    def checksum(self) -> str:
        return hashlib.sha256("\n;\n".join(self.statements).encode()).hexdigest()


MIGRATIONS: Final[Sequence[Migration]] = (
    Migration(version=1, name="sessions", statements=v0001_sessions.STATEMENTS),
    Migration(version=2, name="search", statements=v0002_search.STATEMENTS, changes_data=True),
    Migration(version=3, name="tool_outputs", statements=v0003_tool_outputs.STATEMENTS),
    Migration(version=4, name="compactions", statements=v0004_compactions.STATEMENTS),
    Migration(version=5, name="audit", statements=v0005_audit.STATEMENTS),
    Migration(version=6, name="authors", statements=v0006_authors.STATEMENTS),
)
NEWEST_VERSION: Final = len(MIGRATIONS)
