"""The lines of a session's file. Each line is one write: it counts when its line end is there.

{"type": "session", "format": 1, …}   the first line
{"type": "change", …}                 what an update changed
{"type": "messages", "messages": […]} messages that were appended together
{"type": "context", "items": […]}     facts
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from atmos_ai_sidecar.adapters.storage.values import from_json, from_text_time, to_json, to_text, to_text_time
from atmos_ai_sidecar.application.ports.session_store import SessionChange, SessionDraft
from atmos_ai_sidecar.domain.messages import Message, Role, Usage, block_from_json, block_to_json
from atmos_ai_sidecar.domain.sessions import ContextItem, Session, SessionId
from atmos_ai_sidecar.lazy_dataclasses import dataclass

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of a file."""

    session: Session
    request_id: str
    replaces: str
    """A session whose file counts no more, whether it is still there or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An update."""

    change: SessionChange
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Messages of one append."""

    messages: Sequence[Message]
    time: datetime
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Context items; the same type and key replace what was there."""

    items: Sequence[ContextItem] = field(default_factory=tuple)


Record = Header | Change | Appended | Facts


def new_session(session_id: str, name: str, draft: SessionDraft, now: datetime) -> Session:
    """The session that a draft describes."""
    return Session(
        id=SessionId(session_id),
        name=to_text(name),
        project_path=to_text(draft.project_path),
        model=to_text(draft.model),
        provider=to_text(draft.provider),
        create_time=now.astimezone(UTC),
        update_time=now.astimezone(UTC),
        metadata=dict(draft.metadata),
    )


def to_line(record: Record) -> bytes:
    """One line in ASCII, with its end."""
    return to_json(_to_values(record)).encode("ascii") + b"\n"


def from_line(line: bytes) -> Record:
    """What ``to_line`` wrote.

    Raises:
        UnreadableError: It is not what this program writes.
    """
    return from_json(line.decode("utf-8", "replace"), _from_values)


def _to_values(record: Record) -> dict[str, Any]:
    if isinstance(record, Header):
        return _header_values(record)
    if isinstance(record, Change):
        changed = {name: value for name, value in asdict(record.change).items() if value is not None}
        return {"type": "change", "updated_at": to_text_time(record.time), **changed}
    if isinstance(record, Appended):
        return {
            "type": "messages",
            "updated_at": to_text_time(record.time),
            "request_id": record.request_id,
            "messages": [_message_values(message) for message in record.messages],
        }
    return {"type": "context", "items": [asdict(item) for item in record.items]}


def _header_values(header: Header) -> dict[str, Any]:
    session = header.session
    return {
        "type": "session",
        "format": FORMAT,
        "id": session.id,
        "name": session.name,
        "project_path": session.project_path,
        "model": session.model,
        "provider": session.provider,
        "created_at": to_text_time(session.create_time),
        "updated_at": to_text_time(session.update_time),
        "metadata": dict(session.metadata),
        "archived": session.archived,
        "request_id": header.request_id,
        "replaces": header.replaces,
    }


def _message_values(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "role": message.role,
        "created_at": None if message.create_time is None else to_text_time(message.create_time),
        "turn_id": message.turn_id,
        "blocks": [block_to_json(block) for block in message.blocks],
        "usage": None if message.usage is None else asdict(message.usage),
        "author": to_text(message.author),
    }


def _from_values(values: Mapping[str, Any]) -> Record:
    kind = values["type"]
    if kind == "session":
        return _header(values)
    if kind == "change":
        names = ("name", "model", "provider", "metadata", "archived")
        change = replace(SessionChange(), **{name: values[name] for name in names if name in values})
        return Change(change=change, time=from_text_time(values["updated_at"]))
    if kind == "messages":
        return Appended(
            messages=tuple(_message(message) for message in values["messages"]),
            time=from_text_time(values["updated_at"]),
            request_id=values["request_id"],
        )
    if kind == "context":
        return Facts(items=tuple(ContextItem(**item) for item in values["items"]))
    message = f"not a line of a session: {kind!r}"
    raise ValueError(message)


def _header(values: Mapping[str, Any]) -> Header:
    session = Session(
        id=SessionId(values["id"]),
        name=values["name"],
        project_path=values["project_path"],
        model=values["model"],
        provider=values["provider"],
        create_time=from_text_time(values["created_at"]),
        update_time=from_text_time(values["updated_at"]),
        metadata=dict(values["metadata"]),
        archived=bool(values["archived"]),
    )
    return Header(session=session, request_id=values["request_id"], replaces=values["replaces"])


def _message(values: Mapping[str, Any]) -> Message:
    return Message(
        id=int(values["id"]),
        role=Role(values["role"]),
        create_time=from_text_time(values["created_at"]),
        turn_id=values["turn_id"],
        blocks=tuple(block_from_json(block) for block in values["blocks"]),
        usage=None if values["usage"] is None else Usage(**values["usage"]),
        author=values.get("author", ""),
    )
