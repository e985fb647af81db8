"""Reads what tools return: JSON, JSON inside other text, or the YAML that Atmos prints. Pure."""

import json
import re
from typing import Any

WRAPPERS = ("stdout", "output", "content", "text", "data", "result")


def read(text: str) -> Any:
    """Return the structure in a tool's output, or the text itself where it has none."""
    found = _json_in(text)
    if isinstance(found, dict):
        for name in WRAPPERS:
            inner = found.get(name)
            if isinstance(inner, dict | list):
                return inner
            if isinstance(inner, str) and inner.strip():
                return read(inner)
    if found is not None:
        return found
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return _yaml(lines) if lines and all(re.match(r"\s*(- )?[\w./-]+:(\s|$)|\s*- ", line) for line in lines) else text


def plain(text: str) -> str:
    """Return the text in a tool's output, unwrapped where it is wrapped in JSON."""
    found = read(text)
    return found if isinstance(found, str) else text


def column(text: str, name: str) -> list[str]:
    """Return the values of one column of a list of objects, such as `Stack` of `atmos list stacks`."""
    rows = read(text)
    if isinstance(rows, dict):
        rows = next((value for value in rows.values() if isinstance(value, list)), list(rows))
    if isinstance(rows, str):
        rows = rows.split()
    values = [row.get(name, row.get(name.lower())) if isinstance(row, dict) else row for row in rows]
    return [str(value) for value in values if value is not None]


def rows(text: str) -> list[dict[str, Any]]:
    """Return a list of objects; an output without one gives an empty list."""
    found = read(text)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def mapping(text: str) -> dict[str, Any]:
    """Return an object; an output without one gives an empty object."""
    found = read(text)
    return found if isinstance(found, dict) else {}


def _json_in(text: str) -> Any:
    decoder = json.JSONDecoder()
    for match in re.finditer(r"^\s*(?=[\[{])", text, re.MULTILINE):
        try:
            return decoder.raw_decode(text, match.end())[0]
        except ValueError:
            continue
    return None


def _yaml(lines: list[str]) -> Any:
    """Read the block style that Atmos prints: maps, lists and plain scalars, by their indentation."""
    indent = _indent(lines[0])
    groups: list[list[str]] = []
    for line in lines:
        is_item_of_map = line.lstrip().startswith("- ") and not lines[0].lstrip().startswith("- ")
        if _indent(line) == indent and not is_item_of_map:
            groups.append([line])
        else:
            groups[-1].append(line)
    if lines[0].lstrip().startswith("- "):
        return [_yaml([group[0].replace("- ", "  ", 1), *group[1:]]) for group in groups]
    if len(lines) == 1 and not re.match(r"\s*[\w./-]+:(\s|$)", lines[0]):
        return _scalar(lines[0])
    result = {}
    for head, *body in groups:
        key, _, value = head.strip().partition(":")
        result[key] = _yaml(body) if body else _scalar(value)
    return result


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _scalar(text: str) -> Any:
    text = re.sub(r"\s+#.*", "", text).strip()
    words: dict[str, Any] = {"true": True, "false": False, "null": None, "[]": [], "{}": {}, "": None}
    if text in words:
        return words[text]
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return text.strip("\"'")
