import fcntl
import json
import multiprocessing
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.user_state import GrantsFile, TrustFile, json_file
from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.domain.trust import TrustRecord
from atmos_ai_sidecar.errors import SidecarError, StorageBusyError, StorageCorruptError, StorageUnavailableError

GRANT = Grant(
    tool="atmos_terraform_plan",
    allow=True,
    input={"stack": "ue1-prod", "targets": ["a"]},
    session_id="s1",
    user="me",
    create_time=datetime(2026, 3, 4, 5, 6, tzinfo=UTC),
)
RECORD = TrustRecord(
    directory="/p",
    digest="abc",
    files={"atmos.yaml": "aa"},
    claims=("ai.provider: x",),
    trust_time=datetime(2026, 3, 4, tzinfo=UTC),
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state/atmos-ai"


def test_grants_come_back_as_they_were_in_their_order(state: Path) -> None:
    file = GrantsFile(state, "/p")
    assert file.load() == ()
    other = Grant(tool="t", allow=False)
    stored = file.add(GRANT)
    assert stored == replace(GRANT, id=stored.id)
    assert len(stored.id) == 8
    second = file.add(other)
    assert GrantsFile(state, "/p").load() == (stored, second)
    assert GrantsFile(state, "/q").load() == ()


def test_trust_comes_back_as_it_was_and_is_replaced(state: Path) -> None:
    file = TrustFile(state)
    assert file.load("/p") is None
    file.save(RECORD)
    file.save(replace(RECORD, digest="new"))
    assert TrustFile(state).load("/p") == replace(RECORD, digest="new")
    assert file.load("/q") is None


def test_a_path_that_is_no_utf_8_can_be_trusted(state: Path) -> None:
    record = replace(RECORD, directory="/p\udcff", files={"\udcff.yaml": "aa"})
    TrustFile(state).save(record)
    assert TrustFile(state).load("/p\udcff") == record


def test_files_are_for_the_user_alone_whatever_the_umask(state: Path) -> None:
    before = os.umask(0)
    try:
        GrantsFile(state, "/p").add(GRANT)
    finally:
        os.umask(before)
    folder = GrantsFile(state, "/p").path.parent
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "grants.json": 0o600,
        "lock": 0o600,
    }


def write_grants(state: Path, text: str) -> None:
    path = GrantsFile(state, "/p").path
    path.parent.mkdir(parents=True)
    path.write_text(text)


def grants_with(**changes: object) -> str:
    """A grants file with one entry that is right but for the changes; None leaves a field out."""
    entry = {"tool": "t", "allow": True, "input": {}, "session_id": "", "user": "", "create_time": "", **changes}
    entry = {name: value for name, value in entry.items() if value is not None}
    return json.dumps({"version": 1, "project": "/p", "grants": [entry]})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no JSON"),
        ('{"version": 1', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "version 1"),
        ('{"version": 2}', "version 1"),
        ('{"version": 1}', "not a grant"),
        ('{"version": 1, "project": "/q", "grants": []}', "belongs to '/q'"),
        ('{"version": 1, "project": "/p", "grants": [3]}', "not a grant"),
        (grants_with(tool=1), "not a grant"),
        (grants_with(allow=1), "not a grant"),
        (grants_with(input=None), "not a grant"),
        (grants_with(input=[]), "not a grant"),
        (grants_with(create_time="x"), "not a grant"),
    ],
)
def test_a_broken_file_is_named_left_alone_and_gives_no_grant(state: Path, content: str, problem: str) -> None:
    write_grants(state, content)
    file = GrantsFile(state, "/p")
    for use in (file.load, lambda: file.add(GRANT)):
        with pytest.raises(StorageCorruptError, match=problem) as caught:
            use()
        assert str(file.path) in str(caught.value)
    assert file.path.read_text() == content


def test_a_broken_trust_file_is_named_and_left_alone(state: Path) -> None:
    file = TrustFile(state)
    file.save(RECORD)
    for content in ('{"version": 1, "project": "/p", "digest": "abc"}', '{"version": 1, "project": "/q"}'):
        file.path("/p").write_text(content)
        with pytest.raises(StorageCorruptError):
            file.load("/p")
        with pytest.raises(StorageCorruptError):
            file.save(RECORD)
        assert file.path("/p").read_text() == content


def test_a_file_that_is_too_large_is_refused(state: Path) -> None:
    write_grants(state, " " * (json_file.MAX_BYTES + 1))
    with pytest.raises(StorageCorruptError, match="too large"):
        GrantsFile(state, "/p").load()


