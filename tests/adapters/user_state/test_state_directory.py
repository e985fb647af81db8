from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.user_state import state_directory
from atmos_ai_sidecar.adapters.user_state.state_directory import make_private, project_folder
from atmos_ai_sidecar.errors import StorageUnavailableError


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/me"}, "linux", "/state/atmos-ai"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/me"}, "linux", "/home/me/.local/state/atmos-ai"),
        ({"HOME": "/home/me"}, "linux", "/home/me/.local/state/atmos-ai"),
        ({"HOME": "/Users/me"}, "darwin", "/Users/me/Library/Application Support/atmos-ai"),
        ({"XDG_STATE_HOME": "/state"}, "darwin", "/state/atmos-ai"),
    ],
)
def test_the_folder_follows_the_platform_and_the_given_environment(
    environment: dict[str, str], platform: str, expected: str
) -> None:
    assert state_directory(environment, platform) == Path(expected)


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_a_home_there_is_one_clear_error(environment: dict[str, str]) -> None:
    with pytest.raises(StorageUnavailableError, match="HOME is not set"):
        state_directory(environment)


def test_projects_have_folders_of_their_own(tmp_path: Path) -> None:
    assert project_folder(tmp_path, "/a") != project_folder(tmp_path, "/b")
    assert project_folder(tmp_path, "/a") == project_folder(tmp_path, "/a")
    assert project_folder(tmp_path, "/\udcff").parent == tmp_path / "projects"


def test_folders_are_private_also_when_they_were_not(tmp_path: Path) -> None:
    state = tmp_path / "deep/state/atmos-ai"
    state.mkdir(parents=True, mode=0o755)
    folder = project_folder(state, "/a")
    make_private(folder, state)
    assert {path.stat().st_mode & 0o777 for path in (state, folder.parent, folder)} == {0o700}


def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "atmos-ai").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageUnavailableError, match="not a folder of yours"):
        make_private(project_folder(tmp_path / "atmos-ai", "/a"), tmp_path / "atmos-ai")


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "atmos-ai").write_text("")
    with pytest.raises(StorageUnavailableError, match="atmos-ai: File exists"):
        make_private(project_folder(tmp_path / "atmos-ai", "/a"), tmp_path / "atmos-ai")
