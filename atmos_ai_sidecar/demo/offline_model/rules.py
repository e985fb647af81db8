"""The offline model's "mind": fixed rules from a question to calls of tools, and from their results to an answer.

Pure. Every answer is made of what the tools returned; nothing about a project is known here but names.
"""

from collections.abc import Callable, Mapping
from typing import Any

from atmos_ai_sidecar.demo.offline_model import (
    atmos_answers,
    conversation,
    file_answers,
    named_tools,
    project_answers,
    topics,
)
from atmos_ai_sidecar.demo.offline_model.conversation import Conversation
from atmos_ai_sidecar.demo.offline_model.replies import Reply
from atmos_ai_sidecar.demo.offline_model.speech import EXAMPLES, IDENTITY, say
from atmos_ai_sidecar.demo.offline_model.topics import Topic


def answer(request: Mapping[str, Any]) -> Reply:
    """Return the next step of the conversation: calls of tools, or the answer."""
    talk = conversation.read(request)
    named = named_tools.answer(talk)
    if named is not None:
        return named
    topic = topics.of(talk)
    return _RULES.get(topic.kind, _unknown)(topic, talk)


def _greeting(_topic: Topic, _talk: Conversation) -> Reply:
    return say(f"Hello. {IDENTITY} I follow fixed rules and can answer questions such as:\n\n{EXAMPLES}")


def _unknown(_topic: Topic, _talk: Conversation) -> Reply:
    return say(
        f"{IDENTITY} I did not understand this. I can only follow fixed rules, for questions such as:\n\n{EXAMPLES}\n\n"
        "With `ANTHROPIC_API_KEY` and without `ANTHROPIC_BASE_URL` a real model answers instead of me."
    )


def _recap(_topic: Topic, talk: Conversation) -> Reply:
    asked = "\n".join(f"- {' '.join(question.split())[:200]}" for question in talk.questions[:-1])
    used = sorted({f"`{one.tool}`" for one in talk.earlier if not one.is_error})
    tools = f"\n\nTools that answered: {', '.join(used)}." if used else ""
    return say(f"So far you asked:\n\n{asked or '- nothing yet'}{tools}")


def _undo(_topic: Topic, _talk: Conversation) -> Reply:
    return say(
        "Type `/undo`: it restores the files that the last turn changed. That is done for you and not by a model, "
        "so I cannot do it from here. It does not undo changes to infrastructure."
    )


_RULES: Mapping[str, Callable[[Topic, Conversation], Reply]] = {
    "greeting": _greeting,
    "recap": _recap,
    "undo": _undo,
    "stacks": atmos_answers.list_stacks,
    "components": atmos_answers.list_components,
    "describe": atmos_answers.describe,
    "dependents": atmos_answers.dependents,
    "affected": atmos_answers.affected,
    "validate": atmos_answers.validate,
    "plan": atmos_answers.plan,
    "apply": atmos_answers.apply,
    "run": atmos_answers.run,
    "compare": project_answers.compare,
    "report": project_answers.report,
    "read": file_answers.read,
    "search": file_answers.search,
    "files": file_answers.list_files,
    "edit": file_answers.edit,
}
