"""Tools that validate: the stack files as a whole, and components against their schemas and policies."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from atmos_ai_sidecar.adapters.atmos.answers import spoken, structured, words_of
from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine
from atmos_ai_sidecar.adapters.atmos.names import WITHOUT_CODE, explain_unknown, name
from atmos_ai_sidecar.domain.tools import Execution, OutputPiece, Result
from atmos_ai_sidecar.errors import ToolExecutionFailedError

_AT_ONCE = 2
"""An atmos takes 310 MB."""


async def validate_component(atmos: AtmosCommandLine, values: Mapping[str, Any], execution: Execution) -> Result:
    command = ("validate", "component", name(values, "component"), "-s", name(values, "stack"))
    result = spoken(await atmos.run(command, emit=execution.emit), f"atmos {' '.join(command)}")
    return await explain_unknown(atmos, result, values)


async def validate_stacks(atmos: AtmosCommandLine, values: Mapping[str, Any], execution: Execution) -> Result:
    if values.get("schema_type") == "opa":
        return await _validate_policies(atmos, execution)
    return spoken(await atmos.run(("validate", "stacks"), emit=execution.emit), "atmos validate stacks")


async def _validate_policies(atmos: AtmosCommandLine, execution: Execution) -> Result:
    """Validates every component with an OPA validation; each one is reported, also after a failure."""
    described = structured(
        await atmos.run(("describe", "stacks", "--format", "json", *WITHOUT_CODE)), "atmos describe stacks"
    )
    if not described.success:
        return described
    targets = list(_with_policy(_section(described.data)))
    if not targets:
        return Result(success=True, output="No component of any stack has an OPA validation.", data=[], exit_code=0)
    slots = asyncio.Semaphore(_AT_ONCE)

    async def validate(component: str, stack: str) -> dict[str, Any]:
        async with slots:
            completion = await atmos.run(("validate", "component", component, "-s", stack))
        is_valid = completion.exit_code == 0
        execution.emit(
            OutputPiece(stream="stdout", text=f"{component} in {stack}: {'valid' if is_valid else 'not valid'}\n")
        )
        return {"component": component, "stack": stack, "valid": is_valid, "message": words_of(completion)}

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(validate(component, stack)) for component, stack in targets]
    return _summary([task.result() for task in tasks])


def _summary(reports: list[dict[str, Any]]) -> Result:
    failed = [report for report in reports if not report["valid"]]
    lines = [
        f"- {report['component']} in {report['stack']}: "
        + ("valid" if report["valid"] else f"not valid\n  {report['message'].replace(chr(10), chr(10) + '  ')}")
        for report in reports
    ]
    head = f"{len(reports)} components with an OPA validation, {len(failed)} not valid:"
    return Result(
        success=not failed,
        output="\n".join((head, *lines)),
        data=reports,
        error=f"{len(failed)} of {len(reports)} components are not valid." if failed else "",
        reason=ToolExecutionFailedError.reason if failed else "",
        exit_code=1 if failed else 0,
    )


def _with_policy(stacks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(component, stack) of every real component whose settings name an OPA validation that is not disabled."""
    for stack, content in sorted(stacks.items()):
        for components in _section(_section(content).get("components")).values():
            for component, described in sorted(_section(components).items()):
                section = _section(described)
                validations = _section(_section(section.get("settings")).get("validation")).values()
                is_abstract = _section(section.get("metadata")).get("type") == "abstract"
                if not is_abstract and any(
                    validation.get("schema_type") == "opa" and not validation.get("disabled")
                    for validation in map(_section, validations)
                ):
                    yield component, stack


def _section(value: Any) -> Mapping[str, Any]:
    """What may be a section of a stack file; one that is empty there is null here."""
    return value if isinstance(value, dict) else {}
