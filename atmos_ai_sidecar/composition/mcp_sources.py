"""Atmos' own tools and those of other MCP servers, for one run of a trusted project."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from atmos_ai_sidecar.adapters.atmos.command_line import find_atmos, tool_environment
from atmos_ai_sidecar.adapters.atmos_mcp import AtmosMcpTools, AtmosPlace, Ground, KeptAtmos
from atmos_ai_sidecar.adapters.atmos_mcp.table import TABLE
from atmos_ai_sidecar.adapters.mcp_client import McpServers, ServerSettings
from atmos_ai_sidecar.adapters.user_state import ToolPinsFile, state_directory
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.program_runner import Program
from atmos_ai_sidecar.application.ports.tool_source import ToolSource
from atmos_ai_sidecar.application.workspace import Run, RunOptions
from atmos_ai_sidecar.composition.built_in_tools import territory_of
from atmos_ai_sidecar.composition.homes import home_of
from atmos_ai_sidecar.composition.own_settings import is_own_setting
from atmos_ai_sidecar.composition.project_log import log_folder
from atmos_ai_sidecar.configuration import AtmosFlags, Config
from atmos_ai_sidecar.configuration.settings import McpServer
from atmos_ai_sidecar.domain.tools import ExecutionClass

_PASSED_ON = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TEMP", "TERM", "TMP", "TMPDIR", "TZ", "USER")
"""All that a server gets of the caller's environment, with what starts with ``LC_``. The rest is in its ``env``."""
_PLACES = frozenset({"--base-path", "--config", "--config-path", "--chdir", "-C"})


def coming_tools(config: Config) -> Sequence[str]:
    """What the names begin with of tools that these sources will give."""
    atmos = [row.name for row in TABLE.values() if not row.hidden_by]
    return [*atmos, *(f"{server.name}__" for server in config.mcp_servers)] if config.mcp_enabled else []


def mcp_sources(run: Run, options: RunOptions, config: Config, clock: Clock) -> Iterator[ToolSource]:
    """Atmos' own tools first. Nothing is started."""
    wanted = options.mcp_servers
    chosen = [server for server in config.mcp_servers if not wanted or server.name in wanted]
    if not config.mcp_enabled:
        return
    yield AtmosMcpTools(KeptAtmos(_place(run, options, config), clock), _ground(run, config))
    if chosen:
        pins = ToolPinsFile(state_directory(run.environment), str(config.directory))
        for server in chosen:  # each a source of its own, so that one can tell how many have answered
            yield McpServers([_settings(server, run, config)], clock=clock, pins=pins)


def _place(run: Run, options: RunOptions, config: Config) -> AtmosPlace:
    flags = AtmosFlags.parsed(options.atmos_flags)
    directory = str(config.directory)
    given = [os.path.realpath(Path(run.directory, flags.chdir, path)) for path in flags.config_path]
    return AtmosPlace(
        executable=find_atmos(run.environment),
        config_paths=given or [directory],
        flags=tuple(_other_flags(options.atmos_flags)),
        directory=directory,
        base_path=str(config.base_path),
        environment=tool_environment(run.environment, config.secret_variables),
        umask=run.umask,
        watched=_watched(run, config),
        unwatched=(str(config.sessions.path), str(log_folder(config))),  # we write there, with every call
    )


def _other_flags(flags: Sequence[str]) -> Iterator[str]:
    """The caller's flags without those that say where the project is: that is known by now."""
    rest = iter(flags)
    for flag in rest:
        name, equals, _ = flag.partition("=")
        if name not in _PLACES:
            yield flag
        elif not equals:
            next(rest, "")


def _watched(run: Run, config: Config) -> Sequence[str]:
    """Everything that Atmos reads when it starts, but no folder that holds the user's whole home."""
    home = home_of(run.environment)
    wide = [str(path) for path in (config.directory, config.base_path) if not Path(home).is_relative_to(path)]
    files = [os.path.normpath(config.directory / file) for file in config.files]
    drop_ins = [str(config.directory / name) for name in (".atmos.d", "atmos.d", "vendor.yaml")]
    return tuple(dict.fromkeys((*wide, *map(str, config.folders.values()), *files, *drop_ins)))


def _ground(run: Run, config: Config) -> Ground:
    return Ground(
        territory=territory_of(run, config),
        base_path=str(config.base_path),
        terraform_path=str(config.folders["terraform"]),
        is_own_setting=is_own_setting,
    )


def _settings(server: McpServer, run: Run, config: Config) -> ServerSettings:
    return ServerSettings(
        name=server.name,
        program=_program(server, run, config) if server.command else None,
        url=server.url,
        headers=server.headers,
        environment=run.environment,
        timeout_seconds=server.timeout_seconds,
        is_read_only=server.is_read_only,
    )


def _program(server: McpServer, run: Run, config: Config) -> Program:
    """The server's program. One with an identity is started by Atmos, which gives it that identity's credentials."""
    directory = str(config.directory / server.directory)
    command = list(server.command)
    if server.identity:
        command = [find_atmos(run.environment), "auth", "exec", f"--identity={server.identity}", "--", *command]
    else:
        command[0] = _executable(command[0], directory, run.environment)
    return Program(
        arguments=command,
        directory=directory,
        environment={**_passed_on(run.environment), **server.environment},
        execution_class=ExecutionClass.READ,
        umask=run.umask,
    )


def _passed_on(environment: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in environment.items() if name in _PASSED_ON or name.startswith("LC_")}


def _executable(command: str, directory: str, environment: Mapping[str, str]) -> str:
    """The program's path. A name is looked for on the caller's PATH, but in no relative folder of it."""
    if "/" in command:
        return str(Path(directory, command))
    folders = [folder for folder in environment.get("PATH", "").split(os.pathsep) if Path(folder).is_absolute()]
    return shutil.which(command, path=os.pathsep.join(folders)) or command
