"""The tools of a trusted project, and what takes their changes back."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine, find_atmos, tool_environment
from atmos_ai_sidecar.adapters.atmos.index import AtmosIndex
from atmos_ai_sidecar.adapters.atmos.tools import atmos_tools
from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.adapters.local_tools.files import file_tools, project_files
from atmos_ai_sidecar.adapters.local_tools.output_tool import read_tool_output
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.adapters.local_tools.shell import Bash, shell_tool
from atmos_ai_sidecar.adapters.user_state import FileChangesFolder, FileChangesInMemory, state_directory
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.file_changes import FileChanges
from atmos_ai_sidecar.application.ports.project_index import ProjectIndex
from atmos_ai_sidecar.application.ports.tool_outputs import ToolOutputs
from atmos_ai_sidecar.application.undo import Undo
from atmos_ai_sidecar.application.workspace import Run, RunOptions
from atmos_ai_sidecar.composition.homes import home_of
from atmos_ai_sidecar.composition.left_calls import left_programs
from atmos_ai_sidecar.composition.own_settings import own_settings
from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.sidecar.warm_places import warm_folders

_POLICY = "ATMOS_AI_POLICY"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltInTools:
    tools: Sequence[Tool]
    undo: Undo
    runner: WardenedRunner
    """Runs their programs; to be closed after the last call."""
    index: ProjectIndex
    switched_off: Sequence[Tool] = ()
    """What the settings keep from the model; decisions about it can be explained."""


def built_in_tools(run: Run, options: RunOptions, config: Config, outputs: ToolOutputs, clock: Clock) -> BuiltInTools:
    """The tools of a trusted project.

    Raises:
        AtmosNotFoundError: There is no atmos to run.
    """
    runner = WardenedRunner(clock=clock, keeps_spare=True, records=left_programs(run, str(config.directory)))
    environment = tool_environment(run.environment, config.secret_variables)
    parse = TreeSitterCommandParser().parse
    command_line = AtmosCommandLine(
        executable=find_atmos(run.environment),
        project_directory=run.directory,
        environment=environment,
        runner=runner,
        umask=run.umask,
        global_flags=options.atmos_flags,
    )
    changes = _changes(run, config, clock)
    territory = territory_of(run, config)
    shell = shell_tool(Bash(runner=runner, environment=environment, umask=run.umask), territory, parse)
    has_shell = config.tools.shell_enabled
    files = file_tools(territory, own_settings=own_settings, changes=changes, runner=runner, umask=run.umask)
    return BuiltInTools(
        tools=(
            *atmos_tools(command_line, territory, parse),
            *files.tools,
            read_tool_output(outputs),
            *([shell] if has_shell else []),
        ),
        undo=Undo(changes, files.restorer),
        runner=runner,
        index=AtmosIndex(command_line, partial(project_files, territory)),
        switched_off=() if has_shell else (shell,),
    )


def territory_of(run: Run, config: Config) -> Territory:
    """What belongs to the project, and what is ours in and beside it.

    The repository counts as a whole, and the base path; but neither where it has the user's home in it: a repository of
    dot files is no project, and a base path of `/` opens nothing.
    """
    directory = str(config.directory)
    home = home_of(run.environment)
    state = os.path.realpath(state_directory(run.environment))
    wide = [str(path.resolve()) for path in (config.git_root, config.base_path) if path is not None]
    roots = [root for root in wide if not Path(home).is_relative_to(root) and not Path(state).is_relative_to(root)]
    settings = run.environment.get("XDG_CONFIG_HOME") or f"{home}/.config"
    policy = run.environment.get(_POLICY, "")
    return Territory(
        directory=directory,
        roots=tuple(dict.fromkeys((directory, *roots))),
        own=tuple(
            os.path.realpath(path)
            for path in (config.sessions.path, f"{settings}/atmos-ai", "/etc/atmos-ai", policy)
            if path
        ),
        hidden=(state, *(os.path.realpath(folder) for folder in warm_folders(run.environment))),
        configuration=tuple(os.path.realpath(config.directory / file) for file in config.files),
    )


def _changes(run: Run, config: Config, clock: Clock) -> FileChanges:
    if not config.sessions.enabled or not config.sessions.auto_save:
        return FileChangesInMemory()
    return FileChangesFolder(state_directory(run.environment), str(config.directory), clock)
