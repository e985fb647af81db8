"""Where a run's project is, for commands that work before there is a configuration that can be used."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atmos_ai_sidecar.application.settings import Setting
from atmos_ai_sidecar.composition.configurations import configuration_of
from atmos_ai_sidecar.configuration import AtmosFlags, find_project, speaks_of_ai
from atmos_ai_sidecar.errors import ConfigurationInvalidError

if TYPE_CHECKING:
    from atmos_ai_sidecar.application.workspace import Run, RunOptions

__all__ = ["find_project_file", "list_settings", "speaks_of_ai"]


def find_project_file(run: "Run", options: "RunOptions") -> str:
    """The path of the project's atmos.yaml as Atmos would find it; empty when there is none."""
    try:
        project = find_project(run.directory, run.environment, AtmosFlags.parsed(options.atmos_flags))
    except ConfigurationInvalidError:
        return ""
    return str([source.path for source in project.sources if source.is_project][-1])


def list_settings(run: "Run", options: "RunOptions") -> Sequence[Setting]:
    """What the files of the run's project set, sorted by key, also where they switch the assistant off.

    Raises:
        ConfigurationInvalidError: There is no project, or a file says something that cannot be used.
    """
    config = configuration_of(run, options, allow_disabled=True)
    values = [(key, value, config.origins[key]) for key, value in config.values.items() if key in config.origins]
    values += [(one.setting, f"({one.tag}, which Atmos evaluates)", one.origin) for one in config.unevaluated]
    return tuple(
        Setting(key=key, value=value, file=_relative(origin.file, config.directory), line=origin.line)
        for key, value, origin in sorted(values, key=lambda found: found[0])
    )


def _relative(file: str, directory: Path) -> str:
    path = Path(file)
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else file
