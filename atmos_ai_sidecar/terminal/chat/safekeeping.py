"""Keeps what is typed and not sent, so that the next chat has it when this one breaks. Nothing is sent by it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.unsent_texts import Unsent, UnsentTexts
from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.terminal.chat.composer import Composer
from atmos_ai_sidecar.terminal.chat.conversation import Conversation

PAUSE_SECONDS: Final = 0.5
"""So much typing may be lost; a write for every key would be felt."""


class Safekeeping:
    """The unsent texts of one chat. What fails is told to ``complain``, and stops nobody."""

    def __init__(self, composer: Composer, clock: Clock, *, complain: Callable[[SidecarError], None]) -> None:
        self._composer = composer
        self._clock = clock
        self._complain = complain
        self._changed = asyncio.Event()
        self._kept: Unsent | None = None
        self._is_taking = False
        composer.on_change = self._changed.set

    async def bring_back(self, conversation: Conversation) -> str:
        """Gives the composer what a broken chat left in the session, and says so; empty when there was nothing."""
        texts = conversation.workspace.unsent
        if texts is None:
            return ""
        self._is_taking = True  # and stays so when this is cancelled: what was taken over is not in the composer then
        try:
            left = await asyncio.to_thread(texts.take_over, conversation.session.id)
            said = await conversation.last_question() if left is not None else ""
        except SidecarError as error:
            self._complain(error)
            left = None
        self._is_taking = False
        self._changed.set()
        if left is None:
            return ""
        queue = [text for text in (left.sending if left.sending != said else "", *left.queue) if text.strip()]
        self._composer.take_back(queue, left.draft)
        return _told(len(queue), has_draft=bool(left.draft.strip()))

    async def run(self, conversation: Conversation) -> None:
        """Keeps every change a moment after it was made."""
        texts = conversation.workspace.unsent
        while texts is not None:
            await self._changed.wait()
            await self._clock.sleep(PAUSE_SECONDS)
            self._changed.clear()
            unsent = self._unsent(conversation)
            if unsent != self._kept:
                await self._keep(texts, unsent)

    def settle(self, conversation: Conversation, *, is_wanted: bool) -> None:
        """Keeps how it ended; of somebody who left on purpose only what came from before and was not taken."""
        texts = conversation.workspace.unsent
        if texts is None:
            return
        unsent = self._unsent(conversation)
        if is_wanted:
            unsent = Unsent(session_id=unsent.session_id, queue=tuple(self._composer.unsent))
        with contextlib.suppress(SidecarError):  # told when it failed before; nobody looks any more
            texts.close(None if self._is_taking else unsent)

    def _unsent(self, conversation: Conversation) -> Unsent:
        composer = self._composer
        return Unsent(
            session_id=conversation.session.id,
            draft=composer.draft,
            sending=composer.sending,
            queue=(*composer.unsent, *composer.waiting),
        )

    async def _keep(self, texts: UnsentTexts, unsent: Unsent) -> None:
        self._kept = unsent
        try:
            await asyncio.to_thread(texts.keep, unsent)
        except SidecarError as error:
            self._complain(error)


def _told(count: int, *, has_draft: bool) -> str:
    messages = "1 message was not sent: Up on an empty draft brings it back."
    if count > 1:
        messages = f"{count} messages were not sent: Up on an empty draft brings them back."
    told = [
        *(["The draft of the chat that broke is back."] if has_draft else []),
        *([messages] if count else []),
    ]
    return " ".join(told)
