from collections.abc import Mapping
from pathlib import Path

import pytest

from atmos_ai_sidecar.configuration import AtmosFlags, Config, load_configuration


class ProjectFolder:
    """A project on disk, and the environment that it is read in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment: dict[str, str] = {"HOME": str(directory / "home")}

    def write(self, text: str, name: str = "atmos.yaml") -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(
        self, directory: str = "", flags: AtmosFlags | None = None, environment: Mapping[str, str] | None = None
    ) -> Config:
        return load_configuration(
            str(self.directory / directory), {**self.environment, **(environment or {})}, flags, allow_disabled=True
        )


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    folder = tmp_path.resolve() / "project"
    folder.mkdir()
    return ProjectFolder(folder)
