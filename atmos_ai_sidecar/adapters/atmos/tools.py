"""The `atmos_*` tools: what each one is called, takes, does to the world, and who runs it."""

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.adapters.atmos import commands, descriptions, planning, validations
from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine
from atmos_ai_sidecar.domain.commands import Parse
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Effect, Execution, Parameter, Result, Tool

VALIDATE_SECONDS = 120.0
RESOLVE_SECONDS = 300.0
PLAN_SECONDS = 1200.0

_COMPONENT = Parameter(
    name="component", type="string", description="Name of the component in the stack, for example vpc.", required=True
)
_STACK = Parameter(name="stack", type="string", description="Name of the stack, for example ue1-dev.", required=True)
_ONE_STACK = Parameter(name="stack", type="string", description="Only this stack.")
_RESOLVE = Parameter(
    name="resolve",
    type="boolean",
    description="Evaluate YAML functions and templates. This runs what the stack files say, so the user is asked.",
    default=False,
)

_Run = Callable[[AtmosCommandLine, Mapping[str, Any], Execution], Awaitable[Result]]


def atmos_tools(atmos: AtmosCommandLine, territory: Territory, parse: Parse) -> Sequence[Tool]:
    """The tools that call the atmos command line, sorted by name; ``parse`` reads bash inside of arguments."""
    tools = [
        *_listing(atmos),
        *_comparing(atmos),
        *_describing(atmos),
        *_validating(atmos),
        *_running(atmos, territory, parse),
    ]
    return tuple(sorted(tools, key=lambda tool: tool.name))


def _listing(atmos: AtmosCommandLine) -> Sequence[Tool]:
    read = functools.partial(_tool, atmos, effect=Effect.READ, requires_permission=False)
    return (
        read(
            name="atmos_list_stacks",
            description="Lists the stacks of the project.",
            run=descriptions.list_stacks,
            parameters=(
                Parameter(
                    name="format",
                    type="string",
                    description="How the list is written.",
                    enum=("yaml", "json"),
                    default="yaml",
                ),
            ),
            title="list stacks",
        ),
        read(
            name="atmos_list_components",
            description="Lists the components of the project, or of one stack, with the number of stacks each is in.",
            run=descriptions.list_components,
            parameters=(
                _ONE_STACK,
                Parameter(name="type", type="string", description="Only this type, for example terraform."),
            ),
            title="list components[ in {stack}][ of type {type}]",
        ),
    )


def _comparing(atmos: AtmosCommandLine) -> Sequence[Tool]:
    read = functools.partial(_tool, atmos, effect=Effect.READ, requires_permission=False)
    return (
        read(
            name="atmos_describe_dependents",
            description="Lists the components that depend on a component of a stack.",
            run=descriptions.describe_dependents,
            parameters=(_COMPONENT, _STACK),
            title="describe dependents of {component} in {stack}",
        ),
        read(
            name="atmos_describe_affected",
            description="Lists the components that differ between the work tree and a Git reference, and why.",
            run=descriptions.describe_affected,
            parameters=(
                Parameter(
                    name="base",
                    type="string",
                    description="Git reference to compare with, for example main.",
                    required=True,
                ),
                Parameter(
                    name="include_dependents",
                    type="boolean",
                    description="Also list what depends on the affected components.",
                    default=False,
                ),
            ),
            title="describe what differs from {base}",
        ),
    )


