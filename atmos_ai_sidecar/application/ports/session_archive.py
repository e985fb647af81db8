from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from atmos_ai_sidecar.application.ports.session_store import SessionDraft
from atmos_ai_sidecar.domain.messages import Message
from atmos_ai_sidecar.domain.sessions import ContextItem, Session
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionImport:
    """A whole session that comes from elsewhere."""

    draft: SessionDraft
    messages: Sequence[Message]
    context_items: Sequence[ContextItem] = ()
    create_time: datetime | None = None
    archived: bool = False


class SessionArchive(Protocol):
    """Whole sessions at once. Every write is one transaction: a session is there entirely or not at all."""

    async def import_session(self, imported: SessionImport, *, overwrite: bool = False) -> Session:
        """Stores a session with its messages and facts; it counts as changed now.

        A repeat of the draft's request id returns the session that it made before. ``overwrite`` replaces a session
        of the same name together with all that belonged to it.

        Raises:
            SessionExistsError: The name is taken and ``overwrite`` is off.
            TurnInProgressError: A turn is running in the session that would be replaced.
        """

    async def clean_sessions(self, project_path: str, *, before: datetime, dry_run: bool = False) -> Sequence[Session]:
        """Deletes the project's sessions that did not change since ``before``, and returns them, oldest first.

        The session that changed last is kept whatever its age, and so are sessions in which a turn is running and
        those of other authors. With ``dry_run`` nothing is deleted.
        """
