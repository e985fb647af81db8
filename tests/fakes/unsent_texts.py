from typing import TYPE_CHECKING

from atmos_ai_sidecar.application.ports.unsent_texts import Unsent

if TYPE_CHECKING:
    from atmos_ai_sidecar.errors import SidecarError


class FakeUnsentTexts:
    """What chats have not sent, in memory; ``left`` is what broken ones left, by session."""

    def __init__(self) -> None:
        self.left: dict[str, Unsent] = {}
        self.kept: Unsent | None = None
        self.is_closed = False
        self.error: SidecarError | None = None

    def take_over(self, session_id: str) -> Unsent | None:
        self._check()
        return self.left.pop(session_id, None)

    def keep(self, unsent: Unsent) -> None:
        self._check()
        self.kept = None if unsent.is_empty else unsent

    def close(self, last: Unsent | None) -> None:
        self.is_closed = True
        if last is not None:
            self.keep(last)

    def _check(self) -> None:
        if self.error is not None:
            raise self.error
