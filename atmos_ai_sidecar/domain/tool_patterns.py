"""What `--allow` names: a tool, or the commands of one."""

import re
from typing import Self

from atmos_ai_sidecar.lazy_dataclasses import dataclass

_ATMOS = "execute_atmos_command"
"""Its input has the words behind `atmos`; what it runs, and rules compare, begins with that word."""
_WITH_COMMAND = re.compile(r"([^()]+)\((.*\S.*)\)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPattern:
    """`TOOL` or `TOOL(COMMAND)`.

    The second form alone allows commands that change something, as a rule with ``commands`` does.
    """

    tool: str
    """The name, or a pattern of names."""
    command: str = ""
    """A pattern of words, see ``WordPattern``; empty: every call of the tool that the name alone can allow."""

    @classmethod
    def parsed(cls, text: str) -> Self:
        """The pattern as it was typed; what is no command form is a name."""
        found = _WITH_COMMAND.fullmatch(text)
        if found is None:
            return cls(tool=text)
        tool, command = found[1], found[2].strip()
        is_short = tool == _ATMOS and command.split()[0] != "atmos"
        return cls(tool=tool, command=f"atmos {command}" if is_short else command)
