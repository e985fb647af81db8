import hashlib
import os
import stat
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.user_state import FileChangesFolder, FileChangesInMemory, file_changes
from atmos_ai_sidecar.application.ports.file_changes import FileChanges
from atmos_ai_sidecar.domain.edits import FileChange
from atmos_ai_sidecar.errors import StorageCorruptError, StorageUnavailableError
from tests.fakes.clock import FakeClock

BEFORE = b"a: 1\n"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "atmos-ai"


@pytest.fixture
def folder(state: Path) -> FileChangesFolder:
    return FileChangesFolder(state, "/home/ada/infra", FakeClock())


@pytest.fixture(params=["folder", "memory"])
def changes(request: pytest.FixtureRequest, folder: FileChangesFolder) -> FileChanges:
    return folder if request.param == "folder" else FileChangesInMemory()


def change(turn_id: str = "turn-1", path: str = "/home/ada/infra/a.yaml", before: bytes | None = BEFORE) -> FileChange:
    return FileChange(
        id="",
        turn_id=turn_id,
        path=path,
        before_digest="" if before is None else hashlib.sha256(before).hexdigest(),
        after_digest="after",
        mode=0o644,
    )


def test_the_changes_of_the_last_turn_are_given_in_order(changes: FileChanges) -> None:
    changes.add("s", change("turn-1"), BEFORE)
    changes.add("s", change("turn-2", "/b"), BEFORE)
    changes.add("s", change("turn-2", "/c", None), None)
    found = changes.newest_turn("s")
    assert [(one.turn_id, one.path) for one in found] == [("turn-2", "/b"), ("turn-2", "/c")]
    assert [changes.before("s", one) for one in found] == [BEFORE, None]


def test_what_is_forgotten_gives_way_to_the_turn_before(changes: FileChanges) -> None:
    changes.add("s", change("turn-1"), BEFORE)
    changes.add("s", change("turn-2"), BEFORE)
    changes.forget("s", changes.newest_turn("s"))
    assert [one.turn_id for one in changes.newest_turn("s")] == ["turn-1"]
    changes.forget("s", changes.newest_turn("s"))
    assert changes.newest_turn("s") == ()


def test_sessions_do_not_see_each_others_changes(changes: FileChanges) -> None:
    changes.add("one", change(), BEFORE)
    assert changes.newest_turn("two") == ()
    assert changes.newest_turn("../one") == ()


def test_only_so_many_changes_are_kept(changes: FileChanges, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_changes, "KEPT_CHANGES", 3)
    for number in range(5):
        changes.add("s", change(path=f"/{number}"), BEFORE)
    assert [one.path for one in changes.newest_turn("s")] == ["/2", "/3", "/4"]


def test_only_so_many_bytes_are_kept_but_always_the_newest(
    changes: FileChanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_changes, "KEPT_BYTES", 4)
    changes.add("s", change(path="/1"), BEFORE)
    changes.add("s", change(path="/2"), BEFORE)
    assert [one.path for one in changes.newest_turn("s")] == ["/2"]


def test_everything_is_for_the_user_alone_and_outlives_the_process(folder: FileChangesFolder, state: Path) -> None:
    folder.add("s", change(), BEFORE)
    for path in (state, *state.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    again = FileChangesFolder(state, "/home/ada/infra", FakeClock())
    (found,) = again.newest_turn("s")
    assert again.before("s", found) == BEFORE
    assert FileChangesFolder(state, "/home/ada/other", FakeClock()).newest_turn("s") == ()


def test_what_a_crash_left_halfway_is_no_change(folder: FileChangesFolder, state: Path) -> None:
    folder.add("s", change(path="/1"), BEFORE)
    (kept,) = state.rglob("*.before")
    kept.with_name("00000002.before").write_bytes(b"half")
    kept.with_name("00000002.new").write_bytes(b"{")
    assert [one.path for one in folder.newest_turn("s")] == ["/1"]
    folder.add("s", change(path="/2"), BEFORE)
    assert [one.path for one in folder.newest_turn("s")] == ["/1", "/2"]


def test_what_was_tampered_with_is_not_restored(folder: FileChangesFolder, state: Path) -> None:
    folder.add("s", change(), BEFORE)
    (found,) = folder.newest_turn("s")
    (kept,) = state.rglob("*.before")
    kept.write_bytes(b"other")
    with pytest.raises(StorageCorruptError, match="not what was kept"):
        folder.before("s", found)
    kept.unlink()
    with pytest.raises(StorageUnavailableError):
        folder.before("s", found)
    kept.with_suffix(".json").write_text("[]")
    with pytest.raises(StorageCorruptError):
        folder.newest_turn("s")


def test_sessions_that_changed_nothing_for_a_month_are_dropped(state: Path) -> None:
    clock = FakeClock()
    folder = FileChangesFolder(state, "/home/ada/infra", clock)
    folder.add("old", change(), BEFORE)
    (kept,) = {path.parent for path in state.rglob("*.before")}
    longest_ago = clock.now().timestamp() - file_changes.KEPT_SECONDS - 1
    os.utime(kept, (longest_ago, longest_ago))
    folder.add("new", change(), BEFORE)
    assert folder.newest_turn("old") == ()
    assert len(folder.newest_turn("new")) == 1


def test_a_state_directory_that_is_no_folder_is_told(folder: FileChangesFolder, state: Path) -> None:
    state.parent.mkdir(parents=True)
    state.write_text("a file")
    with pytest.raises(StorageUnavailableError):
        folder.add("s", change(), BEFORE)
