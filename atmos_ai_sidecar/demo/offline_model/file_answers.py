"""Rules for reading, searching and editing the project's files. Pure."""

import re
from dataclasses import dataclass

from atmos_ai_sidecar.demo.offline_model import names, tool_output
from atmos_ai_sidecar.demo.offline_model.conversation import Conversation
from atmos_ai_sidecar.demo.offline_model.replies import Reply
from atmos_ai_sidecar.demo.offline_model.speech import Call, ask, quote, results, say, trouble
from atmos_ai_sidecar.demo.offline_model.topics import Topic

LANGUAGES = {"yml": "yaml", "yaml": "yaml", "tf": "hcl", "md": "markdown", "json": "json", "rego": "rego"}
LINE_NUMBER = re.compile(r"^ *\d+(?:\t|[:|→] ?)")
MEANT_FILES = re.compile(r"stacks|components|catalog|schemas|deploy", re.IGNORECASE)


def read(topic: Topic, talk: Conversation) -> Reply:
    """Show a file."""
    if not topic.path:
        return say("Which file should I read? Name it with its path, such as `stacks/catalog/vpc.yaml`.")
    call: Call = ("file_read", {"path": topic.path})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, f"read `{topic.path}`")
    language = LANGUAGES.get(topic.path.rsplit(".", 1)[-1], "text")
    return say(f"`{topic.path}`:\n\n{quote(tool_output.plain(outcome.output), language)}")


def search(topic: Topic, talk: Conversation) -> Reply:
    """Say where a word stands in the files."""
    pattern = _searched(topic.question)
    if not pattern:
        return say("What should I look for? Put it into backticks.")
    call: Call = ("file_search", {"pattern": pattern})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, f"search for `{pattern}`")
    found = tool_output.plain(outcome.output)
    if not found.strip():
        return say(f"`{pattern}` stands in no file of the project.")
    return say(f"I searched for `{pattern}`:\n\n{quote(found)}")


def list_files(topic: Topic, talk: Conversation) -> Reply:
    """List the project's files, or those below the folder that is named."""
    folder = MEANT_FILES.search(topic.question)
    call: Call = ("file_list", {"glob": f"**/{folder.group().lower()}/**/*" if folder else "**/*"})
    if reply := ask(talk, call):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, "list the files")
    return say(f"These files are there:\n\n{quote(tool_output.plain(outcome.output))}")


SEARCHING_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    search grep find set defined used mention mentions look contain contains use uses locate come comes occurrences
    occurrence come define defines term word
        """,
    )
)
"""What people say around the text that they look for."""


def _searched(question: str) -> str:
    """What to look for: what is quoted, else a word that looks like a key, else the last word that says something."""
    if quoted := names.quoted_in(question):
        return quoted[0]
    keys = re.findall(r"\b\w+_\w+\b", re.sub(r"\bmulti[- ]az\b", "multi_az", question, flags=re.IGNORECASE))
    if keys:
        return str(keys[0])
    small = names.OTHER_WORDS | SEARCHING_WORDS
    said = [word for word in re.findall(r"[\w.-]+\w", question) if word.lower() not in small]
    return said[-1] if said else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    """What is to be edited: either a key of a component, or a text that is given word for word."""

    path: str
    key: str = ""
    value: str = ""
    old: str = ""
    new: str = ""


def edit(topic: Topic, talk: Conversation) -> Reply:
    """Change one value: find its file, read it, and replace the one line. The user sees the diff before."""
    wanted = _wanted(topic)
    if wanted is None:
        return say(
            "I need to know what to change to what, for example: *Set replicas of the storefront in ue1-prod to 8.*, "
            "or: *In stacks/catalog/vpc.yaml replace `team: platform` with `team: network`.*"
        )
    path = wanted.path
    if not path:
        found = _file_of(wanted.key, topic, talk)
        if isinstance(found, Reply):
            return found
        path = found
    reading: Call = ("file_read", {"path": path})
    if reply := ask(talk, reading):
        return reply
    (outcome,) = results(talk, reading)
    if outcome.is_error:
        return trouble(outcome, f"read `{path}`")
    pair = _replacement(wanted, topic.component, _lines(outcome.output))
    if pair is None:
        what = f"`{wanted.key}` of **{topic.component}**" if wanted.key else f"`{wanted.old}`"
        return say(f"`{path}` does not set {what}, so there is nothing to replace. I changed nothing.")
    old, new = pair
    if old == new:
        return say(f"`{path}` already says `{old.strip()}`. I changed nothing.")
    editing: Call = ("file_edit", {"path": path, "old": old, "new": new})
    if reply := ask(talk, editing):
        return reply
    (outcome,) = results(talk, editing)
    if outcome.is_error:
        return trouble(outcome, f"edit `{path}`")
    before, after = old.splitlines()[-1], new.splitlines()[-1]
    return say(f"I changed `{path}`:\n\n```diff\n-{before}\n+{after}\n```\n\n`/undo` restores the file.")


COUNT = re.compile(
    r"(?<![\w.-])(\d+)\s+(?!(?:in|of|for|on|at|to|from|and|or|please|instead|now|again|then)\b)([a-z]\w+)",
    re.IGNORECASE,
)
"""`4 replicas`"""

VALUE = re.compile(
    r"(?:\b(?:to|into|as|be|become|at)\s+|[=:]\s*)[`'\"]?([^\s`'\"]+?)[`'\"]?"
    r"(?:\s+(?:in|for|of|on)\s.*|,?\s+(?:please|instead|now|again|then|too))?[.!?]?\s*$",
    re.IGNORECASE,
)
"""`… to 4`, `… = 4 in ue1-prod`, `… should be 4`"""

SWITCH = re.compile(r"\b(enable|disable|turn on|turn off|switch on|switch off)\b", re.IGNORECASE)

NUMBER = re.compile(r"(?<![\w.-])(\d+)(?![\w-])")
"""`Make it 4`"""


def _wanted(topic: Topic) -> _Edit | None:
    quoted = names.quoted_in(topic.question)
    if topic.path and len(quoted) >= 2:  # noqa: PLR2004 - what is there and what it becomes
        old, new = [text for text in quoted if text != topic.path][:2] or ("", "")
        return _Edit(path=topic.path, old=old, new=new)
    spoken = _spoken(topic.question)
    before = _spoken(topic.about)
    if spoken is None and before and (number := NUMBER.search(topic.question)):
        spoken = number.group(1), ""
    if spoken is None:
        return None
    value, text = spoken
    key = _key_in(text, topic) or (_key_in(before[1], topic) if before else "")
    return _Edit(path=topic.path, key=key, value=value) if key and topic.component else None


def _spoken(question: str) -> tuple[str, str] | None:
    """The new value that a question names, and the words among which is its key."""
    if count := COUNT.search(question):
        return count.group(1), count.group(2)
    if match := VALUE.search(question):
        return match.group(1), question[: match.start()]
    if switch := SWITCH.search(question):
        return str(switch.group(1).lower() in ("enable", "turn on", "switch on")).lower(), question
    return None


KEYS = {
    "multi_az": "multi_az",
    "deletion protection": "deletion_protection",
    "instance class": "instance_class",
    "instance type": "instance_class",
    "engine version": "engine_version",
    "nat": "nat_gateway_enabled",
    "cidr": "cidr_block",
    "memory": "memory_mib",
}
"""How people name the keys of the demo project; any other word before `of` or with an underscore is taken as it is."""


CHANGING_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    set change update increase raise lower reduce bump edit switch scale number count make adjust up down must has
    have needs give use run
        """,
    )
)
"""What people say around a key."""


