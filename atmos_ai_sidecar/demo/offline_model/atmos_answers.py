"""Rules for questions that one call of an Atmos tool answers. Pure."""

import re
import shlex

from atmos_ai_sidecar.demo.offline_model import names, tool_output
from atmos_ai_sidecar.demo.offline_model.conversation import Conversation, Outcome
from atmos_ai_sidecar.demo.offline_model.replies import Reply
from atmos_ai_sidecar.demo.offline_model.speech import (
    Call,
    ask,
    counted,
    enumerated,
    quote,
    results,
    say,
    shown,
    table,
    trouble,
)
from atmos_ai_sidecar.demo.offline_model.topics import Topic

PLAN_COUNTS = re.compile(r"Plan: (?:\d+ to import, )?(\d+) to add, (\d+) to change, (\d+) to destroy")
PLAN_RESOURCE = re.compile(r"^\s*# (\S+) ((?:will|must) be [\w -]+)", re.MULTILINE)


def which(topic: Topic, talk: Conversation, doing: str) -> Reply | None:
    """Ask back for the component or the stack that a question left out; None when both are known."""
    if not topic.component:
        where = f" in {topic.stack}" if topic.stack else ""
        return say(f"Which component should I {doing}{where}? I know {enumerated(names.known_components(talk))}.")
    if not topic.stack:
        known = enumerated(names.known_stacks(talk))
        return say(f"In which stack should I {doing} **{topic.component}**? I know {known}.")
    return None


def list_stacks(_topic: Topic, talk: Conversation) -> Reply:
    """Answer `Which stacks are there?`."""
    call: Call = ("atmos_list_stacks", {})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, "list the stacks")
    found = tool_output.column(outcome.output, "Stack")
    if not found:
        return say(f"Atmos lists no stacks here. It said:\n\n{quote(outcome.output)}")
    return say(f"There are {counted(len(found), 'stack')}: {enumerated(found)}.")


def list_components(topic: Topic, talk: Conversation) -> Reply:
    """Answer `Which components are there?`, in all stacks or in one."""
    call: Call = ("atmos_list_components", {"stack": topic.stack} if topic.stack else {})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, "list the components")
    found = tool_output.column(outcome.output, "Component")
    where = f"**{topic.stack}** has" if topic.stack else "There are"
    if not found:
        return say(f"Atmos lists no components here. It said:\n\n{quote(outcome.output)}")
    return say(f"{where} {counted(len(found), 'component')}: {enumerated(found)}.")


def describe(topic: Topic, talk: Conversation) -> Reply:
    """Answer a question about a component's values, or describe all of them."""
    if reply := which(topic, talk, "look at"):
        return reply
    call: Call = ("atmos_describe_component", {"component": topic.component, "stack": topic.stack})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, f"describe **{topic.component}** in **{topic.stack}**")
    variables = variables_of(outcome)
    if not variables:
        return say(f"Atmos describes **{topic.component}** in **{topic.stack}** so:\n\n{quote(outcome.output)}")
    meant = names.keys_in(_without_names(topic), variables)
    if meant:
        facts = [
            f"`{key}` of **{topic.component}** in **{topic.stack}** is **{shown(variables[key])}**." for key in meant
        ]
        return say(" ".join(facts) if len(facts) == 1 else "\n".join(f"- {fact}" for fact in facts))
    heading = f"**{topic.component}** in **{topic.stack}** has these values:"
    lines = [(f"`{key}`", value) for key, value in variables.items()]
    return say(f"{heading}\n\n{table(('variable', 'value'), lines)}{_origin(outcome)}")


def variables_of(outcome: Outcome) -> dict[str, object]:
    """Return the variables in a description of a component."""
    found = tool_output.mapping(outcome.output)
    variables = found.get("vars", {})
    return variables if isinstance(variables, dict) else {}


def _without_names(topic: Topic) -> str:
    """The question without the names in it: `engine of the database` must not match a key `database_name`."""
    text = names.STACK.sub(" ", topic.question.lower())
    return re.sub(rf"\b{re.escape(topic.component.lower())}\b", " ", text)


def _origin(outcome: Outcome) -> str:
    imports = tool_output.mapping(outcome.output).get("imports")
    return (
        f"\n\nIt imports {shown([f'`{name}`' for name in imports])}." if isinstance(imports, list) and imports else ""
    )


def dependents(topic: Topic, talk: Conversation) -> Reply:
    """Answer `What depends on X in S?`."""
    if reply := which(topic, talk, "look for dependents of"):
        return reply
    call: Call = ("atmos_describe_dependents", {"component": topic.component, "stack": topic.stack})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, f"find what depends on **{topic.component}**")
    found = [f"{row['component']} in {row.get('stack', topic.stack)}" for row in tool_output.rows(outcome.output)]
    if not found:
        return say(f"Nothing depends on **{topic.component}** in **{topic.stack}**.")
    number = "One component depends" if len(found) == 1 else f"{len(found)} components depend"
    return say(f"{number} on **{topic.component}** in **{topic.stack}**: {enumerated(found)}.")


