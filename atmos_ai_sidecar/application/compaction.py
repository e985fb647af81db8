"""Makes a long session fit the model's window: stubs for old tool outputs first, then a summary by the model.

Guarantees: what is stored stays as it is; a summary that fails, or that does not make the prompt smaller, is dropped
and said; names, files, decisions and errors come from the store and not from the model.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import field, replace

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.compaction_store import CompactionStore
from atmos_ai_sidecar.application.ports.model import Answered, Model, ModelRequest
from atmos_ai_sidecar.application.ports.session_store import SessionStore
from atmos_ai_sidecar.domain.compaction import (
    Compaction,
    CompactionSettings,
    asking_for_summary,
    cut,
    estimate,
    summary_text,
    view,
)
from atmos_ai_sidecar.domain.events import Notice, NoticeKind
from atmos_ai_sidecar.domain.facts import facts_of
from atmos_ai_sidecar.domain.history import repaired
from atmos_ai_sidecar.domain.messages import Message, Role, Text, Usage
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.errors import ModelFailedError, SidecarError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_LOG = logging.getLogger(__name__)
_ENOUGH = 0.7
"""Share of the limit to come down to, so that the next request does not compact again and lose its cache."""
_MAX_SUMMARY_TOKENS = 4096
_MAX_ROUNDS = 8
_PAGE = 1000
_LEAST_FACTOR, _LARGEST_FACTOR = 0.6, 2.0
"""A provider that counts wildly, or not at all, must not switch compaction off."""
_FINAL = {"end_turn", "stop_sequence"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionOrder:
    """What the caller of a compaction wants, and how it hears of it."""

    count: Callable[[Usage, ModelRequest], Usage]
    """Is given the tokens of every summary, and returns them with their cost."""
    tell: Callable[[Notice], None]
    """Gets what was done and what did not work."""
    focus: str = ""
    """What the summary shall keep above all."""
    is_forced: bool = False
    """The user or the provider wants it now, however short the conversation is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextUse:
    """About how many tokens each part of the next request has."""

    window: int
    """What the model can hold."""
    limit: int
    """Where compaction begins."""
    system: int
    tools: int
    messages: int
    """All of them, with the next two."""
    tool_outputs: int
    summary: int

    @property
    def total(self) -> int:
        return self.system + self.tools + self.messages


@dataclass(slots=True, kw_only=True)
class Conversation:
    """A session on its way to the model."""

    session_id: SessionId
    model: str
    max_tokens: int
    timeout_seconds: float | None
    system: Sequence[str] = ()
    tools: Sequence[Tool] = ()
    messages: list[Message] = field(default_factory=list)
    """As they are stored, from the first that the summary does not stand for."""
    compaction: Compaction | None = None
    factor: float = 1.0
    """Real tokens for an estimated one, as the last answer told."""
    has_given_up: bool = False
    """A summary was dropped: it is not paid for again at every request of the turn."""

    def request(self, compaction: Compaction | None = None) -> ModelRequest:
        """The request that the model gets, as it stands or as it would stand with another compaction."""
        return ModelRequest(
            model=self.model,
            max_tokens=self.max_tokens,
            system=self.system,
            # A paused answer and its continuation are two messages here and one for the model.
            messages=repaired(view(self.messages, compaction or self.compaction)).messages,
            tools=self.tools,
            timeout_seconds=self.timeout_seconds,
        )

    def tokens(self, compaction: Compaction | None = None) -> int:
        """About how many tokens that request has."""
        request = self.request(compaction)
        return int(estimate(request.messages, system=self.system, tools=self.tools) * self.factor)

    def learn(self, usage: Usage) -> None:
        """Takes the provider's own count of the last request as the measure of the next."""
        estimated = self.tokens() / self.factor
        if usage.prompt_tokens > 0 and estimated > 0:
            self.factor = min(max(usage.prompt_tokens / estimated, _LEAST_FACTOR), _LARGEST_FACTOR)


