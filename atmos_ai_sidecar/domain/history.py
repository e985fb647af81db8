"""A stored conversation as the Messages API accepts it.

The API's rules: roles alternate and the user begins; each tool call is answered exactly once, in the message right
after it, before any text there; no block is empty; no answer ends with a thought. A history that we wrote keeps them;
one that a crash cut off or a hand edited is repaired here, and every repair is named.
"""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import replace

from atmos_ai_sidecar.domain.messages import (
    Block,
    Message,
    RedactedThinking,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.lazy_dataclasses import dataclass

LOST_RESULT = Result(
    success=False,
    reason="INTERRUPTED",
    error="The outcome of this call is unknown: the assistant's process ended before it was recorded. "
    "Look at the state of things before you run it again.",
)
_OPENING = "(The beginning of this conversation is not available.)"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    messages: Sequence[Message]
    repairs: Sequence[str]
    """One sentence for each thing that had to be mended; empty for a sound history."""


def repaired(messages: Sequence[Message]) -> History:
    """The messages, merged and mended so that the API takes them. A repaired history is a fixed point."""
    repairs: list[str] = []
    merged = list(_merged(_without_empty_blocks(messages, repairs)))
    sound = list(_merged(_without_last_thoughts(_answered(merged, repairs))))
    if sound and sound[0].role is Role.ASSISTANT:
        repairs.append("The conversation began with the assistant.")
        sound.insert(0, replace(sound[0], role=Role.USER, blocks=(Text(text=_OPENING),), id=0, usage=None))
    return History(messages=tuple(sound), repairs=tuple(repairs))


def _without_empty_blocks(messages: Sequence[Message], repairs: list[str]) -> Iterator[Message]:
    for message in messages:
        blocks = tuple(block for block in message.blocks if not (isinstance(block, Text) and not block.text.strip()))
        if len(blocks) < len(message.blocks) or not blocks:
            repairs.append(f"Message {message.id} had an empty part.")
        if blocks:
            yield _with_blocks(message, blocks)


def _merged(messages: Sequence[Message] | Iterator[Message]) -> Iterator[Message]:
    """Neighbours with the same role become one message; tool results go first."""
    last: Message | None = None
    for message in messages:
        if last is not None and last.role is message.role:
            last = replace(last, blocks=_results_first((*last.blocks, *message.blocks)))
            continue
        if last is not None:
            yield last
        last = message
    if last is not None:
        yield last


def _results_first(blocks: Sequence[Block]) -> Sequence[Block]:
    results = [block for block in blocks if isinstance(block, ToolResult)]
    return (*results, *(block for block in blocks if not isinstance(block, ToolResult)))


def _answered(messages: Sequence[Message], repairs: list[str]) -> Iterator[Message]:
    """Every call of a merged history has its one result right after it, and there are no others."""
    calls: Sequence[ToolCall] = ()
    for message in messages:
        if message.role is Role.ASSISTANT:
            message, calls = _with_distinct_calls(message, repairs)  # noqa: PLW2901
            if message.blocks:
                yield message
            continue
        blocks, calls = _checked_results(message, calls, repairs), ()
        if blocks:
            yield _with_blocks(message, blocks)
    if calls:
        yield _lost_results(messages[-1], calls, repairs)


def _without_last_thoughts(messages: Iterator[Message]) -> Iterator[Message]:
    """An answer that was cut off within a thought is no damage: the thought stays stored and is not sent."""
    for message in messages:
        blocks = list(message.blocks)
        while blocks and isinstance(blocks[-1], Thinking | RedactedThinking):
            del blocks[-1]
        if blocks:
            yield _with_blocks(message, tuple(blocks))


def _with_distinct_calls(message: Message, repairs: list[str]) -> tuple[Message, Sequence[ToolCall]]:
    seen: dict[str, ToolCall] = {}
    blocks: list[Block] = []
    for block in message.blocks:
        if isinstance(block, ToolResult) or (isinstance(block, ToolCall) and block.id in seen):
            repairs.append(f"Message {message.id} held a tool call or result that does not belong there.")
            continue
        if isinstance(block, ToolCall):
            seen[block.id] = block
        blocks.append(block)
    return _with_blocks(message, tuple(blocks)), tuple(seen.values())


def _checked_results(message: Message, calls: Sequence[ToolCall], repairs: list[str]) -> Sequence[Block]:
    given: dict[str, ToolResult] = {}
    others: list[Block] = []
    asked = {call.id for call in calls}
    for block in message.blocks:
        if isinstance(block, ToolCall):
            repairs.append(f"Message {message.id} of the user held a tool call.")
        elif not isinstance(block, ToolResult):
            others.append(block)
        elif block.tool_call_id in asked and block.tool_call_id not in given:
            given[block.tool_call_id] = block
        else:
            repairs.append(f"Message {message.id} answered the call {block.tool_call_id!r}, which nobody had made.")
    lost = [call.id for call in calls if call.id not in given]
    repairs.extend(f"The call {call_id!r} had no result." for call_id in lost)
    results = [given.get(call.id) or ToolResult(tool_call_id=call.id, result=LOST_RESULT) for call in calls]
    return (*results, *others)


def _with_blocks(message: Message, blocks: Sequence[Block]) -> Message:
    """The same message where nothing changed: sound histories are long and asked for often."""
    is_same = len(blocks) == len(message.blocks) and all(map(operator.is_, blocks, message.blocks))
    return message if is_same else replace(message, blocks=blocks)


def _lost_results(near: Message, calls: Sequence[ToolCall], repairs: list[str]) -> Message:
    empty = replace(near, role=Role.USER, blocks=(), id=0, usage=None)
    return replace(empty, blocks=tuple(_checked_results(empty, calls, repairs)))
