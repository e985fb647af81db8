"""The plan: terraform's text for reading, terraform's JSON for counts, and no planfile left behind."""

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.atmos.answers import failure, words_of
from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine
from atmos_ai_sidecar.adapters.atmos.names import WITHOUT_CODE, checked, explain_unknown, name
from atmos_ai_sidecar.application.ports.program_runner import Completion
from atmos_ai_sidecar.domain.outputs import plain
from atmos_ai_sidecar.domain.plans import PlanSummary, summarise_plan
from atmos_ai_sidecar.domain.tools import Execution, ExecutionClass, Result

_INITIALISED = re.compile(r"^Initializing the backend", re.MULTILINE)
_WORKSPACE = re.compile(r'^(?:Switched to|Created and switched to) workspace "([^"]+)"', re.MULTILINE)


async def plan(atmos: AtmosCommandLine, values: Mapping[str, Any], execution: Execution) -> Result:
    """Plans without a lock and without questions; nothing is applied and our planfile does not stay."""
    component, stack = name(values, "component"), name(values, "stack")
    targets = [f"-target={checked('targets', target)}" for target in values.get("targets", ())]
    command = ("terraform", "plan", component, "-s", stack)
    planfile = await _planfile(atmos, component, stack)
    before = _state_of(planfile)
    try:
        completion = await atmos.run(
            (*command, "--", "-input=false", "-lock=false", "-no-color", *targets),
            execution_class=ExecutionClass.PLAN,
            emit=execution.emit,
        )
        if completion.exit_code != 0:
            return await explain_unknown(atmos, failure(completion, f"atmos {' '.join(command)}"), values)
        summary = await _summary(atmos, component, stack)
    finally:
        if planfile is not None and _state_of(planfile) != before:
            planfile.unlink(missing_ok=True)
    notes = [*_steps(completion), *([] if summary else ["The counts of the plan could not be read from its planfile."])]
    if planfile is None:
        notes.append(f"The planfile {_planfile_name(component, stack)} was left in the component's folder.")
    return Result(
        success=True,
        output="\n".join((words_of(completion), *(f"({note})" for note in notes))),
        data=summary and summary.to_json(),
        exit_code=0,
        truncated=completion.truncated,
    )


def _planfile_name(component: str, stack: str) -> str:
    return f"{stack}-{component.replace('/', '-')}.planfile"


def _state_of(path: Path | None) -> tuple[int, int] | None:
    """Changes when the file is written; None while there is none."""
    try:
        status = path.stat() if path is not None else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_ino) if status else None


async def _planfile(atmos: AtmosCommandLine, component: str, stack: str) -> Path | None:
    """Where atmos leaves the planfile; None when it does not say enough to know."""
    described, configured = await asyncio.gather(
        atmos.run(("describe", "component", component, "-s", stack, "--format", "json", *WITHOUT_CODE)),
        atmos.run(("describe", "config", "--format", "json")),
    )
    try:
        folder = json.loads(described.stdout)["component"]
        terraform = json.loads(configured.stdout)["terraformDirAbsolutePath"]
        return Path(terraform, folder, _planfile_name(component, stack))
    except (ValueError, KeyError, TypeError):
        return None


async def _summary(atmos: AtmosCommandLine, component: str, stack: str) -> PlanSummary | None:
    """Counts and actions; None when terraform did not tell. Its JSON has secrets in the clear and goes no further."""
    command = ("terraform", "show", component, "-s", stack, "--", "-json", _planfile_name(component, stack))
    completion = await atmos.run(command, execution_class=ExecutionClass.PLAN)
    line = next((line for line in completion.stdout.splitlines() if line.startswith("{")), "")
    try:
        return summarise_plan(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return None


def _steps(completion: Completion) -> list[str]:
    """What atmos did besides planning, named because it writes into the component's folder."""
    printed = plain(completion.stdout)
    steps = ["Atmos ran terraform init first."] if _INITIALISED.search(printed) else []
    workspace = _WORKSPACE.search(printed)
    return [*steps, f"It selected the workspace {workspace[1]}."] if workspace else steps
