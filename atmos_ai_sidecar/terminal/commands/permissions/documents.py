"""Rules and grants as programs read them, and the texts in which people give a call."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.permissions import Rule


def rule_document(rule: Rule) -> dict[str, Any]:
    return {"text": rule.text, "file": rule.file or None, "line": rule.line or None}


def grant_document(grant: Grant) -> dict[str, Any]:
    """A grant with all that is known of it; times are ISO 8601."""
    return {
        "id": grant.id,
        "text": grant.text,
        "decision": "allow" if grant.allow else "deny",
        "tool": grant.tool,
        "input": dict(grant.input),
        "command": list(grant.command),
        "scope": "session" if grant.session_id else "project",
        "session_id": grant.session_id or None,
        "user": grant.user,
        "from_session": grant.from_session or None,
        "created_at": grant.create_time.isoformat() if grant.create_time else None,
        "expires_at": grant.expire_time.isoformat() if grant.expire_time else None,
        "uses": grant.uses,
    }


def where(rule: Rule) -> str:
    return f"{rule.text} ({rule.file}:{rule.line})" if rule.file else rule.text


def json_object(text: str, source: str) -> dict[str, Any]:
    """A JSON object that somebody gave.

    Raises:
        click.UsageError: It is none; the error names the source.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{source} is no JSON: {error}.") from error
    if not isinstance(values, dict):
        raise click.UsageError(f"{source} must be a JSON object.")
    return values


def pair(text: str) -> tuple[str, str]:
    """NAME and VALUE of ``NAME=VALUE``."""
    name, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"{text!r} is not NAME=VALUE.")
    return name, value


def call_input(input_json: str, values: Sequence[str]) -> Mapping[str, Any]:
    """The input of a call: the JSON object with the pairs over it."""
    return {**json_object(input_json, "--input"), **dict(pair(value) for value in values)}


def as_yaml(document: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Lists of maps under their names; JSON is YAML, so every value stays on its line."""
    lines: list[str] = []
    for name, entries in document.items():
        lines.append(f"{name}:" if entries else f"{name}: []")
        for entry in entries:
            lines += [
                f"  {'-' if number == 0 else ' '} {key}: {json.dumps(value)}"
                for number, (key, value) in enumerate(entry.items())
            ]
    return "\n".join(lines) + "\n"
