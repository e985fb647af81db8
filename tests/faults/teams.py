"""Machines of a team: copies of a project at places of their own, whose sessions lie on one PostgreSQL server."""

import shutil
from dataclasses import replace
from pathlib import Path

import psycopg

from tests.e2e.conftest import Project


def share(project: Project, url: str, *, more: str = "") -> None:
    """Puts the project's sessions on the server."""
    settings = f'storage: postgres\n    url: "{url}"\n    project: github.com/acme/infra\n{more}'
    project.edit("  sessions:\n", f"  sessions:\n    {settings}")


def other_machine(project: Project, directory: Path) -> Project:
    """The same project with the same settings at another path."""
    shutil.copytree(project.directory, directory)
    return replace(project, directory=directory)


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()
