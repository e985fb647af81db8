"""What a question is about: its kind and the names in it, those of earlier questions included. Pure."""

import re
from dataclasses import dataclass, replace

from atmos_ai_sidecar.demo.offline_model import names
from atmos_ai_sidecar.demo.offline_model.conversation import Conversation

CHANGE = (
    r"set|change|update|increase|raise|lower|reduce|bump|edit|switch|scale|turn|enable|disable|replace|make(?! an? )"
    r"|adjust|double|halve"
)
LISTING = r"which|what|list|show|how many|name|are there|any|all|every|have|tell|give|see|count|enumerate|display|print"
POLITE = r"^\s*(?:(?:please|now|ok|okay|then|and|can|could|would|will|you|i|want|to|let'?s|d|like|'d|go ahead,?)\s+)*"
IN_FILE = r"\.(?:ya?ml|tf|md|json|rego|txt)\b"

KINDS: tuple[tuple[str, ...], ...] = (
    (
        "undo",
        r"\bundo\b|\brevert\b|restore the (?:file|old)",
        r"\b(?:take|change|put|roll|turn) (?:that|it|this|everything) back|roll\s?back",
    ),
    (
        "edit",
        POLITE + rf"(?:in \S+,?\s+)?(?:{CHANGE})\b",
        POLITE + r"(?:(?:give|use|run|have)\b.*\s)?\d+ (?:replicas|cpu|mib)\b",
        r"^(?!\s*(?:what|which|why|where|who|how|is|are|do|does)\b)[^?]*\b(?:should|must|(?:has|needs) to) be\b",
    ),
    ("components", r"^\s*(?:which|what) components (?:can|may|could|should) (?:i|we)\b"),
    (
        "affected",
        r"\baffect|chang\w* (?:since|against|on (?:my|this|the) branch|compared)|since main|(?:my|this) branch",
        r"what (?:did|have) (?:i|we) chang|\b(?:pull|merge) request\b|\b(?:my|this|the) pr\b",
    ),
    (
        "dependents",
        r"depend|\bwho (?:uses|needs)|what (?:uses|needs|breaks)|relies on|rely on|downstream|blast radius|\bimpact of",
        r"\bcomponents? (?:that )?(?:need|use|require)s?\b",
        r"(?:what (?:would|will|could) (?:happen|break)|what if|safe to).*\b(?:destroy|remove|delete|change)",
    ),
    (
        "compare",
        r"(?:bigger|larger|smaller|cheaper|more|fewer|less) .*\bthan\b|\bthe (?:most|fewest|biggest|largest)\b",
        r"\bcontrast|side by side|\bdrift|\bfrom \S*(?:dev|prod|staging)\w* to \S*(?:dev|prod|staging)",
        r"\bcompar|differ|\bvs\b|\bversus\b|\bdiff\b|same as|^\s*(?:is|are|do|does)\b.*\bsame\b",
    ),
    ("run", POLITE + r"(?:run|execute)\b(?!.*\bplan\b)(?!\s+(?:(?:a|the|all)\s+)*(?:validation|checks?)\b)"),
    ("plan", r"\bplan(?:s|ned|ning)?\b|dry[- ]?run|what (?:would|will) (?:terraform|change|happen)|preview"),
    ("apply", POLITE + r"(?:apply|deploy|destroy|tear down|provision)\b(?!/)"),
    (
        "validate",
        r"\bvalid|\blint\b|\bverif(?:y|ication)|\brun (?:(?:a|the|all) )*checks?\b",
        r"\b(?:is|are) (?:everything|it all|(?:(?:all|my|the|our) )+\w+) (?:ok|okay|fine|correct|right|in order)\b",
        r"\bis (?:anything|something) (?:broken|wrong|off)\b",
        r"(?:any|find) (?:errors|problems|mistakes)",
        r"\bcheck (?:the |all |my |our |every )?(?:stack|config|project|polic|everything|schema)",
    ),
    (
        "report",
        r"\breport\b|overview|\binventory\b|\bhandbook\b|\btour\b|long answer|everything about",
        r"(?:document|explain|describe) (?:(?:the|this|our|whole|entire) )*(?:project|fleet|repo|everything)",
        r"(?:what is|what's|documentation (?:for|of)) (?:the|this|our) (?:project|fleet|repo)",
        r"what does (?:the|this|our) (?:project|fleet|repo\w*) (?:contain|have|do)|\b(?:long|in) markdown\b",
        r"summar\w+ (?:of )?(?:the|this|our) (?:project|fleet|stacks)",
    ),
    ("recap", rf"summar[iy](?!.*{IN_FILE})|\brecap\b|\bcompact\b|so far\b|what (?:did|have) we"),
    ("read", r"(?:\b(?:read|open|cat|print|show|see|display)\b|contents? of|what(?: i|')s in|look at|^).*" + IN_FILE),
    (
        "search",
        r"(?:which|what) files? (?:mention|contain|use|set|define|ha|is|do)",
        r"\bsearch|\bgrep\b|where (?:is|are|do|does|can)|\bfind\b|\blocate\b|look for|mention|occurrences? of",
    ),
    ("files", r"\bfiles\b|\bfolders?\b|\bdirector(?:y|ies)\b"),
    (
        "components",
        rf"(?:{LISTING})\b.*\bcomponents\b|\bcomponents\b.*\?|^\s*components\b",
        r"what(?:'s| is| runs| do we have)? ?(?:(?:there|deployed) )?in (?:the )?\S*-?(?:prod|dev|staging)\w*\W*$",
    ),
    (
        "stacks",
        rf"(?:{LISTING})\b.*\b(?:stacks|environments)\b|\b(?:stacks|environments)\b.*\?|^\s*stacks\b",
        r"^\s*(?:show|list|name|give)(?: me)? (?:every|each) stack\b",
        r"\bstack list\b|where can (?:i|we) deploy|what can (?:i|we) deploy to",
    ),
    (
        "describe",
        r"\bdescribe\b|\bdetails?\b|\bsettings?\b|\bvariables?\b|\bvars\b|\bconfigur|tell me|\bshow\b",
        r"\bwhat\b|\bwhich\b|how (?:many|much|big|large)|^\s*(?:is|are|does)\b|give me|\bvalue\b",
    ),
)
"""Each kind of question with its wordings; the first that matches wins, so the narrow ones stand first."""

