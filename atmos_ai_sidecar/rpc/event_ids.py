"""Events of clients that were taken already, so that a client that is not sure may send them again."""

import uuid
from collections import OrderedDict
from typing import Final

from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import InvalidFieldError

MAX_IDS: Final = 4096


class EventIds:
    """The ids that were taken last, of all sessions."""

    def __init__(self) -> None:
        self._taken: OrderedDict[tuple[SessionId, str], None] = OrderedDict()

    def take(self, session_id: SessionId, event_id: str) -> bool:
        """Whether the event is new; an event without an id always is.

        Raises:
            InvalidFieldError: The id is no UUID.
        """
        if not event_id:
            return True
        try:
            key = session_id, str(uuid.UUID(event_id))
        except ValueError as error:
            raise InvalidFieldError("event_id", "must be a UUID or empty") from error
        if key in self._taken:
            return False
        self._taken[key] = None
        if len(self._taken) > MAX_IDS:
            self._taken.popitem(last=False)
        return True

    def release(self, session_id: SessionId, event_id: str) -> None:
        """Forgets an event that came to nothing, so that it may be sent again."""
        if event_id:
            self._taken.pop((session_id, str(uuid.UUID(event_id))), None)
