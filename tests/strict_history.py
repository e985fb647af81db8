"""The rules of the Messages API for a history, checked strictly."""

from collections.abc import Sequence

from atmos_ai_sidecar.domain.messages import Message, Role, Text, ToolCall, ToolResult


def violations(messages: Sequence[Message]) -> list[str]:
    """Every rule that the history breaks; empty for one that the API takes."""
    found: list[str] = []
    pending: list[str] = []
    for number, message in enumerate(messages):
        if message.role is not (Role.USER if number % 2 == 0 else Role.ASSISTANT):
            found.append(f"{number}: roles do not alternate from the user on")
        if not message.blocks:
            found.append(f"{number}: no blocks")
        if any(isinstance(block, Text) and not block.text.strip() for block in message.blocks):
            found.append(f"{number}: empty text")
        results = [block.tool_call_id for block in message.blocks if isinstance(block, ToolResult)]
        if sorted(results) != sorted(pending):
            found.append(f"{number}: calls {pending} answered by {results}")
        if any(isinstance(block, ToolResult) for block in message.blocks[len(results) :]):
            found.append(f"{number}: a result after other blocks")
        calls = [block.id for block in message.blocks if isinstance(block, ToolCall)]
        if calls and message.role is Role.USER:
            found.append(f"{number}: a call by the user")
        if len(set(calls)) < len(calls):
            found.append(f"{number}: a call id twice")
        pending = calls
    return [*found, f"the last calls {pending} have no answer"] if pending else found
