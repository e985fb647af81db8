"""The `file_*` tools: what each one is called, takes, does to the world, and who runs it."""

import functools
from collections.abc import Callable, Sequence

from atmos_ai_sidecar.adapters.local_tools.files.changing import Changing, Restorer, edited_text, written_text
from atmos_ai_sidecar.adapters.local_tools.files.finding import Finding
from atmos_ai_sidecar.adapters.local_tools.files.guard import Guard
from atmos_ai_sidecar.adapters.local_tools.files.reading import DEFAULT_LINES, read
from atmos_ai_sidecar.adapters.local_tools.files.seen_files import SeenFiles
from atmos_ai_sidecar.application.ports.file_changes import FileChanges
from atmos_ai_sidecar.application.ports.program_runner import ProgramRunner
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import Effect, Parameter, Tool
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_PATH = Parameter(
    name="path",
    type="string",
    description="Path of the file, relative to the folder of atmos.yaml, for example stacks/catalog/vpc.yaml.",
    required=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTools:
    """The tools, and what takes their changes back."""

    tools: Sequence[Tool]
    restorer: Restorer


def file_tools(
    territory: Territory,
    *,
    own_settings: Callable[[str], str],
    changes: FileChanges,
    runner: ProgramRunner,
    umask: int,
) -> FileTools:
    """The file tools of one workspace.

    Args:
        territory: What belongs to the project.
        own_settings: The settings in a configuration file that no tool may change; see ``Guard``.
        changes: Keeps what files were before.
        runner: Runs the search.
        umask: The caller's, for files that are created.
    """
    guard = Guard(territory=territory, own_settings=own_settings)
    seen = SeenFiles()
    change = functools.partial(Changing, guard=guard, seen=seen, changes=changes, umask=umask)
    finding = Finding(guard=guard, runner=runner)
    return FileTools(
        tools=(
            _edit(change(after=edited_text, creates=False)),
            _list(guard, finding),
            _read(guard, seen),
            _search(guard, finding),
            _write(change(after=written_text, creates=True)),
        ),
        restorer=Restorer(guard=guard),
    )


def _read(guard: Guard, seen: SeenFiles) -> Tool:
    return Tool(
        name="file_read",
        description="Reads a text file of the project. Read a file before you change it.",
        parameters=(
            _PATH,
            Parameter(name="offset", type="integer", description="First line, from 1.", default=1),
            Parameter(name="limit", type="integer", description="Number of lines.", default=DEFAULT_LINES),
        ),
        effect=Effect.READ,
        execute=functools.partial(read, guard, seen),
        requires_permission=False,
        path_parameters=("path",),
        title="read {path}",
        demand_of=guard.read_demand,
    )


def _list(guard: Guard, finding: Finding) -> Tool:
    return Tool(
        name="file_list",
        description="Lists the project's files that match a glob, without those that Git ignores.",
        parameters=(
            Parameter(
                name="glob",
                type="string",
                description="Such as stacks/**/*.yaml; ** stands for any folders. Without a slash it matches names.",
                required=True,
            ),
        ),
        effect=Effect.READ,
        execute=finding.list,
        requires_permission=False,
        title="list {glob}",
        demand_of=guard.read_demand,
    )


def _search(guard: Guard, finding: Finding) -> Tool:
    return Tool(
        name="file_search",
        description="Finds the lines that match a regular expression, in the project's files that Git does not ignore.",
        parameters=(
            Parameter(
                name="pattern",
                type="string",
                description="Regular expression in Python's syntax, matched line by line.",
                required=True,
            ),
            Parameter(name="path", type="string", description="Folder to search in; the project's when left out."),
        ),
        effect=Effect.READ,
        execute=finding.search,
        requires_permission=False,
        path_parameters=("path",),
        title="search for {pattern}[ in {path}]",
        demand_of=guard.read_demand,
    )


def _write(changing: Changing) -> Tool:
    return Tool(
        name="file_write",
        description="Creates a file, or replaces the whole of one that was read before; file_edit changes a part.",
        parameters=(_PATH, Parameter(name="content", type="string", description="The whole content.", required=True)),
        effect=Effect.WRITE,
        execute=changing.run,
        requires_permission=True,
        path_parameters=("path",),
        title="write {path}",
        demand_of=changing.demand,
        preview=changing.preview,
    )


def _edit(changing: Changing) -> Tool:
    return Tool(
        name="file_edit",
        description="Replaces one piece of text in a file that was read before.",
        parameters=(
            _PATH,
            Parameter(
                name="old",
                type="string",
                description="What is there now, exactly; with enough lines around it to be there only once.",
                required=True,
            ),
            Parameter(name="new", type="string", description="What shall be there instead.", required=True),
        ),
        effect=Effect.WRITE,
        execute=changing.run,
        requires_permission=True,
        path_parameters=("path",),
        title="edit {path}",
        demand_of=changing.demand,
        preview=changing.preview,
    )
