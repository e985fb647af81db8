"""Prepares what `atmos-ai demo` runs on: a copy of the demo project, the replayed Atmos and the offline model."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from atmos_ai_sidecar.errors import StorageUnavailableError

DEMO = Path(__file__).parent
ATMOS = DEMO / "bin" / "atmos"
"""The replayed Atmos."""

PIECE_DELAY_SECONDS = 0.015
"""The pause between two pieces of a streamed answer, so that it reads like a model's."""

FIRST_QUESTIONS = (
    "Which stacks are there?",
    "What is the CIDR of the VPC in ue1-prod?",
    "Validate the stacks.",
)
"""What the demo asks where there is no terminal to ask on. None of them needs an approval."""

FIRST_PROMPTS = (
    *FIRST_QUESTIONS,
    "Compare the database in ue1-dev and ue1-prod.",
    "What depends on the vpc in ue1-prod?",
    "Plan the database in ue1-prod.",
    "Write a report about the project.",
    "Set replicas of the storefront in ue1-prod to 8.",
)
"""What the chat of the demo offers. The plan and the change ask first."""

NOTICE = (
    "Demo: the model is offline and rule-based (no language model), Atmos is a replay of 1.226.1; "
    "nothing leaves this machine."
)
"""The one line that says what is not real."""


HIDDEN = (
    *("ATMOS_BASE_PATH", "ATMOS_CHDIR", "ATMOS_CLI_CONFIG_PATH", "ATMOS_CONFIG", "ATMOS_CONFIG_PATH"),
    *("ATMOS_PROFILE", "ATMOS_IDENTITY", "ATMOS_AI_PROVIDER", "ATMOS_AI_MCP"),
)
"""Variables that would lead away from the demo project or its model; those of the model's wire are hidden too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEnvironment:
    """Where the demo runs, and with which environment."""

    project: Path
    """The copy of the demo project, to be used as working directory."""

    variables: Mapping[str, str]
    """What the demo sets."""

    def over(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return `environment` for the demo: no real model, real key, other project or proxy is left in it."""
        kept = {
            name: value
            for name, value in environment.items()
            if name not in HIDDEN and not name.startswith("ANTHROPIC_") and not name.lower().endswith("_proxy")
        }
        # The replay is started by whatever `python3` comes first: the one that runs this is known to be there.
        path = os.pathsep.join(filter(None, (str(Path(sys.executable).parent), kept.get("PATH", ""))))
        return kept | {"PATH": path} | dict(self.variables)


@contextmanager
def demo_folder() -> Iterator[Path]:
    """A temporary folder for the demo, which is gone afterwards.

    Raises:
        StorageUnavailableError: There is no place for it.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="atmos-ai-demo-")
    except OSError as error:
        raise _no_place("the temporary folder", error) from error
    with folder as directory:
        yield Path(directory)


def _no_place(where: str, error: OSError) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"The demo project cannot be copied to {where}: {error.strerror or 'a file could not be written'}.",
        remedy="Free some space there, or set TMPDIR to a folder of yours.",
    )


def prepare_demo(directory: Path, model_url: str) -> DemoEnvironment:
    """Copy the demo project into `directory` and return how to run on it.

    Args:
        directory: An existing directory that the caller owns and removes, such as a temporary one.
        model_url: The URL of a running offline model.

    Raises:
        StorageUnavailableError: The project could not be copied.
    """
    project = directory.resolve() / "fleet"
    try:
        shutil.copytree(DEMO / "project", project, copy_function=shutil.copyfile)
        for path in (project, *project.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # the package may be installed read-only
    except OSError as error:  # of a tree it holds all failures, so it has no words of its own
        raise _no_place(str(directory), error) from error
    variables = {
        "ANTHROPIC_BASE_URL": model_url,
        "ANTHROPIC_API_KEY": "offline-demo",
        "ATMOS_AI_ATMOS": str(ATMOS),
        "XDG_STATE_HOME": str(project.parent / "state"),  # a home may be missing, full or not to be written
    }
    return DemoEnvironment(project=project, variables=variables)
