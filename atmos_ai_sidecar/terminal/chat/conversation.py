"""One chat's place in a workspace: its session, and what can be done with it."""

from collections.abc import Sequence

from atmos_ai_sidecar.application.compaction import ContextUse
from atmos_ai_sidecar.application.ports.session_store import SessionChange
from atmos_ai_sidecar.application.undo import Undone
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.budgets import Spent
from atmos_ai_sidecar.domain.events import Notice, TurnFinished
from atmos_ai_sidecar.domain.messages import Message, Role, ToolCall
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.errors import TurnInProgressError
from atmos_ai_sidecar.terminal.render.cards import call_title

PAST_TRIES = 8


class Conversation:
    """The session that a chat is in; ``is_new`` says whether it has no past."""

    def __init__(self, workspace: Workspace, session: Session, *, is_new: bool, model: str = "") -> None:
        self.workspace = workspace
        self.session = session
        self.is_new = is_new
        self.chosen_model = model

    @classmethod
    async def begin(
        cls, workspace: Workspace, *, name: str = "", continues: bool = False, model: str = ""
    ) -> "Conversation":
        """The session of that name, the one that changed last, or a new one.

        Raises:
            InvalidFieldError: The name cannot be used.
        """
        newest = await workspace.sessions.newest() if continues and not name else None
        if newest is not None:
            return cls(workspace, newest, is_new=False, model=model)
        session, is_new = await workspace.sessions.resume_or_create(name)
        return cls(workspace, session, is_new=is_new, model=model)

    @property
    def model(self) -> str:
        return self.chosen_model or self.workspace.sessions.model_of(self.session)

    @property
    def is_working(self) -> bool:
        return self.workspace.chat.is_running(self.session.id)

    def title(self, call: ToolCall) -> str:
        return call_title(self.workspace.tools.registry, call)

    async def messages(self) -> Sequence[Message]:
        return await self.workspace.sessions.messages(self.session.id)

    async def past(self) -> tuple[Sequence[Message], int]:
        """The stored messages, and the number of the last event of which they tell: what follows is not in them."""
        messages: Sequence[Message] = ()
        seq = -1
        for _ in range(PAST_TRIES):  # another chat of this session may be talking
            seq, before = await self.workspace.chat.last_seq(self.session.id), seq
            if seq == before:
                break
            messages = await self.messages()
        return messages, seq

    async def last_end(self) -> TurnFinished | None:
        """How the last turn ended; None when it has not, or nobody knows any more."""
        chat, session_id = self.workspace.chat, self.session.id
        last = await chat.last_seq(session_id)
        if not last or await chat.first_seq(session_id, after_seq=last - 1) != last:
            return None
        async with chat.events(session_id, after_seq=last - 1) as events:
            event = (await anext(events)).event
        return event if isinstance(event, TurnFinished) else None

    async def last_question(self) -> str:
        """What the user said last; empty when nothing was said."""
        said = [message.text for message in await self.messages() if message.role is Role.USER and message.text]
        return said[-1] if said else ""

    async def undo(self, *, leave_changed: bool) -> Undone:
        """Restores the files that the last turn with changes changed.

        Raises:
            TurnInProgressError: A turn is running; it may be changing files.
        """
        if self.workspace.chat.is_running(self.session.id):
            raise TurnInProgressError(self.session.name)
        undo = self.workspace.undo
        return await undo.last_turn(self.session.id, leave_changed=leave_changed) if undo else Undone()

    async def compact(self, focus: str) -> Sequence[Notice]:
        """Makes what the model sees of the session shorter; what is stored stays.

        Raises:
            TurnInProgressError, ModelNotConfiguredError, BudgetExhaustedError
        """
        return await self.workspace.chat.compact(self.session.id, focus=focus, model=self.chosen_model)

    async def context(self) -> ContextUse:
        return await self.workspace.chat.context(self.session.id)

    async def spent(self) -> Spent:
        return await self.workspace.chat.spent(self.session.id)

    async def choose_model(self, name: str) -> None:
        """Asks another model from the next turn on, also when the session is resumed."""
        self.session = await self.workspace.sessions.choose_model(self.session.id, name)
        self.chosen_model = name

    async def cancel(self) -> bool:
        """Ends the turn; False where none runs here."""
        return await self.workspace.chat.cancel_turn(self.session.id)

    async def is_working_elsewhere(self) -> bool:
        """Whether another chat runs a turn in the session; one that died in it is told as interrupted."""
        return await self.workspace.chat.is_running_elsewhere(self.session.id)

    async def switch(self, name: str) -> None:
        """Goes on with another session, which has to exist.

        Raises:
            SessionNotFoundError, TurnInProgressError
        """
        self._refuse_while_working()
        self.session, self.is_new = await self.workspace.sessions.get_by_name(name), False

    async def start_new(self, name: str) -> None:
        """Goes on with a new session.

        Raises:
            InvalidFieldError, SessionExistsError, TurnInProgressError
        """
        self._refuse_while_working()
        self.session, self.is_new = await self.workspace.sessions.create(name=name), True

    async def rename(self, name: str) -> None:
        """Gives the session another name.

        Raises:
            InvalidFieldError, SessionExistsError
        """
        self.session = await self.workspace.sessions.update(self.session.id, SessionChange(name=name))

    def _refuse_while_working(self) -> None:
        if self.is_working:
            raise TurnInProgressError(self.session.name)
