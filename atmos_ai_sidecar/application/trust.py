"""The gate in front of everything that a project can run or redirect."""

from collections.abc import Mapping, Sequence

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.trust_store import TrustStore
from atmos_ai_sidecar.domain.trust import TrustSubject, record_of, trust_question
from atmos_ai_sidecar.errors import ProjectUntrustedError

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

    def is_trusted(self, project: TrustSubject) -> bool:
        """Whether the project as it is now was trusted: every byte of its configuration counts."""
        if self._for_this_run:
            return True
        known = self._store.load(project.directory)
        return known is not None and known.covers(project)

    def is_known(self, project: TrustSubject) -> bool:
        """Whether some version of the project was trusted before."""
        return self._store.load(project.directory) is not None

    def require(self, project: TrustSubject) -> None:
        """Returns when the project is trusted.

        Raises:
            ProjectUntrustedError: It is not, and nobody was asked.
        """
        if not self.is_trusted(project):
            raise ProjectUntrustedError(project.directory)

    def question(self, project: TrustSubject) -> Sequence[str]:
        """What to ask a person, ready to print: all that matters, or what has changed since the last answer."""
        return trust_question(project, self._store.load(project.directory))

    def remember(self, project: TrustSubject) -> None:
        """Stores that the project as it is now, and no other version of it, is trusted."""
        self._store.save(record_of(project, self._clock.now()))
