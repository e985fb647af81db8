"""Where a run's project is, for commands that work before there is a configuration that can be used."""

from typing import TYPE_CHECKING

from atmos_ai_sidecar.configuration import AtmosFlags, find_project
from atmos_ai_sidecar.errors import ConfigurationInvalidError

if TYPE_CHECKING:
    from atmos_ai_sidecar.application.workspace import Run, RunOptions


def find_project_file(run: "Run", options: "RunOptions") -> str:
    """The path of the project's atmos.yaml as Atmos would find it; empty when there is none."""
    try:
        project = find_project(run.directory, run.environment, AtmosFlags.parsed(options.atmos_flags))
    except ConfigurationInvalidError:
        return ""
    return str([source.path for source in project.sources if source.is_project][-1])
