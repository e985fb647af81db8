"""How the rules speak: replies, calls of tools, and honest words for what went wrong. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.demo.offline_model.conversation import Conversation, Outcome
from atmos_ai_sidecar.demo.offline_model.replies import Reply, Step, Text, ToolUse

Call = tuple[str, Mapping[str, Any]]

IDENTITY = "I am the offline demo model: no language model, only rules."
EXAMPLES = "\n".join(
    f"- {example}"
    for example in (
        "Which stacks are there?",
        "What is the CIDR of the VPC in ue1-prod?",
        "Compare the database in ue1-dev and ue1-prod.",
        "What depends on the vpc in ue1-prod? What is affected compared to main?",
        "Validate the stacks.",
        "Plan the database in ue1-prod.",
        "Where is multi_az set? Show stacks/catalog/vpc.yaml.",
        "Set replicas of the storefront in ue1-prod to 8.",
        "Write a report about the project.",
    )
)

DENIED = re.compile(r"\b(?:den(?:y|ied)|reject|declin|not allowed|permission|unattended|approv|blocked)", re.IGNORECASE)
LONGEST_QUOTE = 1500


def say(text: str) -> Reply:
    """Return a final answer."""
    return Reply((Text(text),))


def ask(talk: Conversation, *calls: Call, first: str = "") -> Reply | None:
    """Return the reply that makes those of the calls that have no result yet, or None when all have.

    Args:
        talk: The conversation.
        calls: Tools with their inputs; they go out together, so that they may run in parallel.
        first: What to say before the calls.
    """
    absent = sorted({tool for tool, _ in calls if tool not in talk.tools})
    if absent:
        return say(
            f"I would call {' and '.join(f'`{tool}`' for tool in absent)} for this, but this conversation does not "
            "offer it, and I do not guess."
        )
    missing = [(tool, wanted) for tool, wanted in calls if talk.outcome(tool, wanted) is None]
    if not missing:
        return None
    said: tuple[Step, ...] = (Text(first),) if first else ()
    return Reply((*said, *(ToolUse(tool, wanted) for tool, wanted in missing)))


def results(talk: Conversation, *calls: Call) -> list[Outcome]:
    """Return the results of calls that `ask` has made, in the order of the calls."""
    found = [talk.outcome(tool, wanted) for tool, wanted in calls]
    return [outcome for outcome in found if outcome is not None]


def trouble(outcome: Outcome, what: str) -> Reply:
    """Say politely why something could not be done, in the words of the tool.

    Args:
        outcome: The failed call.
        what: What was tried, such as `plan the database in ue1-prod`.
    """
    reason = quote(outcome.output)
    if DENIED.search(outcome.output):
        return say(f"I did not {what}, because the permission was not given. Nothing was changed.\n\n{reason}")
    return say(f"I could not {what}. `{outcome.tool}` reported:\n\n{reason}")


def quote(text: str, language: str = "text") -> str:
    """Return text as a code block, cut where it gets too long to read."""
    text = text.strip("\n") or "(no output)"
    if len(text) > LONGEST_QUOTE:
        text = text[:LONGEST_QUOTE].rsplit("\n", 1)[0] + "\n… (shortened)"
    fence = "````" if "```" in text else "```"
    return f"{fence}{language}\n{text}\n{fence}"


def table(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    cells = [head, ["---"] * len(head), *([shown(cell) for cell in line] for line in lines)]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def shown(value: object) -> str:
    """Return a value as people write it."""
    match value:
        case None:
            return "not set"
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(map(shown, value)) or "(none)"
        case dict():
            return ", ".join(f"{key}: {shown(inner)}" for key, inner in value.items()) or "(none)"
    return str(value)


def enumerated(items: Sequence[str]) -> str:
    """Return names as part of a sentence."""
    bold = [f"**{item}**" for item in items]
    return bold[0] if len(bold) == 1 else f"{', '.join(bold[:-1])} and {bold[-1]}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
