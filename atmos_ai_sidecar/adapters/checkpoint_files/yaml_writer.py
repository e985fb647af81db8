"""Plain values as YAML: texts are quoted, or literal blocks when nothing in them could be misread."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
# JSON leaves these as they are; YAML wants them escaped, or reads some as line ends.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_LITERAL = re.compile(
    "(?:[^\\s\\x00-\\x1f\\x7f-\\x9f\ufeff\ufffe\uffff\ud800-\udfff][^\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]*)"
)


def write_yaml(values: Any) -> str:
    """YAML that reads back as equal values; a lone surrogate becomes a question mark."""
    return "".join(f"{line}\n" for line in _lines(values, ""))


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(f"{indent}{_key(str(key))}:", item, f"{indent}  ")
    elif isinstance(value, list) and value:
        for item in value:
            if isinstance(item, (Mapping, list)) and item:
                first, *rest = _lines(item, f"{indent}  ")
                yield f"{indent}- {first[len(indent) + 2 :]}"
                yield from rest
            else:
                yield from _entry(f"{indent}-", item, f"{indent}  ")
    else:
        yield indent + _scalar(value)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, (Mapping, list)) and value:
        yield head
        yield from _lines(value, indent)
    elif isinstance(value, str) and _is_literal(value):
        yield f"{head} |-"
        yield from (f"{indent}{line}" if line else "" for line in value.split("\n"))
    else:
        yield f"{head} {_scalar(value)}"


def _is_literal(text: str) -> bool:
    return "\n" in text and not text.endswith("\n") and _LITERAL.fullmatch(text) is not None


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (Mapping, list)):
        return "{}" if isinstance(value, Mapping) else "[]"
    return json.dumps(value, allow_nan=False)


def _key(key: str) -> str:
    return key if _KEY.fullmatch(key) and key.lower() not in _WORDS else _quoted(key)


def _quoted(text: str) -> str:
    return _ESCAPED.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    return "?" if "\ud800" <= character <= "\udfff" else f"\\u{ord(character):04x}"