def _describing(atmos: AtmosCommandLine) -> Sequence[Tool]:
    describe = functools.partial(
        _tool, atmos, effect=Effect.READ, requires_permission=False, demand_of=_resolving_demand
    )
    return (
        describe(
            name="atmos_describe_component",
            description="Shows the final configuration of a component in a stack: vars, settings, imports, metadata. "
            "With provenance it says the file and line of every value.",
            run=descriptions.describe_component,
            parameters=(
                _COMPONENT,
                _STACK,
                Parameter(
                    name="provenance",
                    type="boolean",
                    description="Say the file and line of every value.",
                    default=False,
                ),
                _RESOLVE,
            ),
            title="describe {component} in {stack}",
        ),
        describe(
            name="atmos_describe_stacks",
            description="Shows the configuration of all components of all stacks; name stack, components and "
            "sections to keep the answer short.",
            run=descriptions.describe_stacks,
            parameters=(
                _ONE_STACK,
                Parameter(name="components", type="array", description="Only these components."),
                Parameter(
                    name="sections", type="array", description="Only these sections, for example vars or settings."
                ),
                _RESOLVE,
            ),
            title="describe stacks[ {stack}][ components {components}][ sections {sections}]",
        ),
    )


def _validating(atmos: AtmosCommandLine) -> Sequence[Tool]:
    execute = functools.partial(_tool, atmos, effect=Effect.EXECUTE)
    return (
        execute(
            name="atmos_validate_stacks",
            description="Validates the stack files against Atmos' schema, or every component with an OPA policy "
            "against its policy.",
            run=validations.validate_stacks,
            parameters=(
                Parameter(
                    name="schema_type",
                    type="string",
                    description="What to validate with.",
                    enum=("jsonschema", "opa"),
                    default="jsonschema",
                ),
            ),
            requires_permission=False,
            timeout_seconds=VALIDATE_SECONDS,
            title="validate stacks[ with {schema_type}]",
        ),
        execute(
            name="atmos_validate_component",
            description="Validates a component in a stack against the schemas and policies that its settings name.",
            run=validations.validate_component,
            parameters=(_COMPONENT, _STACK),
            requires_permission=True,
            timeout_seconds=VALIDATE_SECONDS,
            title="validate {component} in {stack}",
        ),
    )


def _running(atmos: AtmosCommandLine, territory: Territory, parse: Parse) -> Sequence[Tool]:
    execute = functools.partial(_tool, atmos, effect=Effect.EXECUTE, requires_permission=True)
    return (
        execute(
            name="atmos_terraform_plan",
            description="Plans a terraform component in a stack and shows what would change; nothing is applied. "
            "Runs terraform init and selects the workspace first.",
            run=planning.plan,
            parameters=(
                _COMPONENT,
                _STACK,
                Parameter(name="targets", type="array", description="Only these resource addresses."),
            ),
            timeout_seconds=PLAN_SECONDS,
            title="plan {component} in {stack}",
        ),
        execute(
            name="execute_atmos_command",
            description="Runs any other atmos command, without a shell. Prefer the tools that are made for a purpose.",
            run=functools.partial(commands.execute, parse),
            parameters=(
                Parameter(
                    name="arguments",
                    type="array",
                    description='The words after `atmos`, one each, for example ["terraform", "output", "vpc", "-s", '
                    '"ue1-dev"].',
                    required=True,
                ),
            ),
            demand_of=functools.partial(commands.demand_of_call, parse, territory),
            command_parameter="arguments",
            title="atmos {arguments}",
        ),
    )


def _tool(atmos: AtmosCommandLine, *, name: str, run: _Run, parameters: Sequence[Parameter], **more: Any) -> Tool:
    names = {parameter.name for parameter in parameters}
    return Tool(
        name=name,
        parameters=parameters,
        execute=functools.partial(run, atmos),
        stack_parameter="stack" if "stack" in names else "",
        component_parameter="component" if "component" in names else "",
        source="atmos",
        **more,
    )


def _resolving_demand(values: Mapping[str, Any]) -> Demand:
    """Resolving runs what stack files say, so it asks as code does; plain reading never does."""
    if values.get("resolve"):
        return Demand(
            effect=Effect.EXECUTE,
            requires_permission=True,
            timeout_seconds=RESOLVE_SECONDS,
            command_class=CommandClass.CODE_EXECUTION,
        )
    return Demand(effect=Effect.READ, requires_permission=False)
