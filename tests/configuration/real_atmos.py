"""Compares what we read with what a real Atmos reads, where ``ATMOS_AI_TEST_ATMOS`` names one.

Only for files that a test knows to be harmless: Atmos runs the functions in them.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.configuration import AtmosFlags, Config
from tests.configuration.conftest import ProjectFolder

REAL = os.environ.get("ATMOS_AI_TEST_ATMOS", "")
RENAMED = {"ai.default_provider": "ai.provider"}


class ComparedFolder(ProjectFolder):
    """A project whose every successful reading is compared."""

    def load(
        self, directory: str = "", flags: AtmosFlags | None = None, environment: Mapping[str, str] | None = None
    ) -> Config:
        config = super().load(directory, flags, environment)
        if REAL and flags is None:
            compare(config, self.directory / directory, {**self.environment, **(environment or {})})
        return config


def compare(config: Config, directory: Path, environment: Mapping[str, str]) -> None:
    """Fails when Atmos gives another value to a key of ``ai`` that both read."""
    surroundings = {"PATH": os.environ["PATH"], "ATMOS_TELEMETRY_ENABLED": "false", **environment}
    question = [REAL, "describe", "config", "--format", "json", "--mask=false"]
    answer = subprocess.run(
        question, cwd=directory, env=surroundings, capture_output=True, text=True, timeout=30, check=False
    )
    assert answer.returncode == 0, answer.stderr
    theirs = dict(flattened("ai", json.loads(answer.stdout).get("ai", {})))
    assert theirs, "Atmos knows no section ai"
    ours = {key: value for key, value in config.values.items() if key in theirs and value != "(hidden)"}
    assert ours == {key: theirs[key] for key in ours}


def flattened(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flattened(f"{name}.{key}", inner)
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value))
    else:
        yield RENAMED.get(name, name), str(value).lower() if isinstance(value, bool) else str(value)
