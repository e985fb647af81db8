from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from atmos_ai_sidecar.domain.messages import Block, Message, Usage
from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One model request. Equal requests are sent as equal bytes."""

    model: str
    max_tokens: int
    system: Sequence[str]
    """Blocks of the system prompt; the last one is a cache point."""
    messages: Sequence[Message]
    """A valid history: roles alternate, every tool call is answered in the next message."""
    tools: Sequence[Tool]
    """Sorted by name; the last one is a cache point."""
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPiece:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingPiece:
    thinking: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """The request failed in a way that may pass; pieces that came before are void."""

    attempt: int
    delay_seconds: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The end of every successful stream: the whole answer."""

    blocks: Sequence[Block]
    """Text, thinking and tool calls in the order of the model; never an empty text."""
    stop_reason: str
    """The provider's word: end_turn, tool_use, max_tokens, stop_sequence, refusal, pause_turn, …"""
    usage: Usage
    invalid_inputs: Mapping[str, str]
    """Tool call id → why its input is not a JSON object; such a call has an empty input."""


ModelEvent = TextPiece | ThinkingPiece | Retrying | Answered


class Model(Protocol):
    """A model behind the Messages API."""

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[ModelEvent]]:
        """Asks the model. Leaving the context ends the request.

        Raises (on entering or iterating):
            ModelUnavailableError: Retries did not help: overload, server error, no connection, broken stream.
            ModelTimeoutError: Nothing came for too long.
            ModelNotConfiguredError: Key, URL or provider are missing or refused.
            ModelFailedError: The provider refused the request itself; ``metadata["kind"]`` may say prompt_too_long.
        """

    def describe(self) -> Mapping[str, Any]:
        """Provider, URL and where the key comes from (never the key), for errors and `doctor`."""