def _key_in(text: str, topic: Topic) -> str:
    plain = " ".join(names.words(text))
    if match := re.search(r"\b[a-z0-9]+_[a-z0-9_]+\b", plain):
        return match.group()
    for spoken, key in KEYS.items():
        if re.search(rf"\b{spoken}\b", plain):
            return key
    small = names.OTHER_WORDS | names.STAGE_WORDS | CHANGING_WORDS | set(topic.component.split())
    rest = [word for word in names.words(names.STACK.sub(" ", text.lower())) if word not in small]
    if not rest and "scale" in text.lower():
        return "replicas"
    return rest[0] if rest else ""


def _file_of(key: str, topic: Topic, talk: Conversation) -> Reply | str:
    """The stack file that sets the key, or the reply on the way to it."""
    if not topic.stack:
        return say(f"In which stack should I change `{key}`? Every stack has its own file.")
    call: Call = ("file_search", {"pattern": f"{key}:"})
    if reply := ask(talk, call, first=f"I look for the file that sets `{key}` for {topic.stack}."):
        return reply
    (outcome,) = results(talk, call)
    if outcome.is_error:
        return trouble(outcome, f"search for `{key}`")
    match = re.search(rf"[\w./-]*\b{re.escape(topic.stack)}\.ya?ml\b", outcome.output)
    if match is None:
        head = f"No file of **{topic.stack}** sets `{key}` itself: it is inherited. I changed nothing."
        return say(f"{head}\n\n{quote(outcome.output)}")
    return match.group()


def _lines(output: str) -> list[str]:
    lines = tool_output.plain(output).splitlines()
    numbered = [line for line in lines if LINE_NUMBER.match(line)]
    return [LINE_NUMBER.sub("", line) for line in numbered] if len(numbered) >= len(lines) - 2 > 0 else lines


def _replacement(wanted: _Edit, component: str, lines: list[str]) -> tuple[str, str] | None:
    """Return the unique old text and the new one, or None where there is nothing to replace."""
    if wanted.old:
        return (wanted.old, wanted.new) if any(wanted.old in line for line in lines) else None
    at = _line_of(wanted.key, component, lines)
    if at is None:
        return None
    new_line = re.sub(rf"({re.escape(wanted.key)}:\s*).*", lambda match: match.group(1) + wanted.value, lines[at])
    text, start = "\n".join(lines), at
    while start > 0 and text.count("\n".join(lines[start : at + 1])) > 1:
        start -= 1
    return "\n".join(lines[start : at + 1]), "\n".join([*lines[start:at], new_line])


def _line_of(key: str, component: str, lines: list[str]) -> int | None:
    """Find `key:` below `component:`, before the next line that is indented as little as the component."""
    section = next((at for at, line in enumerate(lines) if re.fullmatch(rf" +{re.escape(component)}:\s*", line)), None)
    if section is None:
        return None
    indent = len(lines[section]) - len(lines[section].lstrip())
    for at in range(section + 1, len(lines)):
        line = lines[at]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            return None
        if re.match(rf"\s+{re.escape(key)}:", line):
            return at
    return None
