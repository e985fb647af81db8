"""Trust in a project: what it is bound to, and what a person is shown before giving it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from atmos_ai_sidecar.domain.questions import sanitised, wrapped
from atmos_ai_sidecar.domain.requests import digest
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something that a project sets and that matters before anything of it runs."""

    setting: str
    value: str
    file: str = ""
    line: int = 0

    @property
    def text(self) -> str:
        """One line for people, sanitised."""
        where = f" ({sanitised(self.file)}:{self.line})" if self.file else ""
        return f"{sanitised(self.setting, limit=80)}: {sanitised(self.value)}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSubject:
    """A project as it is now."""

    directory: str
    """Absolute and real: the same files elsewhere are another project."""
    files: Mapping[str, str]
    """Every file that configures it, with its SHA-256."""
    claims: Sequence[Claim]

    @property
    def digest(self) -> str:
        """Changes with every byte of every file, and when a file comes or goes."""
        return digest(*(part for name in sorted(self.files) for part in (name, self.files[name])))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRecord:
    """What a person trusted."""

    directory: str
    digest: str
    files: Mapping[str, str]
    claims: Sequence[str]
    """The lines that were shown."""
    trust_time: datetime

    def covers(self, subject: TrustSubject) -> bool:
        """Whether the project is still the one that was trusted."""
        return self.directory == subject.directory and self.digest == subject.digest


def record_of(subject: TrustSubject, trust_time: datetime) -> TrustRecord:
    """What is remembered when a person trusts the project as it is now."""
    return TrustRecord(
        directory=subject.directory,
        digest=subject.digest,
        files=dict(subject.files),
        claims=tuple(claim.text for claim in subject.claims),
        trust_time=trust_time,
    )


def trust_question(subject: TrustSubject, known: TrustRecord | None) -> Sequence[str]:
    """The question, ready to print: what trust allows, what the project sets, what has changed since ``known``."""
    return tuple(_question(subject, known))


def _question(subject: TrustSubject, known: TrustRecord | None) -> Iterator[str]:
    directory = sanitised(subject.directory, limit=400)
    yield from wrapped(f"Do you trust the project {directory}?", first="", then="> ")
    yield "If you do, atmos runs in it, and its files can run programs on this machine."
    yield "What tools answer is sent to the model."
    claims = [claim.text for claim in subject.claims]
    if known is None:
        yield from _listed("It sets:", claims)
        return
    yield f"You trusted it on {known.trust_time:%Y-%m-%d %H:%M} UTC. Since then:"
    yield from _listed("New:", [claim for claim in claims if claim not in known.claims])
    yield from _listed("Gone:", [sanitised(claim) for claim in known.claims if claim not in claims])
    yield from _listed("Files:", list(_changed_files(subject.files, known.files)))


def _changed_files(now: Mapping[str, str], before: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*now, *before}):
        if now.get(name) != before.get(name):
            verb = "changed" if name in now and name in before else "added" if name in now else "removed"
            yield f"{sanitised(name)} {verb}"


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield title
        for line in lines:
            yield from wrapped(line, first="  ", then="  > ")