def test_a_link_or_a_pipe_in_place_of_the_file_is_refused(state: Path, tmp_path: Path) -> None:
    file = GrantsFile(state, "/p")
    file.path.parent.mkdir(parents=True)
    file.path.symlink_to(tmp_path / "planted.json")
    with pytest.raises(StorageCorruptError, match="it is a link"):
        file.load()
    file.path.unlink()
    os.mkfifo(file.path)
    with pytest.raises(StorageCorruptError, match="not a file of yours"):
        file.load()


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    file = GrantsFile(tmp_path / "state/atmos-ai", "/p")
    with pytest.raises(StorageUnavailableError, match="state"):
        file.load()
    with pytest.raises(StorageUnavailableError, match="state"):
        file.add(GRANT)


def test_a_lock_that_is_held_too_long_is_one_clear_error(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("atmos_ai_sidecar.adapters.user_state.json_file.time.monotonic", lambda: next(clock))
    file = GrantsFile(state, "/p")
    file.add(GRANT)
    with (file.path.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StorageBusyError, match="Another process holds"):
            file.add(GRANT)
    file.add(GRANT)
    assert len(file.load()) == 1


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = GrantsFile(state, "/p")
    stored = file.add(GRANT)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageUnavailableError, match="No space left"):
        file.add(GRANT)
    assert file.load() == (stored,)
    assert sorted(path.name for path in file.path.parent.iterdir()) == ["grants.json", "lock"]


def add_grants(state: Path, number: int) -> None:
    for count in range(20):
        GrantsFile(state, "/p").add(Grant(tool=f"{number}-{count}", allow=True))


def test_processes_that_write_at_once_lose_nothing(state: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=add_grants, args=(state, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len({grant.tool for grant in GrantsFile(state, "/p").load()}) == 60


def test_a_grant_has_everything_back_that_it_was_stored_with(state: Path) -> None:
    file = GrantsFile(state, "/p")
    grant = replace(
        GRANT,
        command=("terraform", "plan"),
        command_class=CommandClass.PLAN,
        from_session="s0",
        expire_time=datetime(2027, 1, 1, tzinfo=UTC),
        uses=3,
    )
    stored = file.add(grant)
    assert file.load() == (replace(grant, id=stored.id),)


def test_the_same_rule_again_takes_the_place_of_the_first(state: Path) -> None:
    file = GrantsFile(state, "/p")
    first = file.add(GRANT)
    second = file.add(replace(GRANT, user="you", expire_time=datetime(2027, 1, 1, tzinfo=UTC)))
    assert file.load() == (second,)
    assert first.id != second.id


def test_grants_are_removed_by_id_and_uses_counted(state: Path) -> None:
    file = GrantsFile(state, "/p")
    first, second = file.add(GRANT), file.add(Grant(tool="t", allow=False))
    file.count_use(second.id)
    file.count_use(second.id)
    file.count_use("gone")
    assert file.remove([first.id, "unknown"]) == (first,)
    assert file.remove(["unknown"]) == ()
    assert file.load() == (replace(second, uses=2),)


def test_an_entry_of_the_first_versions_is_a_grant_with_an_id_that_stays(state: Path) -> None:
    write_grants(state, grants_with())
    (grant,) = GrantsFile(state, "/p").load()
    assert (grant.tool, grant.expire_time, grant.uses, grant.command) == ("t", None, 0, ())
    assert grant.id
    assert GrantsFile(state, "/p").remove([grant.id]) == (grant,)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": 3},
        {"command": "plan"},
        {"command": [1]},
        {"command_class": "harmless"},
        {"uses": True},
        {"expire_time": "2027-01-01T00:00:00"},
        {"expire_time": None},
        {"from_session": None},
    ],
)
def test_an_entry_that_lacks_what_limits_it_is_no_grant(state: Path, changes: dict[str, object]) -> None:
    whole: dict[str, object] = {
        "id": "a",
        "command": [],
        "command_class": None,
        "from_session": "",
        "expire_time": "",
        "uses": 0,
    }
    entry: dict[str, object] = {"tool": "t", "allow": True, "input": {}, "session_id": "", "user": "", **whole}
    entry["create_time"] = ""
    entry.update(changes)
    entry = {name: value for name, value in entry.items() if value is not None or name == "command_class"}
    write_grants(state, json.dumps({"version": 1, "project": "/p", "grants": [entry]}))
    with pytest.raises(StorageCorruptError, match="not a grant"):
        GrantsFile(state, "/p").load()


def count_uses(state: Path, grant_id: str) -> None:
    for _ in range(20):
        GrantsFile(state, "/p").count_use(grant_id)


def test_uses_that_processes_count_at_once_are_all_counted(state: Path) -> None:
    stored = GrantsFile(state, "/p").add(GRANT)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count_uses, args=(state, stored.id)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert GrantsFile(state, "/p").load() == (replace(stored, uses=40),)


def test_every_error_says_what_to_do(state: Path) -> None:
    write_grants(state, "x")
    with pytest.raises(SidecarError) as caught:
        GrantsFile(state, "/p").load()
    assert caught.value.remedy
