"""The words of a decision: what it can be, what had a say in it, and patterns for the names of tools."""

import fnmatch
from collections.abc import Mapping, Sequence
from enum import StrEnum

from atmos_ai_sidecar.lazy_dataclasses import dataclass

ATMOS_NAMES: Mapping[str, Sequence[str]] = {
    "file_read": ("read_file",),
    "file_edit": ("edit_file",),
    "file_search": ("search_files",),
    "file_write": ("write_stack_file", "write_component_file"),
    "file_list": ("list_component_files",),
}
"""What Atmos calls the tools that ours stand for: in a pattern, its names govern ours too."""


class DecisionKind(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What had a say in a decision."""

    text: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    kind: DecisionKind
    reason: str
    rule: Rule
    lost: Sequence[Rule] = ()
    can_remember: bool = True
    """Whether "always" may be offered when the decision is to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """A pattern on one of the lists, and where it was written."""

    pattern: str
    file: str = ""
    line: int = 0

    def matches(self, name: str) -> bool:
        """Exact unless wildcards are written; case-sensitive. Atmos' name of a tool of ours matches it too."""
        return matches_tool(name, self.pattern)


def matches_tool(name: str, pattern: str) -> bool:
    """Whether a pattern means a tool, by its own name or by what Atmos calls it."""
    return any(fnmatch.fnmatchcase(known, pattern) for known in (name, *ATMOS_NAMES.get(name, ())))
