"""The tools ``file_list`` and ``file_search``."""

import json
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.local_tools.files.guard import Guard
from atmos_ai_sidecar.adapters.local_tools.files.places import opened_place
from atmos_ai_sidecar.application.ports.program_runner import Completion, Program, ProgramRunner
from atmos_ai_sidecar.domain.tools import Execution, ExecutionClass, Result
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

MOST_FILES, MOST_MATCHES = 500, 200
_LONGEST_PATTERN = 1_000
_NO_PATTERN = 3
"""What find_program says of a pattern that is no regular expression; to import it here would cost its library."""
_PACKAGES = str(Path(__file__).parents[4])
_START = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('atmos_ai_sidecar.adapters.local_tools.files.find_program', run_name='__main__', alter_sys=True)"
)
"""`-m` with this very copy of the package first: under `-I` an uninstalled one could not be found."""

_SKIPPED = {
    "secret": "{} not searched, because files of their names usually hold secrets",
    "linked": "{} not searched, because they have other names elsewhere (hard links)",
    "large": "{} not searched, because they are larger than 5 MiB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Finds files below the project's folder, or another one."""

    guard: Guard
    runner: ProgramRunner

    async def list(self, values: Mapping[str, Any], execution: Execution) -> Result:
        """The paths that match a glob."""
        glob = _pattern(values, "glob")
        folder = self._folder(values, execution)
        found, notes = await self._run({"globs": [glob], "exclude": [], "limit": MOST_FILES}, folder)
        lines = [self._shown(path) for (path,) in found]
        if notes.get("cut"):
            lines.append(f"(only the first {len(found)} are shown; narrow the glob)")
        return Result(success=True, output="\n".join(lines) or f"No file matches {glob}.", data=None)

    async def search(self, values: Mapping[str, Any], execution: Execution) -> Result:
        """The lines that match a regular expression."""
        pattern = _pattern(values, "pattern")
        place = self._folder(values, execution)
        found, notes = await self._run({"pattern": pattern, "limit": MOST_MATCHES}, place)
        lines = [f"{self._shown(path)}:{number}: {line}" for path, number, line in found]
        if not lines:
            lines.append(f"No line of {notes.get('files', 0)} files matches {pattern}.")
        if notes.get("cut"):
            lines.append(f"(only the first {len(found)} lines are shown; narrow the pattern or the path)")
        lines += [f"({told.format(_files(notes[name]))})" for name, told in _SKIPPED.items() if notes.get(name)]
        return Result(success=True, output="\n".join(lines))

    async def matching(self, globs: Sequence[str], *, exclude: Sequence[str], limit: int) -> tuple[Sequence[str], bool]:
        """The files of the project that match a glob and none of ``exclude``, and whether there are more of them.

        What belongs to the assistant itself is left out.
        """
        territory = self.guard.territory
        order = {"globs": [*globs], "exclude": [*exclude], "limit": limit}
        found, notes = await self._run(order, territory.directory, hidden=territory.own)
        return [path for (path,) in found], bool(notes.get("cut"))

    def _folder(self, values: Mapping[str, Any], execution: Execution) -> str:
        path = self.guard.checked_target(values, execution, self.guard.read_demand(values))
        shown = self.guard.territory.shown(path)
        with opened_place(path, shown) as place:
            status = place.status()
        if status is None:
            raise ToolExecutionFailedError(f"There is no folder {shown}.", remedy="Search without a path.", path=shown)
        if not stat.S_ISDIR(status.st_mode):
            raise InvalidFieldError("path", f"{shown} is no folder.", remedy="Take file_read for one file.")
        return path

    async def _run(
        self, order: Mapping[str, Any], folder: str, *, hidden: Sequence[str] = ()
    ) -> tuple[Sequence[Any], Mapping[str, int]]:
        territory = self.guard.territory
        roots = [root for root in territory.roots if folder == root or folder.startswith(f"{root}/")]
        whole = {
            **order,
            "folder": folder,
            "root": min(roots, key=len, default=folder),
            "hidden": [*territory.hidden, *hidden],
        }
        program = Program(
            arguments=(sys.executable, "-I", "-X", "utf8", "-c", _START, _PACKAGES, json.dumps(whole)),
            directory="/",
            environment={"LC_ALL": "C.UTF-8"},
            execution_class=ExecutionClass.READ,
        )
        completion = await self.runner.run(program, lambda _piece: None)
        if completion.exit_code:
            raise _failed(completion)
        *found, notes = [json.loads(line) for line in completion.stdout.splitlines()]
        return found, notes

    def _shown(self, path: str) -> str:
        """The path as one word of one line, whatever characters are in it."""
        shown = self.guard.territory.shown(path)
        return shown if shown.isprintable() else json.dumps(os.fsencode(shown).decode("utf-8", "replace"))


def _pattern(values: Mapping[str, Any], name: str) -> str:
    pattern = str(values[name])
    if not pattern or len(pattern) > _LONGEST_PATTERN or "\0" in pattern:
        raise InvalidFieldError(name, f"must have 1 to {_LONGEST_PATTERN} characters.")
    return pattern


def _failed(completion: Completion) -> Exception:
    problem = completion.stderr.strip().splitlines()[-1:] or [f"it ended with {completion.exit_code}"]
    if completion.exit_code == _NO_PATTERN:
        return InvalidFieldError("pattern", f"is no regular expression: {problem[0]}.", remedy="Escape it with \\.")
    return ToolExecutionFailedError(f"The search failed: {problem[0]}.", remedy="Narrow the pattern or the path.")


def _files(count: int) -> str:
    return "1 file was" if count == 1 else f"{count} files were"
