"""Turns what atmos printed into results of tools."""

import json
import re
from collections.abc import Callable
from typing import Any

from atmos_ai_sidecar.application.ports.program_runner import Completion
from atmos_ai_sidecar.domain.outputs import plain
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.errors import ToolExecutionFailedError

_HEADING = re.compile(r"^# Error[ \t]*\n+", re.MULTILINE)
_LABEL = re.compile(r"^\*\*Error:\*\*[ \t]*", re.MULTILINE)
_CREDENTIALS = re.compile(
    r"(?i)expired ?token|(?:token|credentials?|session)[^\n]{0,40}expired|no valid credential sources"
)
_CREDENTIALS_REMEDY = "The credentials have expired: run `atmos auth login`, then /retry."


def words_of(completion: Completion) -> str:
    """All that atmos said, in its own words, without colours and without the decoration around an error."""
    parts = (plain(completion.stdout).strip("\n"), plain(completion.stderr).strip("\n"))
    return _LABEL.sub("", _HEADING.sub("", "\n".join(part for part in parts if part))).strip()


def failure(completion: Completion, command: str) -> Result:
    """The result of a command that failed: all words as output, the error's first paragraph as error."""
    words = words_of(completion) or "It printed nothing."
    if _CREDENTIALS.search(words):
        words = f"{words}\n\n{_CREDENTIALS_REMEDY}"
    return Result(
        success=False,
        output=f"`{command}` failed with exit code {completion.exit_code}.\n{words}",
        error=_first_paragraph(completion) or f"`{command}` failed with exit code {completion.exit_code}.",
        reason=ToolExecutionFailedError.reason,
        exit_code=completion.exit_code,
        truncated=completion.truncated,
    )


def structured(completion: Completion, command: str, render: Callable[[Any], str] | None = None) -> Result:
    """The result of a command that prints JSON; nothing printed is an empty list, with what atmos said about it.

    ``render`` makes the output from the data; without it the output is what atmos printed.
    """
    if completion.exit_code != 0:
        return failure(completion, command)
    if not completion.stdout.strip():
        return Result(success=True, output=words_of(completion), data=[], exit_code=0)
    try:
        data = json.loads(completion.stdout)
    except ValueError:
        said = words_of(completion)
        message = f"`{command}` answered with something that is not JSON."
        return Result(
            success=False,
            output=f"{message}\n{said}",
            error=message,
            reason=ToolExecutionFailedError.reason,
            exit_code=0,
            truncated=completion.truncated,
        )
    output = render(data) if render else completion.stdout.strip("\n")
    return Result(success=True, output=output, data=data, exit_code=0)


def spoken(completion: Completion, command: str) -> Result:
    """The result of a command that says in words what came of it."""
    if completion.exit_code != 0:
        return failure(completion, command)
    return Result(success=True, output=words_of(completion), exit_code=0, truncated=completion.truncated)


def yaml_rows(rows: Any) -> str:
    """A list of flat objects as atmos prints it with `--format yaml`; anything else as the YAML that JSON is."""
    lines = []
    for row in rows if isinstance(rows, list) else [rows]:
        is_flat = isinstance(row, dict) and row
        fields = [f"{name}: {_scalar(value)}" for name, value in row.items()] if is_flat else [_scalar(row)]
        lines.append("- " + "\n  ".join(fields))
    return "\n".join(lines)


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./-]*", value) else json.dumps(value)


def _first_paragraph(completion: Completion) -> str:
    """The text after the last "Error:" label up to an empty line, its wrapped lines joined; else the first line."""
    said = (plain(completion.stderr).strip() or plain(completion.stdout).strip()) + "\n"
    labels = list(_LABEL.finditer(said))
    if not labels:
        return said.partition("\n")[0]
    paragraph = said[labels[-1].end() :].partition("\n\n")[0]
    return re.sub(r"(?<=\w-)\n(?=\w)", "", paragraph).replace("\n", " ").strip()
