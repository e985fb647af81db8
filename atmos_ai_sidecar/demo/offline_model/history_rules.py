"""The rules of the Messages API that a request must keep, above all its history. Pure.

The real API joins neighbouring messages of one role and lets some older models continue an assistant's text.
We never send either on purpose, so both count as broken here: a validator for tests has to be the stricter one.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.demo.offline_model import shapes
from atmos_ai_sidecar.demo.offline_model.shapes import Violation

MAX_CACHE_POINTS = 4


def sign(thinking: str) -> str:
    """Return the signature that the offline model gives to a thinking block; other text has another one."""
    return "offline-" + hashlib.sha256(thinking.encode()).hexdigest()


def is_own_signature(thinking: str, signature: str) -> bool:
    """Say whether `signature` is what the offline model gave to exactly this thinking."""
    return signature == sign(thinking)


def violations(
    request: object,
    *,
    accepts_signature: Callable[[str, str], bool] = is_own_signature,
    is_continuation: bool = False,
    is_counting: bool = False,
) -> list[Violation]:
    """Return every rule that a request to create a message breaks; an empty list means that the API accepts it.

    Args:
        request: The decoded JSON body.
        accepts_signature: Whether a thinking text and its signature belong together.
        is_continuation: The last reply was a `pause_turn`, so the history may end with the assistant.
        is_counting: The request only counts tokens, which needs no `max_tokens`.
    """
    if not isinstance(request, dict):
        return [Violation(where="", message="the request body must be a JSON object")]
    shape = {name: field for name, field in shapes.REQUEST.items() if not (is_counting and name == "max_tokens")}
    found = [*shapes.check("", request, shape)]
    found += _settings(request)
    found += _tools(request)
    found += _system(request.get("system"))
    found += _cache_points(request)
    messages = request.get("messages")
    if isinstance(messages, list):
        found += _messages(messages, accepts_signature)
        found += _order(messages, is_continuation=is_continuation)
        found += _tool_pairs(messages)
    return found


def blocks_of(content: object) -> list[Any]:
    """Return content as blocks; a string is short for one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content if isinstance(content, list) else []


def _settings(request: Mapping[str, Any]) -> Iterator[Violation]:
    if isinstance(metadata := request.get("metadata"), dict):
        yield from shapes.check("metadata", metadata, shapes.METADATA)
    thinking = request.get("thinking")
    if not isinstance(thinking, dict):
        return
    yield from shapes.check_variant("thinking", thinking, shapes.THINKING)
    if thinking.get("type") != "enabled":
        return
    budget, limit = thinking.get("budget_tokens"), request.get("max_tokens")
    if isinstance(budget, int) and isinstance(limit, int) and budget >= limit:
        yield Violation(where="thinking.budget_tokens", message="this must be less than max_tokens")
    if request.get("temperature", 1) != 1:
        yield Violation(where="temperature", message="this must be 1 while thinking is enabled")
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") in ("any", "tool"):
        yield Violation(where="tool_choice", message="a tool cannot be forced while thinking is enabled")


def _tools(request: Mapping[str, Any]) -> Iterator[Violation]:
    tools = request.get("tools")
    names: list[object] = []
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        where = f"tools.{index}"
        if not isinstance(tool, dict):
            yield Violation(where=where, message="this must be an object")
            continue
        yield from shapes.check(where, tool, shapes.TOOL)
        if tool.get("name") in names:
            yield Violation(where=f"{where}.name", message=f"the name {tool['name']!r} is taken: names must be unique")
        names.append(tool.get("name"))
    choice = request.get("tool_choice")
    if not isinstance(choice, dict):
        return
    yield from shapes.check_variant("tool_choice", choice, shapes.TOOL_CHOICES)
    if not names:
        yield Violation(where="tool_choice", message="this needs tools")
    elif choice.get("type") == "tool" and choice.get("name") not in names:
        yield Violation(where="tool_choice.name", message=f"no tool is named {choice.get('name')!r}")


def _system(system: object) -> Iterator[Violation]:
    if system is None or isinstance(system, str):  # the API takes an empty system string
        return
    for index, block in enumerate(blocks_of(system)):
        where = f"system.{index}"
        yield from shapes.check_variant(where, block, shapes.SYSTEM_BLOCKS)
        yield from _blank_text(where, block)


def _messages(messages: Sequence[Any], accepts_signature: Callable[[str, str], bool]) -> Iterator[Violation]:
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if not isinstance(message, dict):
            yield Violation(where=where, message="this must be an object")
            continue
        yield from shapes.check(where, message, shapes.MESSAGE)
        content = blocks_of(message.get("content"))
        if not content:
            yield Violation(where=where, message="a message must have content")
        is_user = message.get("role") == "user"
        for number, block in enumerate(content):
            place = f"{where}.content.{number}"
            yield from shapes.check_variant(place, block, shapes.USER_BLOCKS if is_user else shapes.ASSISTANT_BLOCKS)
            yield from _blank_text(place, block)
            yield from _result_content(place, block)
            yield from _signature(place, block, accepts_signature)
        if content and not is_user and _kind(content[-1]) in ("thinking", "redacted_thinking"):
            yield Violation(where=where, message="the last block of an assistant's message cannot be thinking")


