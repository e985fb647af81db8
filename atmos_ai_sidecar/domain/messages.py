"""Messages and their content blocks, as they are stored and as they are sent to the model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.lazy_dataclasses import dataclass


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """A thought of the model; the provider checks ``signature``, so it is kept byte for byte."""

    thinking: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedThinking:
    """A thought that the provider keeps to itself; opaque, kept byte for byte."""

    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The model's request to run one tool."""

    id: str
    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What one tool call came to. Every call gets exactly one, in the message right after it."""

    tool_call_id: str
    result: Result


Block = Text | Thinking | RedactedThinking | ToolCall | ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or more model requests, the four kinds apart, and what they cost."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_misses: int = 0
    """Requests that should have read their prompt from the provider's cache and did not."""
    cost_usd: float | None = None
    """None: not known, because a model has no price; see ``known_cost_usd`` for no tokens at all."""

    @property
    def prompt_tokens(self) -> int:
        """All that was sent."""
        return self.input_tokens + self.cache_read_input_tokens + self.cache_creation_input_tokens

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens

    @property
    def known_cost_usd(self) -> float | None:
        """The cost, which is 0 for nothing; None when it is not known."""
        return 0.0 if self.cost_usd is None and not self.total_tokens else self.cost_usd

    def __add__(self, other: "Usage") -> "Usage":
        mine, its = self.known_cost_usd, other.known_cost_usd
        is_priced = self.cost_usd is not None or other.cost_usd is not None
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_input_tokens=self.cache_read_input_tokens + other.cache_read_input_tokens,
            cache_creation_input_tokens=self.cache_creation_input_tokens + other.cache_creation_input_tokens,
            cache_misses=self.cache_misses + other.cache_misses,
            cost_usd=mine + its if is_priced and mine is not None and its is not None else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One entry of a conversation."""

    role: Role
    blocks: Sequence[Block]
    id: int = 0
    """Grows within a session; 0 before the message is stored."""
    session_id: str = ""
    turn_id: str = ""
    create_time: datetime | None = None
    """UTC; None before the message is stored."""
    usage: Usage | None = field(default=None)
    author: str = ""
    """Whose sidecar stored it; empty in stores of one person."""

    @property
    def text(self) -> str:
        """The plain text, without thoughts, tool calls and results."""
        return "\n\n".join(block.text for block in self.blocks if isinstance(block, Text))

    @property
    def tool_calls(self) -> Sequence[ToolCall]:
        return tuple(block for block in self.blocks if isinstance(block, ToolCall))

    @property
    def tool_results(self) -> Sequence[ToolResult]:
        return tuple(block for block in self.blocks if isinstance(block, ToolResult))


_KINDS: Mapping[str, type[Text | Thinking | RedactedThinking | ToolCall]] = {
    "text": Text,
    "thinking": Thinking,
    "redacted_thinking": RedactedThinking,
    "tool_call": ToolCall,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def block_to_json(block: Block) -> dict[str, Any]:
    """A JSON object that ``block_from_json`` turns back into an equal block."""
    if isinstance(block, ToolResult):
        return {"type": "tool_result", "tool_call_id": block.tool_call_id, "result": asdict(block.result)}
    return {"type": _NAMES[type(block)], **{name: getattr(block, name) for name in type(block).__slots__}}


def block_from_json(values: Mapping[str, Any]) -> Block:
    """Reads what ``block_to_json`` wrote.

    Raises:
        ValueError: The object is no block; a newer version may have written it.
    """
    fields = {key: value for key, value in values.items() if key != "type"}
    try:
        if values["type"] == "tool_result":
            return ToolResult(tool_call_id=fields["tool_call_id"], result=Result(**fields["result"]))
        return _KINDS[values["type"]](**fields)
    except (KeyError, TypeError) as error:
        message = f"not a content block: {values.get('type')!r}"
        raise ValueError(message) from error
