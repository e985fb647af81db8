"""A session as a file: Atmos' checkpoint format, version 1.0, both ways.

Atmos reads every file of ours: what it does not know stands under keys of its own, which it skips. A file of ours
comes back with equal messages; a file of Atmos', or one that somebody has edited, with what its texts say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from atmos_ai_sidecar.domain.messages import Block, Message, Role, Text, Usage, block_from_json, block_to_json
from atmos_ai_sidecar.domain.sessions import ContextItem, checked_name
from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

VERSION: Final = "1.0"
EXPORTED_BY: Final = "atmos-ai-sidecar"
MAX_MESSAGES: Final = 100_000
MAX_MESSAGE_BYTES: Final = 10 * 1024 * 1024
MAX_METADATA: Final = 1_000
_CONTEXT_KEYS: Final = {
    "project_instructions": ("atmos", "project_instructions"),
    "working_directory": ("atmos", "working_directory"),
}
_FILES: Final = "file_accessed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A whole session, as it is written to a file or was read from one."""

    name: str
    provider: str
    model: str
    project_path: str
    create_time: datetime
    update_time: datetime
    messages: Sequence[Message]
    metadata: Mapping[str, str] = field(default_factory=dict)
    context_items: Sequence[ContextItem] = ()
    skill: str = ""
    archived_messages: int = 0
    """How many of the messages Atmos had replaced by a summary; they are kept like the others."""
    skipped_messages: int = 0
    """Messages of a role that we have not, such as system."""


def checkpoint_values(checkpoint: Checkpoint, export_time: datetime) -> dict[str, Any]:
    """The file's content: maps, lists, texts, numbers and nothing else."""
    session = {
        "name": checkpoint.name,
        "provider": checkpoint.provider,
        "model": checkpoint.model,
        **({"skill": checkpoint.skill} if checkpoint.skill else {}),
        "project_path": checkpoint.project_path,
        "created_at": _text_time(checkpoint.create_time),
        "updated_at": _text_time(checkpoint.update_time),
        **({"metadata": dict(checkpoint.metadata)} if checkpoint.metadata else {}),
    }
    context = _context_values(checkpoint.context_items)
    return {
        "version": VERSION,
        "exported_at": _text_time(export_time),
        "exported_by": EXPORTED_BY,
        "session": session,
        "messages": [_message_values(message, checkpoint.update_time) for message in checkpoint.messages],
        **({"context": context} if context else {}),
        "statistics": _statistics(checkpoint.messages),
    }


def checkpoint_from_values(values: Any) -> Checkpoint:
    """Reads what Atmos or we have written.

    Raises:
        InvalidFieldError: It is no checkpoint, of another version, or contradicts itself; the error names the field.
    """
    root = _map(values, "checkpoint")
    version = root.get("version")
    if str(version) != VERSION:
        raise InvalidFieldError("version", f"is {str(version)[:40]!r}, only {VERSION!r} can be read")
    session = _map(root.get("session"), "session")
    listed = _list(root.get("messages"), "messages")
    _check_count(root, len(listed))
    create_time = _time(session, "session.created_at")
    found = [_message(_map(item, f"messages[{place}]"), f"messages[{place}]") for place, item in enumerate(listed)]
    metadata = _map(session.get("metadata") or {}, "session.metadata")
    if len(metadata) > MAX_METADATA:
        raise InvalidFieldError("session.metadata", f"has {len(metadata)} entries, at most {MAX_METADATA} are allowed")
    return Checkpoint(
        name=checked_name(_text(session, "session.name")),
        provider=_text(session, "session.provider"),
        model=_text(session, "session.model"),
        skill=_text(session, "session.skill", required=False),
        project_path=_text(session, "session.project_path", required=False),
        create_time=create_time,
        update_time=_time(session, "session.updated_at"),
        metadata={str(key): value if isinstance(value, str) else str(value) for key, value in metadata.items()},
        messages=tuple(message for message in found if message is not None),
        context_items=_context_items(_map({} if root.get("context") is None else root["context"], "context")),
        archived_messages=sum(isinstance(item, Mapping) and item.get("archived") is True for item in listed),
        skipped_messages=sum(message is None for message in found),
    )


def checkpoint_markdown(checkpoint: Checkpoint) -> str:
    """The conversation to read; it cannot be imported."""
    lines = [
        f"# {checkpoint.name}",
        "",
        f"* Project: {checkpoint.project_path}",
        f"* Model: {checkpoint.model} ({checkpoint.provider})",
        f"* Created: {_text_time(checkpoint.create_time)}",
        f"* Messages: {len(checkpoint.messages)}",
    ]
    for message in checkpoint.messages:
        said = [message.text] if message.text else []
        said += [f"> called `{call.name}`" for call in message.tool_calls]
        if said:
            speaker = "You" if message.role is Role.USER else "Assistant"
            who = f"{speaker} ({message.author})" if message.author else speaker
            lines += ["", f"## {who}", "", "\n\n".join(said)]
    return "\n".join(lines) + "\n"


