"""The directory that stands for the demo project, and whether it still is what was recorded."""

# ruff: noqa: PTH109, PTH112, PTH113, PTH118, PTH120, PTH123
# pathlib would add a third to the start-up time.

from __future__ import annotations

import os

from .recordings import DEMO

TYPE_CHECKING = False  # see command_line.py
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .command_line import Request

RECORDED_PROJECT = os.path.join(DEMO, "project")
PLANFILE = b"A planfile of the replayed Atmos: it holds no plan. `terraform show` answers from the recordings.\n"


def locate(request: Request, environment: Mapping[str, str]) -> str:
    """Return the project's absolute directory, found as Atmos finds it: flags, environment, then upwards."""
    start = os.path.join(os.getcwd(), environment.get("ATMOS_CHDIR", ""), *request.location.get("--chdir", []))
    base = request.location.get("--base-path", [environment.get("ATMOS_BASE_PATH", "")])[-1]
    if base:
        return os.path.realpath(os.path.join(start, base))
    configured = request.location.get("--config-path", environment.get("ATMOS_CLI_CONFIG_PATH", "").split(","))
    for directory in [os.path.join(start, path) for path in configured if path] + list(_upwards(start)):
        if os.path.isfile(os.path.join(directory, "atmos.yaml")):
            return os.path.realpath(directory)
    return os.path.realpath(start)


def first_edit(project: str) -> str:
    """Return the first stack or component file that is not as recorded, or "".

    An edited project was never recorded, so the recordings say nothing about it. A directory without stacks
    and components is no edited project: the replay answers there as if it stood in the demo project.
    """
    if os.path.realpath(project) == os.path.realpath(RECORDED_PROJECT):
        return ""
    for folder, endings in (("stacks", (".yaml", ".yml", ".json", ".rego")), ("components", (".tf",))):
        if not os.path.isdir(os.path.join(project, folder)):
            continue
        for name in sorted({*_files(RECORDED_PROJECT, folder, endings), *_files(project, folder, endings)}):
            if _content(project, name) != _content(RECORDED_PROJECT, name):
                return name
    return ""


def write_planfile(project: str, request: Request, folder: str) -> None:
    """Leave a file where `atmos terraform plan` leaves its planfile, if that place exists and can be written."""
    directory = os.path.join(project, "components", "terraform", folder)
    try:
        with open(os.path.join(directory, f"{request.stack}-{request.component}.planfile"), "wb") as planfile:
            planfile.write(PLANFILE)
    except OSError:
        return  # a real plan would fail here; the recorded one did not, and nothing else depends on the file


def _upwards(directory: str) -> Iterator[str]:
    yield directory
    while os.path.dirname(directory) != directory:
        directory = os.path.dirname(directory)
        yield directory


def _files(project: str, folder: str, endings: tuple[str, ...]) -> Iterator[str]:
    for parent, folders, names in os.walk(os.path.join(project, folder)):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(parent, name), project)


def _content(project: str, name: str) -> bytes | None:
    try:
        with open(os.path.join(project, name), "rb") as file:
            return file.read()
    except OSError:
        return None
