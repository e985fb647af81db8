"""The gate in front of everything that a project can run or redirect."""

from collections.abc import Mapping

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.trust_store import TrustStore
from atmos_ai_sidecar.application.workspace import TrustQuestion
from atmos_ai_sidecar.domain.trust import TrustSubject, record_of, trust_question

VARIABLE = "ATMOS_AI_TRUST_PROJECT"


def is_run_trusted(environment: Mapping[str, str], *, flag: bool) -> bool:
    """Whether the user vouches for the project for this run alone: by ``--trust-project`` or by the variable."""
    return flag or environment.get(VARIABLE, "").lower() in {"1", "true", "yes"}


class Trust:
    """Whether a project may start programs and send data. An answer is stored, a flag holds for one run."""

    def __init__(self, store: TrustStore, clock: Clock, *, for_this_run: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._for_this_run = for_this_run

    def question(self, project: TrustSubject) -> TrustQuestion | None:
        """What to ask a person before the project is trusted; None when it is: every byte of its configuration counts.

        The question says all that matters, or what has changed since the last answer.
        """
        if self._for_this_run:
            return None
        known = self._store.load(project.directory)
        if known is not None and known.covers(project):
            return None
        return TrustQuestion(
            project_path=project.directory, lines=trust_question(project, known), has_changed=known is not None
        )

    def remember(self, project: TrustSubject) -> None:
        """Stores that the project as it is now, and no other version of it, is trusted."""
        self._store.save(record_of(project, self._clock.now()))
