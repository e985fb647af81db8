from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.user_state import InputHistoryFile
from atmos_ai_sidecar.adapters.user_state.input_history import KEPT, KEPT_CHARACTERS
from atmos_ai_sidecar.domain.redaction import Redactor
from atmos_ai_sidecar.errors import StorageUnavailableError


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def history(state: Path, project: str = "/project") -> InputHistoryFile:
    return InputHistoryFile(state, project, redact=Redactor(known_values=("very-secret-value",)).redact)


def test_what_was_typed_comes_back_in_order_and_once(state: Path) -> None:
    for text in ("one", "two\nlines", "one"):
        history(state).add(text)
    assert history(state).load() == ["two\nlines", "one"]
    assert history(state, "/other").load() == ()


def test_the_file_is_private_and_has_no_secret(state: Path) -> None:
    file = history(state)
    file.add("the key is very-secret-value")
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert "very-secret-value" not in file.path.read_text()


def test_only_the_newest_are_loaded_and_a_huge_text_is_not_kept(state: Path) -> None:
    file = history(state)
    for number in range(KEPT + 5):
        file.add(f"text {number}")
    file.add("x" * (KEPT_CHARACTERS + 1))
    loaded = file.load()
    assert (len(loaded), loaded[0], loaded[-1]) == (KEPT, "text 5", f"text {KEPT + 4}")


def test_a_file_that_has_grown_is_made_shorter(state: Path) -> None:
    file = history(state)
    for number in range(140):
        file.add(f"{number} " + "x" * (KEPT_CHARACTERS - 10))
    assert file.path.stat().st_size < 1 << 20
    assert file.load()[-1].startswith("139 ")


def test_lines_that_are_not_ours_are_left_out(state: Path) -> None:
    file = history(state)
    file.add("mine")
    with file.path.open("ab") as stream:
        stream.write(b'{"no": "text"}\nnot json\n\xff\n')
    file.add("mine too")
    assert file.load() == ["mine", "mine too"]


def test_a_link_is_not_followed(state: Path, tmp_path: Path) -> None:
    file = history(state)
    file.add("mine")
    file.path.unlink()
    other = tmp_path / "other"
    other.write_text('"theirs"\n')
    file.path.symlink_to(other)
    with pytest.raises(StorageUnavailableError):
        file.load()
    with pytest.raises(StorageUnavailableError):
        file.add("more")
    assert other.read_text() == '"theirs"\n'
