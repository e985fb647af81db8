"""The files of a project that a question may bring along; they need no tools."""

from atmos_ai_sidecar.adapters.local_tools.files.attaching import AttachedFiles
from atmos_ai_sidecar.adapters.local_tools.files.finding import Finding
from atmos_ai_sidecar.adapters.local_tools.files.guard import Guard
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.project_files import ProjectFiles
from atmos_ai_sidecar.application.workspace import Run
from atmos_ai_sidecar.composition.built_in_tools import territory_of
from atmos_ai_sidecar.composition.own_settings import own_settings
from atmos_ai_sidecar.configuration import Config


def attached_files(run: Run, config: Config, clock: Clock) -> ProjectFiles:
    """The files of the project of one run."""
    guard = Guard(territory=territory_of(run, config), own_settings=own_settings)
    finding = Finding(guard=guard, runner=WardenedRunner(clock=clock))
    return AttachedFiles(finding=finding, stacks=str(config.folders["stacks"]))