NEEDS_COMPONENT = frozenset(("plan", "apply", "describe", "compare", "dependents", "validate", "edit"))
OBJECT_VERBS = r"plan|describe|validate|compare|of|on|for|uses|apply|destroy|deploy|dependents of"
LEANING = re.compile(
    r"\b(?:it|its|that|this|them|there|same|again|too|also|instead|one)\b|^\s*(?:and|what about|how about|now|or)\b",
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

    @property
    def stack(self) -> str:
        """The one stack that is meant, or nothing."""
        return self.stacks[0] if self.stacks else ""


def of(talk: Conversation) -> Topic:
    """Return the topic of the last question."""
    topic = Topic()
    for question in talk.questions:
        topic = _next(question, topic, talk)
    return topic


def _next(question: str, before: Topic, talk: Conversation) -> Topic:
    found = Topic(
        kind=_kind(question),
        question=question,
        component=names.component_in(question, names.known_components(talk), OBJECT_VERBS),
        stacks=names.stacks_in(question, names.known_stacks(talk)),
        path=names.path_in(question),
    )
    if GREETING.search(question):
        return replace(found, kind="greeting")
    if found.kind in ("describe", "unknown") and not _is_about_project(found, talk):
        return replace(found, kind="unknown")
    is_answer = found.kind == "unknown" and _only_names(question) and bool(found.stacks or found.component)
    leans = is_answer or LEANING.search(question) is not None
    if is_answer or (leans and found.kind in ("unknown", "describe") and _only_names(question)):
        asked = before.question if before.kind == "describe" else question
        found = replace(found, kind=before.kind if before.kind != "greeting" else found.kind, question=asked)
    if found.kind == "unknown" and found.component and found.stacks:
        found = replace(found, kind="describe")
    if not leans or found.kind not in NEEDS_COMPONENT:
        return found
    return replace(
        found,
        component=found.component or before.component,
        stacks=found.stacks or (before.stacks if before.kind != "compare" else before.stacks[:1]),
        path=found.path or before.path,
    )


def _is_about_project(found: Topic, talk: Conversation) -> bool:
    """`Describe it` is a question about a component, `What is the meaning of life?` is not."""
    if found.stacks or found.component in names.known_components(talk):
        return True
    return re.search(r"\bdescribe\b|\b(?:its?|that|there)\b", found.question, re.IGNORECASE) is not None


def _only_names(question: str) -> bool:
    """`And in ue1-dev?`, `What about the database?`: nothing but names and small words."""
    small = names.OTHER_WORDS | {"same", "too", "one", "or"}
    said = [word for word in names.words(names.STACK.sub(" ", question.lower())) if word not in small]
    synonyms = {word for all_words in names.COMPONENT_WORDS.values() for word in all_words[:5]}
    return all(word in synonyms or word in names.STAGES or word in ("dev", "prod", "staging") for word in said)


def _kind(question: str) -> str:
    for kind, *wordings in KINDS:
        if any(re.search(wording, question, re.IGNORECASE) for wording in wordings):
            return kind
    return "unknown"
