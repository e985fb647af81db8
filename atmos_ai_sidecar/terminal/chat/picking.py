"""Sessions of a project from the store to the list on the screen, and what is done with them there."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.session_store import SessionChange
from atmos_ai_sidecar.domain.ages import parsed_age
from atmos_ai_sidecar.domain.messages import Message, Role
from atmos_ai_sidecar.domain.questions import sanitised
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.errors import SessionNotFoundError, SidecarError
from atmos_ai_sidecar.terminal.chat.conversation import Conversation
from atmos_ai_sidecar.terminal.chat.session_picker import PickerActions, SessionDetails, SessionPicker
from atmos_ai_sidecar.terminal.render.costs import cost_text

LISTED = 500
_LOOKED_INTO = 8
"""So many of its last messages show what a session was about."""


class Office(Protocol):
    """What the list needs of its chat."""

    @property
    def clock(self) -> Clock: ...
    @property
    def conversation(self) -> Conversation | None: ...
    def spawn(self, work: Coroutine[Any, Any, None]) -> None: ...
    def wake(self) -> None: ...
    def submit(self, text: str) -> None:
        """Takes a line as if it had been typed."""


class Picking:
    """Opens the list and does what is chosen in it. What cannot be done is said in the list."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._is_looking = False
        self.picker = SessionPicker(
            actions=PickerActions(
                go_on=lambda session: office.submit(f"/sessions {session.name}"),
                rename=lambda session, name: self._do(lambda it: self._rename(it, session, name)),
                delete=lambda session: self._do(lambda it: self._delete(it, session)),
                count_old=lambda text: self._do(lambda it: self._count_old(it, text)),
                clean=lambda text: self._do(lambda it: self._clean(it, text)),
                look=lambda: self._do(self._look),
            )
        )

    def open(self) -> None:
        """Shows the list, as soon as it is read."""
        self._do(self._show)

    def _do(self, act: Callable[[Conversation], Coroutine[Any, Any, None]]) -> None:
        conversation = self._office.conversation
        if conversation is not None:
            self._office.spawn(self._safely(act(conversation)))

    async def _safely(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except SidecarError as error:
            self.picker.say(sanitised(str(error)))
        self._office.wake()

    async def _show(self, conversation: Conversation) -> None:
        page = await conversation.workspace.sessions.list(limit=LISTED)
        self.picker.show(page.sessions, current=conversation.session.id, now=self._office.clock.now())

    async def _rename(self, conversation: Conversation, session: Session, name: str) -> None:
        if session.id == conversation.session.id:
            await conversation.rename(name)
        else:
            await conversation.workspace.sessions.update(session.id, SessionChange(name=name))
        await self._show(conversation)
        self.picker.say(f"Renamed to {sanitised(name)}.")

    async def _delete(self, conversation: Conversation, session: Session) -> None:
        await conversation.workspace.sessions.delete(session.id)
        await self._show(conversation)
        self.picker.say(f"Deleted {sanitised(session.name)}.")

    async def _count_old(self, conversation: Conversation, text: str) -> None:
        old = await conversation.workspace.archive.clean(parsed_age(text), dry_run=True)
        self.picker.confirm_cleaning(text, [session.name for session in old])

    async def _clean(self, conversation: Conversation, text: str) -> None:
        removed = await conversation.workspace.archive.clean(parsed_age(text))
        await self._show(conversation)
        self.picker.say(f"Deleted {len(removed)} session{'' if len(removed) == 1 else 's'}.")

    async def _look(self, conversation: Conversation) -> None:
        """Reads details of the sessions in sight, one after the other, until all of them are known."""
        if self._is_looking:
            return
        self._is_looking = True
        try:
            while (wanted := self._next_unknown()) is not None:
                self.picker.details[wanted.id] = await _details(conversation, wanted.id)
                self._office.wake()
        finally:
            self._is_looking = False

    def _next_unknown(self) -> Session | None:
        picker = self.picker
        return next((each for each in picker.in_sight if picker.is_open and each.id not in picker.details), None)


async def _details(conversation: Conversation, session_id: SessionId) -> SessionDetails:
    sessions = conversation.workspace.sessions
    try:
        first = await sessions.list_messages(session_id, after=0, limit=1)
        last = await sessions.messages(session_id, limit=_LOOKED_INTO)
        spent = await conversation.workspace.chat.spent(session_id)
    except SessionNotFoundError:  # somebody has deleted it meanwhile
        return SessionDetails(first_line="", cost="", last_lines=())
    said = [_line(message) for message in last]
    return SessionDetails(
        first_line=_line(first.messages[0]).removeprefix("> ") if first.messages else "",
        cost=cost_text(spent.usage),
        last_lines=[line for line in said if line],
    )


def _line(message: Message) -> str:
    """The first line of what was said; empty when only tools spoke."""
    text = message.text.strip()
    mark = "> " if message.role is Role.USER else ""
    return mark + sanitised(text.split("\n")[0]) if text else ""
