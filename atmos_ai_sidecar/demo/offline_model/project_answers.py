"""Rules for questions that need several calls, made in parallel: comparing, and reporting on everything. Pure."""

from atmos_ai_sidecar.demo.offline_model import names, tool_output
from atmos_ai_sidecar.demo.offline_model.atmos_answers import variables_of
from atmos_ai_sidecar.demo.offline_model.conversation import Conversation
from atmos_ai_sidecar.demo.offline_model.replies import Reply
from atmos_ai_sidecar.demo.offline_model.speech import (
    Call,
    ask,
    counted,
    enumerated,
    results,
    say,
    shown,
    table,
    trouble,
)
from atmos_ai_sidecar.demo.offline_model.topics import Topic

STACKS: Call = ("atmos_list_stacks", {})
COMPONENTS: Call = ("atmos_list_components", {})
MOST_DESCRIBED = 24
"""A report describes at most so many components, so that a large project does not flood the window."""


def compare(topic: Topic, talk: Conversation) -> Reply:
    """Compare one component between the stacks that are named, or between all."""
    if not topic.component:
        return say(f"Which component should I compare? I know {enumerated(names.known_components(talk))}.")
    stacks: tuple[str, ...] = topic.stacks
    if len(stacks) < 2:  # noqa: PLR2004 - one stack has nothing to be compared with
        if reply := ask(talk, STACKS):
            return reply
        (listed,) = results(talk, STACKS)
        if listed.is_error:
            return trouble(listed, "list the stacks to compare")
        stacks = tuple(tool_output.column(listed.output, "Stack"))
    calls = [_describing(topic.component, stack) for stack in stacks]
    if reply := ask(talk, *calls):
        return reply
    outcomes = results(talk, *calls)
    for stack, outcome in zip(stacks, outcomes, strict=True):
        if outcome.is_error:
            return trouble(outcome, f"compare **{topic.component}**, because of **{stack}**")
    described = [variables_of(outcome) for outcome in outcomes]
    keys = list(dict.fromkeys(key for variables in described for key in variables))
    values = [(f"`{key}`", *(variables.get(key) for variables in described)) for key in keys]
    different = [line for line in values if any(value != line[1] for value in line[2:])]
    same = [str(line[0]) for line in values if line not in different]
    if not different:
        return say(f"**{topic.component}** has the same {counted(len(keys), 'variable')} in {enumerated(stacks)}.")
    head = f"**{topic.component}** differs between {enumerated(stacks)} in {counted(len(different), 'variable')}:"
    equal = f"\n\nThe same everywhere: {', '.join(same)}." if same else ""
    return say(f"{head}\n\n{table(('variable', *stacks), different)}{equal}")


def report(_topic: Topic, talk: Conversation) -> Reply:
    """Write a long Markdown report about the whole project."""
    if reply := ask(talk, STACKS, COMPONENTS, first="I look at the stacks and components first."):
        return reply
    listed = results(talk, STACKS, COMPONENTS)
    for outcome in listed:
        if outcome.is_error:
            return trouble(outcome, "look at the project")
    stacks = tool_output.column(listed[0].output, "Stack")
    components = tool_output.column(listed[1].output, "Component")
    pairs = [(component, stack) for component in components for stack in stacks][:MOST_DESCRIBED]
    calls = [_describing(component, stack) for component, stack in pairs]
    if reply := ask(talk, *calls, first="Now I describe every component in every stack."):
        return reply
    described = {
        pair: variables_of(outcome)
        for pair, outcome in zip(pairs, results(talk, *calls), strict=True)
        if not outcome.is_error
    }
    sections = [
        _section(component, {s: v for (c, s), v in described.items() if c == component}) for component in components
    ]
    head = (
        f"# The project\n\nIt has {counted(len(stacks), 'stack')} ({enumerated(stacks)}) and "
        f"{counted(len(components), 'component')} ({enumerated(components)})."
    )
    return say("\n\n".join((head, *sections, _next_steps(stacks, components))))


def _describing(component: str, stack: str) -> Call:
    return "atmos_describe_component", {"component": component, "stack": stack}


def _section(component: str, by_stack: dict[str, dict[str, object]]) -> str:
    keys = list(dict.fromkeys(key for variables in by_stack.values() for key in variables))
    lines = [(f"`{key}`", *(variables.get(key) for variables in by_stack.values())) for key in keys]
    varying = [str(line[0]) for line in lines if len({shown(value) for value in line[1:]}) > 1]
    note = f"It differs in {', '.join(varying)}." if varying else "It is the same everywhere."
    example = next(iter(by_stack.items()), ("", {}))
    yaml = "\n".join(["vars:", *(f"  {key}: {shown(value)}" for key, value in example[1].items())])
    return (
        f"## {component}\n\n{note}\n\n{table(('variable', *by_stack), lines)}\n\n"
        f"In **{example[0]}** it comes out as:\n\n```yaml\n{yaml}\n```"
    )


def _next_steps(stacks: list[str], components: list[str]) -> str:
    if not stacks or not components:
        return "## Next\n\n1. Add a stack: there is nothing to plan yet."
    return (
        "## Next\n\n"
        f"1. Ask *what depends on {components[0]} in {stacks[0]}* before you change it.\n"
        "2. Ask me to *validate the stacks*.\n"
        f"3. Ask me to *plan {components[-1]} in {stacks[-1]}*; you decide whether it runs.\n\n"
        "> Everything above comes from `atmos describe component`; the sentences are fixed rules of the demo."
    )