def _message_values(message: Message, fallback: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {
        "role": str(message.role),
        "content": message.text,
        "created_at": _text_time(message.create_time or fallback),
    }
    if any(not isinstance(block, Text) for block in message.blocks) or len(message.blocks) != 1:
        values["blocks"] = [block_to_json(block) for block in message.blocks]
    if message.turn_id:
        values["turn_id"] = message.turn_id
    if message.usage is not None:
        values["usage"] = asdict(message.usage)
    if message.author:
        values["author"] = message.author
    return values


def _message(values: Mapping[str, Any], where: str) -> Message | None:
    role = _text(values, f"{where}.role")
    content = _text(values, f"{where}.content", required=False)
    size = len(content.encode("utf-8", "surrogatepass"))
    if size > MAX_MESSAGE_BYTES:
        raise InvalidFieldError(f"{where}.content", f"has {size} bytes, at most {MAX_MESSAGE_BYTES} are allowed")
    if role == "system":
        return None
    if role not in set(Role):
        raise InvalidFieldError(f"{where}.role", f"is {role[:40]!r}, must be user or assistant")
    message = Message(
        role=Role(role), blocks=_blocks(values, content, where), create_time=_time(values, f"{where}.created_at")
    )
    return replace(
        message,
        turn_id=_text(values, f"{where}.turn_id", required=False),
        author=_text(values, f"{where}.author", required=False),
        usage=_usage(values.get("usage"), where),
    )


def _blocks(values: Mapping[str, Any], content: str, where: str) -> Sequence[Block]:
    plain = (Text(text=content),)
    if "blocks" not in values:
        return plain
    try:
        blocks = tuple(
            block_from_json(_map(block, f"{where}.blocks")) for block in _list(values["blocks"], f"{where}.blocks")
        )
        written = Message(role=Role.USER, blocks=blocks).text
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidFieldError(f"{where}.blocks", f"cannot be read ({error})") from error
    # Somebody has edited the text, and the text is what a person sees.
    return blocks if written == content else plain


def _is_count(number: Any) -> bool:
    return type(number) is int and number >= 0


def _is_cost(number: Any) -> bool:
    return number is None or (type(number) is float and 0 <= number < float("inf"))


def _usage(values: Any, where: str) -> Usage | None:
    if values is None:
        return None
    numbers = _map(values, f"{where}.usage")
    if not all(_is_count(number) or (name == "cost_usd" and _is_cost(number)) for name, number in numbers.items()):
        raise InvalidFieldError(f"{where}.usage", "must have whole numbers, and a number as cost_usd")
    try:
        return Usage(**numbers)
    except TypeError as error:
        raise InvalidFieldError(f"{where}.usage", "has a name that is not known") from error


def _context_values(items: Sequence[ContextItem]) -> dict[str, Any]:
    if not items:
        return {}
    values: dict[str, Any] = {}
    known = {(item.context_type, item.context_key): item.context_value for item in items}
    for name, place in _CONTEXT_KEYS.items():
        if place in known:
            values[name] = known[place]
    files = [item.context_key for item in items if item.context_type == _FILES]
    if files:
        values["files_accessed"] = files
    values["items"] = [asdict(item) for item in items]
    return values


def _context_items(context: Mapping[str, Any]) -> Sequence[ContextItem]:
    items: dict[tuple[str, str], str] = {}
    for item in _list(context.get("items") or [], "context.items"):
        found = _map(item, "context.items")
        place = (_text(found, "context.items.context_type"), _text(found, "context.items.context_key"))
        items[place] = _text(found, "context.items.context_value", required=False)
    # Of a file of ours these repeat what the items say; of one of Atmos' there is nothing else.
    for name, place in _CONTEXT_KEYS.items():
        if text := _text(context, f"context.{name}", required=False):
            items.setdefault(place, text)
    for path in _list(context.get("files_accessed") or [], "context.files_accessed"):
        items.setdefault((_FILES, str(path)), "")
    return tuple(
        ContextItem(context_type=kind, context_key=key, context_value=value) for (kind, key), value in items.items()
    )


def _statistics(messages: Sequence[Message]) -> dict[str, int]:
    counts = {
        "message_count": len(messages),
        "user_messages": sum(message.role is Role.USER for message in messages),
        "assistant_messages": sum(message.role is Role.ASSISTANT for message in messages),
    }
    usage = sum((message.usage for message in messages if message.usage is not None), Usage())
    calls = sum(len(message.tool_calls) for message in messages)
    tokens = usage.total_tokens
    return {**counts, **({"total_tokens": tokens} if tokens else {}), **({"tool_calls": calls} if calls else {})}


def _check_count(root: Mapping[str, Any], count: int) -> None:
    if not count:
        raise InvalidFieldError("messages", "must not be empty")
    if count > MAX_MESSAGES:
        raise InvalidFieldError("messages", f"are {count}, at most {MAX_MESSAGES} are allowed")
    told = _map(root.get("statistics"), "statistics").get("message_count")
    if told != count:
        raise InvalidFieldError("statistics.message_count", f"is {str(told)[:20]}, the file has {count} messages")


def _map(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidFieldError(where, "must be a map")
    return value


def _list(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise InvalidFieldError(where, "must be a list")
    return value


def _text(values: Mapping[str, Any], where: str, *, required: bool = True) -> str:
    value = values.get(where.rpartition(".")[2])
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise InvalidFieldError(where, "must be a text that is not empty" if required else "must be a text")
    return value


def _time(values: Mapping[str, Any], where: str) -> datetime:
    text = _text(values, where)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidFieldError(where, f"is {text[:40]!r}, must be a time such as 2026-01-02T03:04:05Z") from error
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise InvalidFieldError(where, f"is {text[:40]!r}, which is no time of this calendar") from error


def _text_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
