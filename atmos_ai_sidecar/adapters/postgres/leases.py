"""Who may write in a session: at most one sidecar runs a turn in it, told by a lease in its row.

A lease has an epoch that grows with every change of hands, and a time by the server's clock. Every write takes the
row's lock and checks both, so a holder that was paused for longer than its lease writes nothing any more, whether
somebody took over or not. Source: fencing tokens, Kleppmann, "How to do distributed locking" (2016).
"""

from typing import Any, Final

from psycopg import AsyncConnection

from atmos_ai_sidecar.errors import SessionNotFoundError, TurnInProgressError, TurnTakenOverError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

LEASE_SECONDS: Final = 30.0
_LOCK = """
    SELECT name, message_count, last_seq, lease_owner, lease_turn, lease_epoch, lease_expires_at > clock_timestamp()
    FROM sessions WHERE id = %s FOR UPDATE
"""
_GIVE = """
    UPDATE sessions
    SET lease_owner = %s, lease_turn = %s, lease_epoch = lease_epoch + 1,
        lease_expires_at = clock_timestamp() + %s * INTERVAL '1 second'
    WHERE id = %s
"""
_TAKE = """
    UPDATE sessions
    SET lease_owner = '', lease_turn = '', lease_epoch = lease_epoch + 1, lease_expires_at = '1970-01-01T00:00:00Z'
    WHERE id = %s
"""
_RENEW = """
    UPDATE sessions SET lease_expires_at = clock_timestamp() + %s * INTERVAL '1 second'
    WHERE id = %s AND lease_epoch = %s AND lease_expires_at > clock_timestamp()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A turn that this process runs."""

    owner: str
    turn_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSession:
    """A session's row, locked to the end of the transaction."""

    id: str
    name: str
    message_count: int
    last_seq: int
    lease_owner: str
    lease_turn: str
    lease_epoch: int
    is_held: bool
    """The lease has not run out by the server's clock."""

    def require_writable(self, lease: Lease | None) -> None:
        """Returns when the holder of ``lease``, or of none, may write.

        Raises:
            TurnTakenOverError: The lease is not the session's any more, or has run out.
            TurnInProgressError: Another sidecar holds the session.
        """
        if lease is not None and (self.lease_epoch != lease.epoch or not self.is_held):
            raise TurnTakenOverError(self.name, self.lease_owner if self.lease_epoch != lease.epoch else "")
        if lease is None and self.is_held and self.lease_turn:
            raise TurnInProgressError(self.name, self.lease_owner)


async def lock(connection: AsyncConnection[Any], session_id: str) -> LockedSession:
    """Locks the row of a session.

    Raises:
        SessionNotFoundError: There is none.
    """
    row = await (await connection.execute(_LOCK, (session_id,))).fetchone()
    if row is None:
        raise SessionNotFoundError(session_id)
    name, message_count, last_seq, owner, turn, epoch, is_held = row
    return LockedSession(
        id=session_id,
        name=name,
        message_count=message_count,
        last_seq=last_seq,
        lease_owner=owner,
        lease_turn=turn,
        lease_epoch=epoch,
        is_held=is_held,
    )


async def give(
    connection: AsyncConnection[Any], session: LockedSession, owner: str, turn_id: str, seconds: float
) -> Lease:
    """Makes ``owner`` the holder of a locked session."""
    await connection.execute(_GIVE, (owner, turn_id, seconds, session.id))
    return Lease(owner=owner, turn_id=turn_id, epoch=session.lease_epoch + 1)


async def take_back(connection: AsyncConnection[Any], session: LockedSession) -> None:
    """Ends the lease of a locked session; whoever held it writes nothing any more."""
    await connection.execute(_TAKE, (session.id,))


async def renew(connection: AsyncConnection[Any], session_id: str, lease: Lease, seconds: float) -> None:
    """Prolongs a lease that is still held; one that has run out stays so."""
    await connection.execute(_RENEW, (seconds, session_id, lease.epoch))
