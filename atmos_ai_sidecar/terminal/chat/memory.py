"""What a chat remembers and knows of its project: what was typed before, and names to complete."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.project_index import ProjectNames
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.terminal.chat.completion import Word
from atmos_ai_sidecar.terminal.chat.composer import Composer
from atmos_ai_sidecar.terminal.chat.live_turn import Note

FRESH_SECONDS = 10.0
"""Files come and go; the list of them is made again when it is older and somebody asks."""


class _Teller(Protocol):
    def add(self, piece: Note) -> None: ...
    def wake(self) -> None: ...


class Memory:
    """Fills the composer with what the workspace knows. None of it may stop a chat: what fails is said once."""

    def __init__(self, composer: Composer, teller: _Teller, clock: Clock) -> None:
        self._composer = composer
        self._teller = teller
        self._clock = clock
        self._listed_at: float | None = None
        self._has_complained = False

    async def load_history(self, workspace: Workspace) -> None:
        """Brings back what was typed in this project before."""
        if workspace.history is None:
            return
        try:
            self._composer.remember(await asyncio.to_thread(workspace.history.load))
        except SidecarError as error:
            self.complain(error)

    async def keep(self, workspace: Workspace, text: str) -> None:
        """Keeps what was typed for other chats."""
        if workspace.history is None:
            return
        try:
            await asyncio.to_thread(workspace.history.add, text)
        except SidecarError as error:
            self.complain(error)

    async def load_names(self, workspace: Workspace) -> ProjectNames | None:
        """Learns the names of stacks and components; None where there are none to learn."""
        if workspace.index is None:
            return None
        try:
            names = await workspace.index.names()
        except SidecarError as error:
            self.complain(error)
            return None
        self._composer.words.names = [*_words(names.stacks, "stack"), *_words(names.components, "component")]
        self._composer.completion.refresh()
        return names

    async def list_files(self, workspace: Workspace) -> None:
        """Learns the names of files, if what is known is not fresh."""
        now = self._clock.monotonic()
        if workspace.index is None or (self._listed_at is not None and now - self._listed_at < FRESH_SECONDS):
            return
        self._listed_at = now
        try:
            self._composer.words.files = _words(await workspace.index.files(), "file")
        except SidecarError as error:
            self.complain(error)
        self._composer.completion.refresh()
        self._teller.wake()

    def complain(self, error: SidecarError) -> None:
        """Says what failed, the first time that something does."""
        if not self._has_complained:
            self._has_complained = True
            self._teller.add(Note(text=str(error), tone="warning"))


def _words(names: Iterable[str], about: str) -> list[Word]:
    return [Word(text=name, about=about) for name in names]
