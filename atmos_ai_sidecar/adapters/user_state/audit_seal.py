import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.user_state.json_file import JsonFile
from atmos_ai_sidecar.adapters.user_state.state_directory import project_folder
from atmos_ai_sidecar.domain.audit import Head, Seal

LOCK_SECONDS = 15.0
"""A row takes under a millisecond; a hundred processes that write at once must not give up."""


class AuditSealFile:
    """The ``SealStore`` of one chain: ``audit-….json`` in the user's state directory.

    A chain belongs to a user, a project and the place of its sessions: who opens another place begins another chain.
    """

    def __init__(self, state: Path, project: str, place: str) -> None:
        self._project = project
        name = f"audit-{sha256(place.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
        path = project_folder(state, project) / f"{name}.json"
        self._file = JsonFile(path, state, lock=f"{name}.lock", lock_seconds=LOCK_SECONDS)

    @property
    def path(self) -> Path:
        return self._file.path

    def load(self) -> Seal | None:
        """The seal; see ``SealStore``."""
        values = self._file.read()
        if values is None:
            return None
        try:
            if values["project"] != self._project:
                raise self._file.corrupt(f"it belongs to {values['project']!r}")
            return _seal(values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._file.corrupt("it is not as this program writes it") from error

    @contextmanager
    def held(self) -> Iterator["_Held"]:
        """The seal under its lock; see ``SealStore``."""
        with self._file.locked():
            seal = self.load()
            held = _Held(self._file, self._project)
            if seal is None:
                held.save(Seal(chain=secrets.token_hex(16), key=secrets.token_bytes(32)), is_durable=True)
            else:
                held.seal = seal
            yield held


class _Held:
    seal: Seal

    def __init__(self, file: JsonFile, project: str) -> None:
        self._file = file
        self._project = project

    def save(self, seal: Seal, *, is_durable: bool = False) -> None:
        """Replaces it. It outlives a crash of the process like the rows do; neither outlives every loss of power."""
        values: dict[str, Any] = {
            "project": self._project,
            "chain": seal.chain,
            "key": seal.key.hex(),
            "head": _head_entry(seal.head),
            "announced": _head_entry(seal.announced) if seal.announced else None,
            "floor": _head_entry(seal.floor),
            "floor_time": seal.floor_time,
        }
        self._file.write(values, is_durable=is_durable)
        self.seal = seal


class AuditSealInMemory:
    """The ``SealStore`` of a chain that is gone when its store is."""

    def __init__(self) -> None:
        self.seal = Seal(chain=secrets.token_hex(16), key=secrets.token_bytes(32))

    def load(self) -> Seal | None:
        """The seal; see ``SealStore``."""
        return self.seal

    @contextmanager
    def held(self) -> Iterator["AuditSealInMemory"]:
        """The seal; one task at a time uses it."""
        yield self

    def save(self, seal: Seal, *, is_durable: bool = False) -> None:  # noqa: ARG002 - there is nothing to outlive
        """Replaces it."""
        self.seal = seal


def _head_entry(head: Head) -> dict[str, Any]:
    return {"number": head.number, "code": head.code}


def _seal(values: Mapping[str, Any]) -> Seal:
    chain, key = values["chain"], bytes.fromhex(values["key"])
    if not isinstance(chain, str) or len(key) < 32:  # noqa: PLR2004 - as many bytes as SHA-256 has
        raise ValueError(chain)
    announced = values["announced"]
    floor_time = values.get("floor_time", "")
    if not isinstance(floor_time, str):
        raise TypeError(floor_time)
    return Seal(
        chain=chain,
        key=key,
        head=_head(values["head"]),
        announced=None if announced is None else _head(announced),
        floor=_head(values["floor"]) if "floor" in values else Head(),
        floor_time=floor_time,
    )


def _head(values: Mapping[str, Any]) -> Head:
    number, code = values["number"], values["code"]
    if type(number) is not int or number < 0 or not isinstance(code, str):
        raise ValueError(number)
    return Head(number=number, code=code)
