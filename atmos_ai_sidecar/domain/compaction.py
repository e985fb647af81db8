"""Compaction: how a long conversation is made to fit the model's window. What is stored stays as it is.

The model sees a view: a summary of the beginning, which stands first, then the rest, old tool outputs as stubs. The
view changes only with a new ``Compaction``, so that requests in between share their beginning and the provider's
cache with it.
"""

from collections.abc import Sequence
from dataclasses import field, replace

from atmos_ai_sidecar.domain.messages import (
    Block,
    Message,
    RedactedThinking,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from atmos_ai_sidecar.domain.requests import canonical_json
from atmos_ai_sidecar.domain.tools import Result, Tool
from atmos_ai_sidecar.lazy_dataclasses import dataclass

DEFAULT_WINDOW_TOKENS = 200_000
"""The smallest window of the provider's models of today; ``ai.compaction.window`` says it of others."""
CHARACTERS_PER_TOKEN = 3.0
"""Low on purpose, JSON and names have few characters a token; the first answer of a session corrects it."""
_BLOCK_CHARACTERS = 24
"""What a block costs beside its text."""
MIN_STUBBED_CHARACTERS = 400
"""A shorter output is not worth a stub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionSettings:
    threshold: float = 0.75
    """Share of the window from which on there is compaction."""
    preserve_recent: int = 6
    """Newest messages that are never summarised."""
    window_tokens: int = DEFAULT_WINDOW_TOKENS

    def limit(self, max_answer_tokens: int) -> int:
        """How many tokens a prompt may have: the threshold, and there must be room for the answer."""
        room = max(self.window_tokens - max_answer_tokens, self.window_tokens // 4)
        return min(int(self.window_tokens * self.threshold), room)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """How the model sees a session from now on."""

    summary: str = ""
    """Of all messages up to ``summarized_through``; empty when there is none."""
    summarized_through: int = 0
    """Id of the last message that the summary stands for."""
    pruned_through: int = 0
    """Id of the last message whose long tool outputs are stubs."""
    focus: str = ""
    """What the user wanted the summary to keep above all."""
    usage: Usage = field(default_factory=Usage)
    """What the summary cost."""


def view(messages: Sequence[Message], compaction: Compaction | None) -> Sequence[Message]:
    """The messages as the model shall see them: not yet merged, see ``history.repaired``."""
    if compaction is None:
        return tuple(messages)
    kept = [message for message in messages if message.id == 0 or message.id > compaction.summarized_through]
    shown = [_pruned(message) if 0 < message.id <= compaction.pruned_through else message for message in kept]
    if not compaction.summary:
        return tuple(shown)
    return (Message(role=Role.USER, blocks=(Text(text=compaction.summary),)), *shown)


def cut(messages: Sequence[Message], *, keep: int) -> int:
    """How many messages a summary may stand for, all but the ``keep`` newest; 0 for none.

    A call is never cut from its result.
    """
    end = max(0, len(messages) - keep)
    while end > 0 and end < len(messages) and messages[end].tool_results:
        end -= 1
    return end


def estimate(messages: Sequence[Message], *, system: Sequence[str] = (), tools: Sequence[Tool] = ()) -> float:
    """About how many tokens a request has; never far too few."""
    characters = sum(len(text) + _BLOCK_CHARACTERS for text in system)
    for tool in tools:
        characters += len(tool.name) + len(tool.description) + len(canonical_json(tool.input_schema))
    for message in messages:
        characters += sum(_length(block) + _BLOCK_CHARACTERS for block in message.blocks)
    return characters / CHARACTERS_PER_TOKEN


def asking_for_summary(messages: Sequence[Message], focus: str) -> Sequence[Message]:
    """The messages with the request to summarise them."""
    wish = f"\nAbove all keep what matters for: {focus}" if focus.strip() else ""
    return (*messages, Message(role=Role.USER, blocks=(Text(text=_REQUEST + wish),)))


def summary_text(said: str, facts: str) -> str:
    """What stands in place of the beginning: the model's summary, and the facts that the store vouches for."""
    return "\n\n".join(part for part in (_FRAME, said.strip(), facts) if part)


_REQUEST = (
    "Summarise the conversation so far for yourself: you will go on from your summary alone, without the messages. "
    "Keep what the user wants and has decided, what was found out with stack, component, file and value, what was "
    "changed, what failed and why, and what is still to do. Leave out what is settled. Call no tool. Answer with the "
    "summary only, in at most 600 words."
)
_FRAME = "(The beginning of this conversation is not shown. This is what it came to.)"


def _pruned(message: Message) -> Message:
    return replace(message, blocks=tuple(_stub(block) for block in message.blocks))


def _stub(block: Block) -> Block:
    if not isinstance(block, ToolResult) or _length(block) < MIN_STUBBED_CHARACTERS:
        return block
    result = block.result
    note = f"[This output of {_length(block):,} characters is no longer shown. Run the call again if it is needed.]"
    error = result.error[:MIN_STUBBED_CHARACTERS]
    return replace(block, result=Result(success=result.success, output=note, error=error, reason=result.reason))


def _length(block: Block) -> int:
    match block:
        case Text():
            return len(block.text)
        case Thinking():
            return len(block.thinking) + len(block.signature)
        case RedactedThinking():
            return len(block.data)
        case ToolCall():
            return len(block.name) + len(canonical_json(block.input))
    result = block.result
    if result.output.strip() or result.data is None:
        return len(result.output) + len(result.error)
    return len(canonical_json({"data": result.data})) + len(result.error)