def _blank_text(where: str, block: object) -> Iterator[Violation]:
    text = block.get("text") if isinstance(block, dict) and _kind(block) == "text" else None
    if isinstance(text, str) and not text.strip():
        yield Violation(where=f"{where}.text", message="a text block must hold more than white space")


def _result_content(where: str, block: object) -> Iterator[Violation]:
    if not isinstance(block, dict) or _kind(block) != "tool_result":
        return
    content = block.get("content", "")
    if block.get("is_error") is True and not content:
        yield Violation(where=where, message="the result of a failed tool must say something")
    if isinstance(content, list):
        for index, part in enumerate(content):
            place = f"{where}.content.{index}"
            yield from shapes.check_variant(place, part, shapes.RESULT_BLOCKS)
            yield from _blank_text(place, part)


def _signature(where: str, block: object, accepts: Callable[[str, str], bool]) -> Iterator[Violation]:
    if not isinstance(block, dict) or _kind(block) != "thinking":
        return
    thinking, signature = block.get("thinking"), block.get("signature")
    if isinstance(thinking, str) and isinstance(signature, str) and signature and not accepts(thinking, signature):
        yield Violation(where=f"{where}.signature", message="this signature does not belong to this thinking")


def _order(messages: Sequence[Any], *, is_continuation: bool) -> Iterator[Violation]:
    if not messages:
        yield Violation(where="messages", message="at least one message is required")
        return
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    if roles[0] != "user":
        yield Violation(where="messages.0", message="the first message must be the user's")
    for index in range(1, len(roles)):
        if roles[index] == roles[index - 1]:
            yield Violation(where=f"messages.{index}", message=f"two messages in a row have the role {roles[index]}")
    if roles[-1] == "assistant" and not is_continuation:
        yield Violation(where=f"messages.{len(roles) - 1}", message="the last message must be the user's")


def _tool_pairs(messages: Sequence[Any]) -> Iterator[Violation]:
    """Every tool_use is answered exactly once, at the start of the very next message, and nothing else is."""
    seen: set[str] = set()
    asked: list[str] = []
    for index, message in enumerate(messages):
        content = blocks_of(message.get("content")) if isinstance(message, dict) else []
        kinds = [_kind(block) for block in content]
        yield from _answers(f"messages.{index}", asked, content)
        if "tool_result" in kinds[_leading(kinds) :]:
            yield Violation(where=f"messages.{index}", message="tool_result blocks must come before everything else")
        asked = [str(block.get("id")) for block in content if _kind(block) == "tool_use"]
        for identifier in asked:
            if identifier in seen:
                yield Violation(where=f"messages.{index}", message=f"the tool_use id {identifier} is used twice")
            seen.add(identifier)
    if asked:
        yield from _answers(f"messages.{len(messages)}", asked, [])


def _answers(where: str, asked: Sequence[str], content: Sequence[Any]) -> Iterator[Violation]:
    given = [str(block.get("tool_use_id")) for block in content if _kind(block) == "tool_result"]
    for identifier in dict.fromkeys(asked):
        if given.count(identifier) != 1:
            how = "has no tool_result" if identifier not in given else "has more than one tool_result"
            yield Violation(where=where, message=f"the tool_use {identifier} {how} right after it")
    for identifier in dict.fromkeys(given):
        if identifier not in asked:
            yield Violation(where=where, message=f"the tool_result {identifier} has no tool_use in the message before")


def _leading(kinds: Sequence[str]) -> int:
    return next((index for index, kind in enumerate(kinds) if kind != "tool_result"), len(kinds))


def _kind(block: object) -> str:
    return str(block.get("type")) if isinstance(block, dict) else ""


def _cache_points(request: Mapping[str, Any]) -> Iterator[Violation]:
    points = [point for point in _points(request) if isinstance(point, dict)]
    if len(points) > MAX_CACHE_POINTS:
        yield Violation(where="", message=f"{len(points)} cache points were given, at most {MAX_CACHE_POINTS} may be")
    lives = [point.get("ttl", "5m") for point in points]
    if "1h" in lives and "5m" in lives[: len(lives) - lives[::-1].index("1h")]:
        yield Violation(where="", message="a cache point of 1h must not come after one of 5m")


def _points(request: Mapping[str, Any]) -> Iterator[object]:
    """Yield the cache points in the order in which the prompt is built: tools, system, messages."""
    tools, system, messages = (request.get(name) for name in ("tools", "system", "messages"))
    holders = [*blocks_of(tools), *blocks_of(system)]
    for message in blocks_of(messages):
        for block in blocks_of(message.get("content")) if isinstance(message, dict) else []:
            holders += blocks_of(block.get("content")) if _kind(block) == "tool_result" else []
            holders.append(block)
    for holder in (*holders, request):
        if isinstance(holder, dict):
            yield holder.get("cache_control")
