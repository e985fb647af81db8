"""What a question is about: its kind and the names in it, those of earlier questions included. Pure."""

import re
from dataclasses import dataclass, replace

from atmos_ai_sidecar.demo.offline_model import names
from atmos_ai_sidecar.demo.offline_model.conversation import Conversation
from atmos_ai_sidecar.demo.offline_model.kinds import kind_of
from atmos_ai_sidecar.demo.offline_model.plain_words import plain

NEEDS_COMPONENT = frozenset(("plan", "apply", "describe", "compare", "dependents", "validate", "edit"))
GOES_ON = frozenset(("plan", "apply", "compare", "dependents"))
"""Kinds of which a question without any name is about what was spoken of last."""
SMALL_TALK = frozenset(("unknown", "greeting", "recap", "undo"))
"""Kinds after which a question leans on what was asked before them."""
READ_CHARACTERS = 4_000
"""What follows is something that was piped in or pasted: its words are no wish, and rules over a megabyte are slow."""
COMPARED = 2
"""Who names so many stacks says which ones, and none is added to them."""
AGAIN = re.compile(
    r"^\W*(?:please )?(?:(?:do|run|try) (?:it|that|this|the same) )?"
    r"(?:again|repeat(?: (?:it|that))?|once more|redo|retry)(?:,? please)?\W*$",
    re.IGNORECASE,
)
OBJECT_VERBS = r"plan|describe|validate|compare|of|on|for|uses|apply|destroy|deploy|dependents of"
LEANING = re.compile(
    r"\b(?:it|its|that|this|them|there|same|again|too|also|instead|one)\b"
    r"|^\s*(?:and|what about|how about|now|or|no|only)\b",
    re.IGNORECASE,
)
GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|help|good (?:morning|evening|day)|who are you|what (?:can|do) you|what are you"
    r"|thanks?|thank you|bye)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One question, understood."""

    kind: str = "unknown"
    question: str = ""
    component: str = ""
    stacks: tuple[str, ...] = ()
    path: str = ""
    about: str = ""
    """For an edit that leans on an earlier one: that one's question, which names what is edited."""

    @property
    def stack(self) -> str:
        """The one stack that is meant, or nothing."""
        return self.stacks[0] if self.stacks else ""


def of(talk: Conversation) -> Topic:
    """Return the topic of the last question."""
    topic = before = Topic()
    for question in talk.questions:
        topic = _next(plain(question[:READ_CHARACTERS]), before, talk)
        if topic.kind not in SMALL_TALK:
            before = topic
    return topic


def _next(question: str, before: Topic, talk: Conversation) -> Topic:
    if AGAIN.search(question):
        return before
    found = Topic(
        kind=kind_of(question),
        question=question,
        component=names.component_in(question, names.known_components(talk), OBJECT_VERBS),
        stacks=names.stacks_in(question, names.known_stacks(talk)),
        path=names.path_in(question),
    )
    if GREETING.search(question):
        return replace(found, kind="greeting")
    is_named = bool(found.stacks or found.component)
    is_known = bool(found.stacks) or found.component in names.known_components(talk)
    if found.kind in ("describe", "unknown") and not (is_known or _is_about(before, question)):
        return replace(found, kind="unknown")
    is_answer = found.kind == "unknown" and is_named and _only_names(question)
    leans = is_answer or LEANING.search(question) is not None or (found.kind in GOES_ON and not is_named)
    if is_answer or (leans and found.kind in ("unknown", "describe") and _only_names(question)):
        asked = before.question if before.kind == "describe" else question
        found = replace(found, kind=before.kind, question=asked)
    if found.kind == "unknown" and found.component and found.stacks:
        found = replace(found, kind="describe")
    return _leaning(found, before) if leans and found.kind in NEEDS_COMPONENT else found


def _leaning(found: Topic, before: Topic) -> Topic:
    """The topic with what an earlier question said already."""
    stacks = found.stacks or (before.stacks if "compare" in (found.kind, before.kind) else before.stacks[:1])
    if (
        found.kind == "compare"
        and len(found.stacks) < COMPARED
        and (found.component or before.component) == before.component
    ):
        stacks = tuple(dict.fromkeys((*before.stacks, *found.stacks)))
    elif found.kind != "compare" and before.kind == "compare" and not found.stacks:
        stacks = before.stacks[:1]
    return replace(
        found,
        component=found.component or before.component,
        stacks=stacks,
        path=found.path or before.path,
        about=(before.about or before.question) if found.kind == before.kind == "edit" else "",
    )


def _is_about(before: Topic, question: str) -> bool:
    """`Describe it` is a question about a component, `What is the meaning of life?` is not."""
    if re.search(r"\bdescribe\b", question, re.IGNORECASE):
        return True
    return bool(before.component) and (LEANING.search(question) is not None)


def _only_names(question: str) -> bool:
    """`And in ue1-dev?`, `What about the database?`: nothing but names and small words."""
    small = names.OTHER_WORDS | {"same", "too", "one", "or", "no", "with", "instead"}
    said = [word for word in names.words(names.STACK.sub(" ", question.lower())) if word not in small]
    synonyms = {word for all_words in names.COMPONENT_WORDS.values() for word in all_words[:5]}
    return all(word in synonyms or word in names.STAGE_WORDS or word.isdigit() for word in said)
