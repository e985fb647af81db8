"""Finds stacks, components, files and values in what people write. Pure."""

import re
from collections.abc import Iterable

from atmos_ai_sidecar.demo.offline_model import tool_output
from atmos_ai_sidecar.demo.offline_model.conversation import Conversation

DEMO_STACKS = ("ue1-dev", "ue1-staging", "ue1-prod")
STAGES = {"production": "prod", "live": "prod", "development": "dev", "stage": "staging"}
STAGE_WORDS = frozenset((*STAGES, *STAGES.values()))

COMPONENT_WORDS = {
    "vpc": ("vpc", "vpcs", "network", "networks", "cidr", "cidrs", "subnet", "subnets", "nat", "zones"),
    "database": ("database", "databases", "db", "rds", "postgres", "postgresql", "instance", "engine", "multi_az"),
    "storefront": ("storefront", "storefronts", "shop", "service", "replicas", "image", "cpu", "memory"),
}
"""Words that mean a component of the demo project: first its name and synonyms, then what only it has."""

OTHER_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    a an the about this that these those it its them all every each everything stack stacks component
    components project file files in of for to on at from with by and or is are was be do does did
    can could would will should please me my our your you i we what which who where how when why
    there here changes change plan value values setting settings config configuration between
    against terraform atmos infrastructure now again also only just
        """,
    )
)

STACK = re.compile(r"\b[a-z]+\d+(?:-[a-z0-9]+)+\b|\b[a-z0-9]+(?:-[a-z0-9]+)*-(?:dev|staging|prod|test|sandbox)\b")
PATH = re.compile(r"[\w./-]*\w\.(?:ya?ml|tf|md|json|rego|txt|toml)\b|(?<![\w.])/[\w./-]+|\.\.?/[\w./-]+")
QUOTED = re.compile(r"`([^`\n]+)`|\"([^\"\n]+)\"|(?<!\w)'([^'\n]+)'")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; `multi-AZ` and `multi AZ` read as `multi_az`."""
    text = re.sub(r"\bmulti[- ]az\b", "multi_az", text.lower())
    return re.findall(r"[a-z0-9_][\w/-]*", text)


def known_stacks(talk: Conversation) -> tuple[str, ...]:
    """Return the stacks that a tool has named in this conversation, else those of the demo project."""
    listed = _listed(talk, "atmos_list_stacks", "Stack")
    return tuple(dict.fromkeys(listed)) or DEMO_STACKS


def known_components(talk: Conversation) -> tuple[str, ...]:
    """Return the components that a tool has named in this conversation, else those of the demo project."""
    listed = _listed(talk, "atmos_list_components", "Component")
    return tuple(dict.fromkeys(listed)) or tuple(COMPONENT_WORDS)


def stacks_in(text: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the stacks that a text names, in its order: by full name, by stage, or by looking like one."""
    text = PATH.sub(" ", text.lower())
    found = [(match.start(), match.group()) for match in STACK.finditer(text)]
    rest = STACK.sub(lambda match: " " * len(match.group()), text)
    for match in re.finditer(r"[a-z0-9_-]+", rest):
        stage = STAGES.get(match.group(), match.group())
        found += [(match.start(), name) for name in known if name == stage or name.endswith(f"-{stage}")]
    return tuple(dict.fromkeys(name for _, name in sorted(found)))


def component_in(text: str, known: Iterable[str], verbs: str = "") -> str:
    """Return the component that a text names, or "".

    An unknown word counts only where it stands as the object of one of `verbs`, so that a question about a
    component that does not exist reaches Atmos, which then says so.
    """
    said = [word for word in words(PATH.sub(" ", text)) if not STACK.fullmatch(word)]
    for name in known:
        if name.lower() in said:
            return name
    by_rank = [
        (synonyms.index(word), name) for name, synonyms in COMPONENT_WORDS.items() for word in said if word in synonyms
    ]
    if by_rank:
        return min(by_rank)[1]
    match = (
        re.search(
            rf"\b(?:{verbs}|component)\s+(?:(?:the|a|our|my|component|changes|of|for|on)\s+)*[`'\"]?([\w/-]+)",
            text,
            re.IGNORECASE,
        )
        if verbs
        else None
    )
    named = match.group(1) if match else ""
    is_other = named.lower() in OTHER_WORDS | STAGE_WORDS or STACK.fullmatch(named.lower())
    return "" if is_other else named


def path_in(text: str) -> str:
    """Return the file that a text names, or ""."""
    match = PATH.search(text)
    return match.group().rstrip(".") if match else ""


def quoted_in(text: str) -> tuple[str, ...]:
    """Return what stands in quotes or backticks."""
    return tuple(next(filter(None, match.groups())) for match in QUOTED.finditer(text))


def keys_in(text: str, keys: Iterable[str]) -> tuple[str, ...]:
    """Return the keys that a text means: `CIDR` means `cidr_block`, `is NAT enabled` means `nat_gateway_enabled`."""
    said = set(words(text)) | {word.rstrip("s") for word in words(text)}
    said |= {part for word in said for part in word.split("-")}
    scores = {key: _score(key, said) for key in keys}
    best = max(scores.values(), default=0)
    return tuple(key for key, score in scores.items() if score == best) if best > 0 else ()


def _score(key: str, said: set[str]) -> float:
    """A whole key beats a part of one, and a part says less the longer its key is; `enabled` alone says little."""
    if key.lower() in said:
        return 2.0 if key != "enabled" else 0.3
    parts = key.lower().split("_")
    hits = [part for part in parts if part in said or part.rstrip("s") in said]
    return sum(0.2 if part in ("enabled", "block") else 1.0 for part in hits) * (0.9 + 0.1 / len(parts))


def _listed(talk: Conversation, tool: str, name: str) -> list[str]:
    outcomes = (*talk.earlier, *talk.outcomes)
    return [
        value
        for outcome in outcomes
        if outcome.tool == tool and not outcome.is_error
        for value in tool_output.column(outcome.output, name)
    ]
