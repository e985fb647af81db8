"""Events that fit: long texts in one that would be larger than 1 MiB are cut, and marked as cut."""

from typing import Any, Final

MAX_EVENT_BYTES: Final = 1024 * 1024
_TEXT_LIMITS: Final = (64 * 1024, 4 * 1024, 256)
"""Characters that a text may keep; the next limit is tried while the event is still too large."""


def within_event_limit(message: Any) -> Any:
    """The message itself, changed in place if it is larger than an event may be.

    Texts are cut first. A message that is large by the number of its parts loses its unbounded ones: the structured
    input of a call, the structured data of a result, the lines of a question.
    """
    longest = message.ByteSize()
    for limit in _TEXT_LIMITS:
        if message.ByteSize() <= MAX_EVENT_BYTES:
            return message
        if longest > limit:
            longest = _cut_texts(message, limit)
    if message.ByteSize() > MAX_EVENT_BYTES:
        _drop_parts(message)
    return message


def cut_text(text: str, limit: int) -> str:
    """The first characters of the text, and how many are missing."""
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} characters left out]"


def _cut_texts(message: Any, limit: int) -> int:
    """Cuts every text that is longer; returns the characters of the longest one that is left."""
    longest = 0
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING and field.is_repeated:
            longest = max(longest, _cut_list(value, limit))
        elif field.type == field.TYPE_STRING:
            kept = cut_text(value, limit)
            if kept is not value:
                setattr(message, field.name, kept)
            longest = max(longest, len(kept))
        elif field.type == field.TYPE_MESSAGE:
            for part in _parts(field, value):
                longest = max(longest, _cut_texts(part, limit))
    return longest


def _cut_list(texts: Any, limit: int) -> int:
    longest = max(map(len, texts))
    if longest <= limit:
        return longest
    texts[:] = [cut_text(text, limit) for text in texts]
    return max(map(len, texts))


def _drop_parts(message: Any) -> None:
    for field, value in message.ListFields():
        if field.is_repeated or field.type != field.TYPE_MESSAGE:
            if field.is_repeated:
                message.ClearField(field.name)
        elif value.DESCRIPTOR.file.package == "google.protobuf":
            message.ClearField(field.name)
        else:
            _drop_parts(value)


def _parts(field: Any, value: Any) -> list[Any]:
    if not field.is_repeated:
        return [value]
    if not field.message_type.GetOptions().map_entry:
        return list(value)
    if field.message_type.fields_by_name["value"].message_type is None:
        return []
    return list(value.values())
