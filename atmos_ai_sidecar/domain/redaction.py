"""Secrets are taken out where text enters: tool output, files, the environment, what the user types.

Three sources tell what a secret is: the formats that issuers document, values of the environment whose names say that
they are secret, and values that look random after a name that says so. Never redacted: ARNs, account ids, image
digests, commit hashes, UUIDs and CIDRs, because infrastructure cannot be talked about without them.
"""

import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

PLACEHOLDER = re.compile(r"<<secret:\d+>>")

_FORMATS: Sequence[tuple[Sequence[str], re.Pattern[str]]] = tuple(
    (triggers, re.compile(pattern))
    for triggers, pattern in (
        (
            ("PRIVATE KEY",),
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]{0,40}-----|\Z)",
        ),
        (("AKIA", "ASIA", "ABIA", "ACCA"), r"(?<![A-Za-z0-9])A(?:KI|SI|BI|CC)A[A-Z2-7]{16}(?![A-Za-z0-9])"),
        (("gh",), r"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36,255}"),
        (("github_pat_",), r"github_pat_[A-Za-z0-9_]{22,255}"),
        (("gl",), r"(?<![A-Za-z0-9])gl(?:pat|dt|rt|cbt|ptt|ft|soat|oas|agent)-[A-Za-z0-9_.-]{20,}"),
        (("xox", "xapp-"), r"(?<![A-Za-z0-9])x(?:ox[abeoprs]|app)-[A-Za-z0-9-]{10,}"),
        (("hooks.slack.com",), r"(?<=hooks\.slack\.com/)(?:services|workflows)/[A-Za-z0-9/_-]{20,}"),
        (("sk-",), r"(?<![A-Za-z0-9])sk-(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{20,}"),
        (("sk-",), r"(?<![A-Za-z0-9])sk-[A-Za-z0-9]{32,}"),
        (("AIza",), r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}"),
        (("ya29.",), r"(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{20,}"),
        (("GOCSPX-",), r"GOCSPX-[A-Za-z0-9_-]{20,}"),
        (("k_live_", "k_test_"), r"(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
        (("npm_",), r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}"),
        (("pypi-",), r"(?<![A-Za-z0-9])pypi-[A-Za-z0-9_-]{50,}"),
        (("hvs.", "hvb.", "hvr."), r"(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_-]{24,}"),
        ((".atlasv1.",), r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
        (("SG.",), r"(?<![A-Za-z0-9_-])SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
        (("eyJ",), r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
        (("://",), r"(?<=://)[^\s/:@\"']{0,256}:(?P<secret>[^\s/@\"']{1,1024})(?=@)"),
        (
            ("earer ", "asic "),
            (
                r"(?i:authorization)[\"']?\s{0,8}[:=]\s{0,8}[\"']?"
                r"(?i:bearer|basic) {1,8}(?P<secret>[A-Za-z0-9._~+/=-]{8,})"
            ),
        ),
    )
)
"""What must stand in the text for the pattern to be worth a look, and the pattern. The group ``secret`` is what is
taken out, else the whole match. The formats are those of the issuers' own documentation."""

_SECRET_WORDS = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "connectionstring", "connection_string",
    *(
        kind + key
        for kind in ("api", "access", "account", "auth", "private", "signing", "encryption", "shared")
        for key in ("key", "_key", "-key")
    ),
)  # fmt: skip
_NAME_END = r"(?P<rest>[\w-]{0,64})"
_ASSIGNED = re.compile(
    _NAME_END + r"\\?[\"']?\s{0,16}(?::=|=>|[:=])\s{0,16}"
    r"(?:\\?\"(?P<double>(?:[^\"\\\n]|\\[^\"\n]){1,4096})|'(?P<single>[^'\n]{1,4096})|(?P<bare>[^\s\"',;}\])&<]{1,4096}))"
)
_NO_NAME = re.compile(r"(?:<<secret|\barn:[\w-]{1,20}:[^\s\"',]{0,200})\Z")
"""Before the end of a word that is no name: a placeholder's, or a part of an ARN."""
_NAME_ENDED = re.compile(_NAME_END + r"\Z")
_LOWER = {ordinal: ordinal + 32 for ordinal in range(ord("A"), ord("Z") + 1)}
_NAMES_NO_SECRET = re.compile(
    r"(?i)(?:^|[_-])(?:arns?|ids?|names?|paths?|files?|dirs?|urls?|uris?|hosts?|types?|versions?|counts?|enabled|ttl|length"
    r"|expir\w*|endpoints?|prefix|suffix|policy|rotation\w*|manager\w*|sensitive|required|at|size|limit|max|min|usage)\Z"
)
"""Endings that turn a secret's name into the name of something about it: ``secret_arn``, ``token_ttl``."""

_NO_SECRET = re.compile(
    r"arn:[\w-]*:.*"
    r"|[+-]?[\d.,_]+"  # numbers and account ids
    r"|(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?"
    r"|(?:.*@)?sha(?:1|256|384|512)[:-].*"
    r"|[a-z][a-z0-9+.-]*://[^\s:@]*"  # an address without a password
    r"|\$.*|\{\{.*|!.*|<<.*"  # references, templates, tags, placeholders
    r"|(?:var|local|data|module|each|self|path|output)\..*"
    r"|\.{0,2}/.*|~/.*"
    r"|(?i:true|false|null|none|sensitive|redacted|\(.*)"
)
_MINIMUM_LENGTH = 8


class Redactor:
    """Replaces secrets by placeholders that stay the same for as long as this object lives.

    Safe under threads. The secrets are held in memory only and cannot be asked for.
    """

    def __init__(self, known_values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._placeholders: dict[str, str] = {}
        known = sorted({value for value in known_values if len(value) >= _MINIMUM_LENGTH}, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(value) for value in known)) if known else None

    def redact(self, text: str) -> str:
        """The text with every secret replaced. Redacting twice changes nothing more."""
        if self._known is not None:
            text = self._known.sub(lambda match: self._placeholder(match[0]), text)
        for triggers, pattern in _FORMATS:
            if any(trigger in text for trigger in triggers):
                text = pattern.sub(self._replace_format, text)
        return self._redact_assignments(text)

    def redact_json(self, value: Any) -> Any:
        """The same for every string of a JSON value; names of fields count as the names before a value."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {key: self._redact_field(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact_json(item) for item in value]
        return value

    def _redact_field(self, key: str, value: Any) -> Any:
        if isinstance(value, str) and _names_a_secret(key) and _looks_random(value):
            return self._placeholder(value)
        return self.redact_json(value)

    def _replace_format(self, match: re.Match[str]) -> str:
        group: int | str = "secret" if "secret" in match.re.groupindex else 0
        secret = match[group]
        if PLACEHOLDER.fullmatch(secret) or secret.startswith("$"):
            return match[0]
        start, end = (position - match.start() for position in match.span(group))
        return match[0][:start] + self._placeholder(secret) + match[0][end:]

    def _redact_assignments(self, text: str) -> str:
        parts: list[str] = []
        done = 0
        for position in _word_ends(text):
            match = _ASSIGNED.match(text, position) if position >= done else None
            if (
                match is None
                or _NAMES_NO_SECRET.search(match["rest"])
                or _NO_NAME.search(text, max(0, position - 256), position)
            ):
                continue
            group = match.lastgroup or ""
            if _looks_random(match[group]):
                parts += [text[done : match.start(group)], self._placeholder(match[group])]
                done = match.end(group)
        return "".join([*parts, text[done:]]) if parts else text

    def _placeholder(self, secret: str) -> str:
        with self._lock:
            return self._placeholders.setdefault(secret, f"<<secret:{len(self._placeholders) + 1}>>")


class StreamRedactor:
    """Redacts text that comes in pieces, so that a secret cut in two is still found.

    Only whole lines pass, and a private key only as a whole; what is left comes with ``finish``. At most about
    ``limit`` characters are held back.
    """

    def __init__(self, redact: Callable[[str], str], *, limit: int = 65_536) -> None:
        self._redact = redact
        self._limit = limit
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be shown now, redacted; may be empty."""
        self._held += text
        end = self._held.rfind("\n") + 1
        key = self._held.rfind("-----BEGIN ")
        if key >= 0 and "-----END " not in self._held[key:end]:
            end = min(end, key)
        if len(self._held) - end > self._limit:
            end = self._held.rfind(" ", end) + 1 or len(self._held)
        ready, self._held = self._held[:end], self._held[end:]
        return self._redact(ready) if ready else ""

    def finish(self) -> str:
        """The rest, redacted."""
        ready, self._held = self._held, ""
        return self._redact(ready) if ready else ""


def holds_placeholder(value: Any) -> bool:
    """Whether a JSON value holds a placeholder anywhere, names of fields included."""
    if isinstance(value, str):
        return PLACEHOLDER.search(value) is not None
    if isinstance(value, Mapping):
        return any(holds_placeholder(key) or holds_placeholder(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return any(holds_placeholder(item) for item in value)
    return False


def secret_values(environment: Mapping[str, str], names: Iterable[str] = ()) -> Sequence[str]:
    """The values of an environment that are secret by their name, or because ``names`` says so."""
    listed = set(names)
    return tuple(
        value
        for name, value in environment.items()
        if len(value) >= _MINIMUM_LENGTH and (name in listed or (_names_a_secret(name) and not _is_harmless(value)))
    )


def _names_a_secret(name: str) -> bool:
    ends = [_NAME_ENDED.match(name, position) for position in _word_ends(name)]
    return any(found is not None and not _NAMES_NO_SECRET.search(found["rest"]) for found in ends)


def _word_ends(text: str) -> Sequence[int]:
    """Where the words that name secrets end, in order; ten times as fast as one expression of them all."""
    lower = text.translate(_LOWER)
    found = []
    for word in _SECRET_WORDS:
        position = lower.find(word)
        while position >= 0:
            found.append(position + len(word))
            position = lower.find(word, position + len(word))
    return sorted(found)


def _is_harmless(value: str) -> bool:
    return _NO_SECRET.fullmatch(value) is not None and "-----BEGIN" not in value


def _looks_random(value: str) -> bool:
    """Long enough, mixed, and of an entropy (Shannon, per character) that words do not have."""
    if len(value) < _MINIMUM_LENGTH or _is_harmless(value):
        return False
    kinds = [
        any(character.islower() for character in value),
        any(character.isupper() for character in value),
        any(character.isdigit() for character in value),
        any(not character.isalnum() and character not in "-_./: " for character in value),
    ]
    if sum(kinds) < 2:  # noqa: PLR2004 - one kind of character is a word or a number
        return False
    counts = Counter(value)
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    return entropy >= _MINIMUM_ENTROPY


_MINIMUM_ENTROPY = 2.5
"""English words of 8 to 12 letters have 2.5 to 3.3 bits, but only one kind of character; random ones at least 2.75."""