def affected(topic: Topic, talk: Conversation) -> Reply:
    """Answer `What is affected compared to main?`."""
    match = re.search(
        r"(?:since|against|compared (?:to|with)|from|to|versus|vs\.?|than|branch)\s+`?([\w./-]+)",
        topic.question,
        re.IGNORECASE,
    )
    base = match.group(1).rstrip("?.") if match and match.group(1).lower() not in names.OTHER_WORDS else "main"
    call: Call = ("atmos_describe_affected", {"base": base})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, f"find what is affected compared to **{base}**")
    found = tool_output.rows(outcome.output)
    if not found:
        return say(f"Compared to **{base}** no component is affected.")
    lines = [(row.get("component"), row.get("stack"), f"`{row.get('affected')}`") for row in found]
    head = f"Compared to **{base}**, {counted(len(found), 'component')} {'is' if len(found) == 1 else 'are'} affected:"
    return say(f"{head}\n\n{table(('component', 'stack', 'because of'), lines)}")


def validate(topic: Topic, talk: Conversation) -> Reply:
    """Validate one component where it is named with its stack, else all stacks."""
    call: Call = ("atmos_validate_stacks", {})
    what = "the stacks"
    if topic.component and topic.stack:
        call = ("atmos_validate_component", {"component": topic.component, "stack": topic.stack})
        what = f"**{topic.component}** in **{topic.stack}**"
    elif re.search(r"\b(?:opa|rego|polic(?:y|ies))\b", topic.question, re.IGNORECASE):
        call = ("atmos_validate_stacks", {"schema_type": "opa"})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, f"validate {what}")
    return say(f"I validated {what}, and Atmos found no fault:\n\n{quote(tool_output.plain(outcome.output))}")


def plan(topic: Topic, talk: Conversation) -> Reply:
    """Plan a component and give the counts and the resources."""
    if reply := which(topic, talk, "plan"):
        return reply
    call: Call = ("atmos_terraform_plan", {"component": topic.component, "stack": topic.stack})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    what = f"**{topic.component}** in **{topic.stack}**"
    if outcome.is_error:
        return trouble(outcome, f"plan {what}")
    text = tool_output.plain(outcome.output)
    counts = PLAN_COUNTS.search(text)
    if counts is None:
        if "No changes" in text:
            return say(f"The plan for {what} has **no changes**.")
        return say(f"The plan for {what} came back without counts:\n\n{quote(text)}")
    add, change, destroy = counts.groups()
    head = f"The plan for {what}: **{add} to add, {change} to change, {destroy} to destroy**."
    resources = "\n".join(f"- `{name}` {fate.strip()}" for name, fate in PLAN_RESOURCE.findall(text))
    careful = "\n\nLook twice before you apply it: something would be destroyed." if destroy != "0" else ""
    return say(f"{head}{careful}" + (f"\n\n{resources}" if resources else "") + "\n\nNothing was applied.")


def apply(topic: Topic, talk: Conversation) -> Reply:
    """Apply or destroy through the general command, which asks the user and may well be refused."""
    verb = "destroy" if re.search(r"destroy|tear down", topic.question, re.IGNORECASE) else "apply"
    if reply := which(topic, talk, verb):
        return reply
    return _command(["terraform", verb, topic.component, "-s", topic.stack], talk)


def run(topic: Topic, talk: Conversation) -> Reply:
    """Run the command that the question quotes, or that follows `run`."""
    quoted = names.quoted_in(topic.question)
    spoken = re.search(
        r"\b(?:run|execute)\s+(?:the command\s+)?(.+?)[.?!]?$", topic.question, re.IGNORECASE | re.DOTALL
    )
    command = quoted[0] if quoted else spoken.group(1) if spoken else ""
    if not command.strip():
        return say("Which command should I run? Put it into backticks.")
    try:
        arguments = shlex.split(command)
    except ValueError:
        arguments = [command]
    if arguments[0] == "atmos":
        return _command(arguments[1:], talk)
    call: Call = ("execute_bash_command", {"command": command})
    return ask(talk, call) or _output(results(talk, call)[0], f"run `{command}`")


def _command(arguments: list[str], talk: Conversation) -> Reply:
    call: Call = ("execute_atmos_command", {"arguments": arguments})
    return ask(talk, call) or _output(results(talk, call)[0], f"run `atmos {' '.join(arguments)}`")


def _output(outcome: Outcome, what: str) -> Reply:
    if outcome.is_error:
        return trouble(outcome, what)
    return say(f"I did {what}. It printed:\n\n{quote(tool_output.plain(outcome.output))}")
