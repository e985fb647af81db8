"""Other processes on the same store: who runs a turn in a session, and the end of what nobody runs any more."""

from collections.abc import Callable

from atmos_ai_sidecar.application.ports.journal import Journal
from atmos_ai_sidecar.application.ports.owners import Owners
from atmos_ai_sidecar.application.recovery import Recovery
from atmos_ai_sidecar.domain.sessions import SessionId


class Neighbours:
    """The other processes that share the store of this one."""

    def __init__(
        self,
        journal: Journal,
        owners: Owners,
        recovery: Recovery,
        *,
        owner: str,
        is_claimed: Callable[[str], bool],
    ) -> None:
        self._journal = journal
        self._is_claimed = is_claimed
        self._owners = owners
        self._recovery = recovery
        self._owner = owner

    async def is_running(self, session_id: SessionId) -> bool:
        """Whether a living process other than this one runs a turn in the session.

        A turn whose process has died, or an own one whose end the store did not take, is ended as interrupted before
        this returns.

        Raises:
            StorageBusyError, StorageUnavailableError and their kin
        """
        for turn in await self._journal.open_turns():
            if turn.session_id != session_id:
                continue
            if turn.owner == self._owner:
                if not self._is_claimed(turn.turn_id):
                    await self._recovery.end(turn)
            elif self._owners.is_alive(turn.owner):
                return True
            else:
                await self._recovery.recover()
        return False
