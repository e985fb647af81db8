"""Tools that read the configuration: lists and descriptions."""

from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.adapters.atmos.answers import spoken, structured, yaml_rows
from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine
from atmos_ai_sidecar.adapters.atmos.names import WITHOUT_CODE, checked, explain_unknown, name
from atmos_ai_sidecar.domain.tools import Execution, Result

_JSON = ("--format", "json")


async def list_stacks(atmos: AtmosCommandLine, values: Mapping[str, Any], _execution: Execution) -> Result:
    completion = await atmos.run(("list", "stacks", *_JSON, *WITHOUT_CODE))
    return structured(completion, "atmos list stacks", None if values.get("format") == "json" else yaml_rows)


async def list_components(atmos: AtmosCommandLine, values: Mapping[str, Any], _execution: Execution) -> Result:
    selected = [part for field in ("stack", "type") if field in values for part in (f"--{field}", name(values, field))]
    completion = await atmos.run(("list", "components", *_JSON, *selected, *WITHOUT_CODE))
    return structured(completion, "atmos list components")


async def describe_component(atmos: AtmosCommandLine, values: Mapping[str, Any], _execution: Execution) -> Result:
    component, stack = name(values, "component"), name(values, "stack")
    command = ("describe", "component", component, "-s", stack)
    shown = f"atmos {' '.join(command)}"
    if values.get("provenance"):
        completion = await atmos.run((*command, "--provenance", "--format", "yaml", *_processing(values)))
        result = spoken(completion, shown)
    else:
        result = structured(await atmos.run((*command, *_JSON, *_processing(values))), shown)
    return await explain_unknown(atmos, result, values)


async def describe_stacks(atmos: AtmosCommandLine, values: Mapping[str, Any], _execution: Execution) -> Result:
    selected = ["--stack", name(values, "stack")] if "stack" in values else []
    for field in ("components", "sections"):
        if values.get(field):
            selected += [f"--{field}", ",".join(checked(field, value) for value in values[field])]
    completion = await atmos.run(("describe", "stacks", *_JSON, *selected, *_processing(values)))
    return structured(completion, "atmos describe stacks")


async def describe_dependents(atmos: AtmosCommandLine, values: Mapping[str, Any], _execution: Execution) -> Result:
    command = ("describe", "dependents", name(values, "component"), "-s", name(values, "stack"))
    completion = await atmos.run((*command, *_JSON, *WITHOUT_CODE))
    return await explain_unknown(atmos, structured(completion, f"atmos {' '.join(command)}"), values)


async def describe_affected(atmos: AtmosCommandLine, values: Mapping[str, Any], _execution: Execution) -> Result:
    command = ["describe", "affected", "--base", name(values, "base"), *_JSON]
    if values.get("include_dependents"):
        command.append("--include-dependents")
    completion = await atmos.run((*command, *WITHOUT_CODE))
    return structured(completion, f"atmos describe affected --base {values['base']}")


def _processing(values: Mapping[str, Any]) -> Sequence[str]:
    return () if values.get("resolve") else WITHOUT_CODE