class Compactor:
    """Compacts the sessions of one workspace."""

    def __init__(
        self,
        *,
        store: CompactionStore,
        sessions: SessionStore,
        model: Model,
        clock: Clock,
        settings: CompactionSettings,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._model = model
        self._clock = clock
        self._settings = settings

    @property
    def settings(self) -> CompactionSettings:
        return self._settings

    async def spent(self, session_id: SessionId) -> Usage:
        """What the summaries of a session have cost."""
        return await self._store.compaction_usage(session_id)

    def use(self, conversation: Conversation) -> ContextUse:
        """What fills the window."""
        messages, factor = conversation.request().messages, conversation.factor
        results = [replace(message, blocks=message.tool_results) for message in messages]
        compaction = conversation.compaction
        summary = Message(role=Role.USER, blocks=(Text(text=compaction.summary),)) if compaction else None
        return ContextUse(
            window=self._settings.window_tokens,
            limit=self._settings.limit(conversation.max_tokens),
            system=int(estimate((), system=conversation.system) * factor),
            tools=int(estimate((), tools=conversation.tools) * factor),
            messages=int(estimate(messages) * factor),
            tool_outputs=int(estimate(results) * factor),
            summary=int(estimate((summary,)) * factor) if summary and summary.text else 0,
        )

    async def load(self, conversation: Conversation) -> None:
        """Reads how the model sees the session now, and the messages that it sees of it."""
        session_id = conversation.session_id
        conversation.compaction = await self._store.newest_compaction(session_id)
        after = conversation.compaction.summarized_through if conversation.compaction else 0
        while True:
            page = await self._sessions.list_messages(session_id, after=after, limit=_PAGE)
            conversation.messages.extend(page.messages)
            after = page.next_cursor
            if not after:
                return

    async def fit(self, conversation: Conversation, order: CompactionOrder) -> bool:
        """Compacts the conversation when it is too long, or in any case when forced.

        Returns:
            Whether the next request is smaller: then the conversation has a new compaction, which is stored.
        """
        limit = self._settings.limit(conversation.max_tokens)
        before = conversation.tokens()
        if before <= limit and not order.is_forced:
            return False
        enough = int(min(limit, before) * _ENOUGH)
        found = self._prune(conversation, keep=self._settings.preserve_recent)
        if order.is_forced or (conversation.tokens(found) > enough and not conversation.has_given_up):
            found = await self._summarise(conversation, order, found, enough)
        if conversation.tokens(found) > limit:
            found = self._prune(conversation, keep=0, start=found)
        after = conversation.tokens(found)
        if after >= before:
            return False
        await self._store.add_compaction(conversation.session_id, found, now=self._clock.now())
        conversation.compaction = found
        order.tell(_compacted(before, after, has_summary=bool(found.summary)))
        return True

    def _prune(self, conversation: Conversation, *, keep: int, start: Compaction | None = None) -> Compaction:
        start = start or conversation.compaction or Compaction()
        older = conversation.messages[: max(0, len(conversation.messages) - keep)]
        through = older[-1].id if older else 0
        return replace(start, pruned_through=max(start.pruned_through, through))

    async def _summarise(
        self, conversation: Conversation, order: CompactionOrder, start: Compaction, enough: int
    ) -> Compaction:
        """A compaction with as many summaries, one of the other, as it takes; the start where none helps."""
        found = replace(start, usage=Usage())
        for keep in [*([self._settings.preserve_recent] * _MAX_ROUNDS), 2]:
            part = self._part(conversation, found, keep)
            if not part:
                continue
            try:
                said, usage = await self._ask(conversation, order, found, part)
            except SidecarError as error:
                _LOG.warning("session %s could not be summarised: %s", conversation.session_id, error)
                conversation.has_given_up = True
                order.tell(_dropped(str(error)))
                break
            through = part[-1].id
            stored = await self._sessions.newest_messages(conversation.session_id, 0)
            facts = facts_of([message for message in stored if message.id <= through])
            candidate = replace(
                found,
                summary=summary_text(said, facts),
                summarized_through=through,
                focus=order.focus,
                usage=found.usage + usage,
            )
            if conversation.tokens(candidate) >= conversation.tokens(found):
                conversation.has_given_up = True
                order.tell(_dropped("It was longer than what it stood for."))
                break
            found = candidate
            if conversation.tokens(found) <= enough:
                break
        return found

    def _part(self, conversation: Conversation, found: Compaction, keep: int) -> Sequence[Message]:
        """The stored messages that the next summary adds to the last one: as many as one request can hold."""
        limit = self._settings.limit(conversation.max_tokens)
        fresh = [message for message in conversation.messages if message.id > found.summarized_through]
        size = cut(fresh, keep=keep)
        while size > 0 and self._tokens_of(conversation, found, fresh[:size]) > limit:
            size = cut(fresh, keep=len(fresh) - size // 2)
        return fresh[:size]

    def _tokens_of(self, conversation: Conversation, found: Compaction, part: Sequence[Message]) -> int:
        request = self._summary_request(conversation, found, part, "")
        return int(estimate(request.messages, system=request.system, tools=request.tools) * conversation.factor)

    def _summary_request(
        self, conversation: Conversation, found: Compaction, part: Sequence[Message], focus: str
    ) -> ModelRequest:
        # The same system prompt and tools as ever, so that the provider's cache knows the beginning.
        request = conversation.request()
        messages = repaired(asking_for_summary(view(part, found), focus)).messages
        return replace(request, messages=messages, max_tokens=min(request.max_tokens, _MAX_SUMMARY_TOKENS))

    async def _ask(
        self, conversation: Conversation, order: CompactionOrder, found: Compaction, part: Sequence[Message]
    ) -> tuple[str, Usage]:
        """The model's summary and what it cost; raises what the model raises."""
        request = self._summary_request(conversation, found, part, order.focus)
        async with self._model.stream(request) as events:
            async for event in events:
                if isinstance(event, Answered):
                    usage = order.count(event.usage, request)
                    text = "\n\n".join(block.text for block in event.blocks if isinstance(block, Text)).strip()
                    if event.stop_reason not in _FINAL or not text:
                        raise ModelFailedError(f"The summary did not come to its end ({event.stop_reason}).")
                    return text, usage
        raise ModelFailedError("The model's answer ended without a final event.")


def _compacted(before: int, after: int, *, has_summary: bool) -> Notice:
    how = "The beginning was summarised" if has_summary else "Old tool outputs were left out"
    return Notice(
        kind=NoticeKind.COMPACTED,
        message=f"The conversation grew too long for the model. {how}: about {before:,} tokens became {after:,}. "
        "Everything is still stored.",
        metadata={"tokens_before": str(before), "tokens_after": str(after)},
    )


def _dropped(why: str) -> Notice:
    return Notice(kind=NoticeKind.COMPACTION_FAILED, message=f"A summary of the conversation was dropped. {why}")
