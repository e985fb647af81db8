"""Inputs that nobody means: at random, and those that were worth keeping."""

from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).parent / "corpus"


def corpus(target: str) -> list[Any]:
    """What is kept for a target, as parameters: a file an input. What fuzzing finds is added here."""
    return [pytest.param(path.read_bytes(), id=path.name) for path in sorted((CORPUS / target).iterdir())]
