import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.errors import StorageUnavailableError
from tests.adapters.local_tools.files.workbench import VPC, Workbench

PATH = "stacks/catalog/vpc.yaml"
OLD, NEW = "team: platform", "team: network"


async def test_an_edit_replaces_one_text_and_shows_what_changed(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    output = await bench.out("edit", path=PATH, old=OLD, new=NEW)
    assert bench.text(PATH) == VPC.replace(OLD, NEW)
    assert output.startswith(f"Changed {PATH} (+1 -1 lines):\n@@ ")
    assert "-        team: platform\n+        team: network" in output


async def test_an_edit_can_follow_an_edit_without_reading_again(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    await bench.out("edit", path=PATH, old=OLD, new=NEW)
    await bench.out("edit", path=PATH, old=NEW, new="team: shop")
    assert "team: shop" in bench.text(PATH)


async def test_the_mode_of_a_file_is_kept(bench: Workbench) -> None:
    path = bench.write("run.sh", "echo 1\n")
    path.chmod(0o750)
    await bench.out("read", path="run.sh")
    await bench.out("edit", path="run.sh", old="1", new="2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert [entry.name for entry in bench.folder.iterdir() if entry.name.endswith(".tmp")] == []


async def test_a_new_file_is_created_with_its_folders_and_the_callers_umask(bench: Workbench) -> None:
    output = await bench.out("write", path="stacks/new/team/a.yaml", content="a: 1\nb: 2\n")
    assert output == "Created stacks/new/team/a.yaml (2 lines)."
    created = bench.folder / "stacks/new/team/a.yaml"
    assert created.read_text() == "a: 1\nb: 2\n"
    assert stat.S_IMODE(created.stat().st_mode) == 0o644
    assert stat.S_IMODE(created.parent.stat().st_mode) == 0o755


async def test_a_file_is_replaced_as_a_whole_once_it_was_read(bench: Workbench) -> None:
    assert "was not read in this conversation" in await bench.refusal("write", path=PATH, content="a: 1\n")
    assert bench.text(PATH) == VPC
    await bench.out("read", path=PATH)
    await bench.out("write", path=PATH, content="a: 1\n")
    assert bench.text(PATH) == "a: 1\n"
    assert "already has that content" in await bench.out("write", path=PATH, content="a: 1\n")


async def test_what_one_session_read_another_has_not(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    assert "was not read" in await bench.refusal("edit", path=PATH, old=OLD, new=NEW, session="session-2")


async def test_a_file_that_changed_since_it_was_read_is_refused(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    bench.write(PATH, VPC + "# by somebody else\n")
    told = await bench.refusal("edit", path=PATH, old=OLD, new=NEW)
    assert told == f"{PATH} has changed since it was read. Nothing was changed. Read it with file_read, then try again."
    assert bench.text(PATH) == VPC + "# by somebody else\n"


@pytest.mark.parametrize(
    ("old", "reason"), [("cidr", "nothing"), ("terraform", "nothing"), ("vpc", "times"), ("zzz", "is not in")]
)
async def test_an_edit_is_made_only_where_it_is_meant(bench: Workbench, old: str, reason: str) -> None:
    bench.write(PATH, VPC + "# vpc\n")
    await bench.out("read", path=PATH)
    result = await bench.run("edit", path=PATH, old=old, new="x")
    assert result.success is (reason == "nothing")
    if not result.success:
        assert reason in result.output
        assert bench.text(PATH) == VPC + "# vpc\n"


async def test_what_cannot_succeed_is_told_by_the_preview_already(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    with pytest.raises(Exception, match="is not in"):
        bench.preview("edit", path=PATH, old="zzz", new="x")
    with pytest.raises(Exception, match="There is no file"):
        bench.preview("edit", path="none.yaml", old="zzz", new="x")


async def test_a_preview_is_the_diff_and_changes_nothing(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    preview = bench.preview("edit", path=PATH, old=OLD, new=NEW)
    assert "+        team: network" in preview.text
    assert bench.text(PATH) == VPC
    assert bench.preview("edit", path=PATH, old=OLD, new=NEW) == preview
    assert bench.preview("write", path="new/a.yaml", content="a: 1\n").text == "@@ -0,0 +1 @@\n+a: 1"
    assert not (bench.folder / "new").exists()


async def test_a_preview_is_bound_to_the_file_and_not_only_to_its_content(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    first = bench.preview("edit", path=PATH, old=OLD, new=NEW)
    bench.write("copy.yaml", VPC).replace(bench.folder / PATH)
    second = bench.preview("edit", path=PATH, old=OLD, new=NEW)
    assert (first.text, first.binding == second.binding) == (second.text, False)


async def test_line_ends_are_kept(bench: Workbench) -> None:
    bench.write("dos.txt", b"\xef\xbb\xbfa\r\nb\r\nc\r\n")
    await bench.out("read", path="dos.txt")
    await bench.out("edit", path="dos.txt", old="a\nb", new="a\nx")
    assert bench.text("dos.txt").encode() == b"\xef\xbb\xbfa\r\nx\r\nc\r\n"
    await bench.out("write", path="dos.txt", content="1\n2\n")
    assert bench.text("dos.txt").encode() == b"\xef\xbb\xbf1\r\n2\r\n"


async def test_what_is_no_text_is_not_edited(bench: Workbench) -> None:
    bench.write("latin.txt", b"caf\xe9\n")
    await bench.out("read", path="latin.txt")
    assert "not UTF-8 text (line 1)" in await bench.refusal("edit", path="latin.txt", old="caf", new="x")
    bench.write("binary", b"\0\1")
    assert "binary" in await bench.refusal("write", path="binary", content="x")


async def test_a_file_of_a_gigabyte_is_not_edited(bench: Workbench) -> None:
    os.truncate(bench.write("huge.log", "first\n"), 1 << 30)
    assert "larger than 8 MiB" in await bench.refusal("edit", path="huge.log", old="first", new="x")


async def test_what_is_no_file_is_not_written(bench: Workbench) -> None:
    os.mkfifo(bench.folder / "pipe")
    assert "named pipe" in await bench.refusal("write", path="pipe", content="x")
    assert "is a folder" in await bench.refusal("write", path="stacks", content="x")
    assert "no folder" in await bench.refusal("write", path="atmos.yaml/x", content="x")


async def test_a_second_name_of_a_file_is_not_written(bench: Workbench) -> None:
    outside = bench.folder.parent / "outside.txt"
    outside.write_text("x\n")
    (bench.folder / "inside.txt").hardlink_to(outside)
    await bench.out("read", path="inside.txt")
    assert "2 names (hard links)" in await bench.refusal("edit", path="inside.txt", old="x", new="y")
    assert outside.read_text() == "x\n"


@pytest.mark.parametrize("path", ["STACKS/new.yaml", "stacks/Catalog/new.yaml", "stacks/catalog/VPC.yaml"])
async def test_a_name_that_differs_only_in_case_is_refused(bench: Workbench, path: str) -> None:
    assert "some systems take both for the same file" in await bench.refusal("write", path=path, content="x")


@pytest.mark.parametrize("path", ["../out.yaml", "/etc/atmos-test", "link/out.yaml", "stacks/../../out.yaml"])
async def test_nothing_is_written_outside_the_project(bench: Workbench, path: str) -> None:
    (bench.folder / "link").symlink_to("..")
    assert "outside the project" in bench.demand("write", path=path, content="x").forbidden
    assert "outside the project" in await bench.refusal("write", path=path, content="x")
    assert not (bench.folder.parent / "out.yaml").exists()


@pytest.mark.parametrize("path", [".git/hooks/pre-commit", ".GIT/config", ".atmos/ai.settings.local.json", "state/x"])
async def test_nothing_of_git_or_of_the_assistant_is_written(bench: Workbench, path: str) -> None:
    assert "no tool may touch" in bench.demand("write", path=path, content="x").forbidden
    await bench.refusal("write", path=path, content="x")
    assert not (bench.folder / path).exists()


async def test_a_link_within_the_project_is_written_through(bench: Workbench) -> None:
    (bench.folder / "current.yaml").symlink_to(PATH)
    await bench.out("read", path="current.yaml")
    assert bench.demand("edit", path="current.yaml", old=OLD, new=NEW).target == PATH
    await bench.out("edit", path="current.yaml", old=OLD, new=NEW)
    assert bench.text(PATH) == VPC.replace(OLD, NEW)
    assert (bench.folder / "current.yaml").is_symlink()


async def test_a_folder_that_became_a_link_is_not_followed(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    target = bench.demand("edit", path=PATH, old=OLD, new=NEW).target
    outside = bench.folder.parent / "elsewhere"
    (bench.folder / "stacks").rename(outside)
    (bench.folder / "stacks").symlink_to(outside)
    result = await bench.run("edit", path=PATH, old=OLD, new=NEW, target=target)
    assert not result.success
    assert (outside / "catalog/vpc.yaml").read_text() == VPC


CONFIGURATION = "base_path: .\nai:\n  enabled: true\nlogs:\n  level: Info\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("enabled: true", "enabled: true\n  tools: {yolo_mode: true}"),
        ("logs:", "AI: {tools: {yolo_mode: true}}\nlogs:"),
        ("logs:", "ai.tools.yolo_mode: true\nlogs:"),
        ("logs:", "mcp: {servers: {x: {command: sh}}}\nlogs:"),
        ("logs:", "import: [more.yaml]\nlogs:"),
        ("logs:", "commands: [{name: x}]\nlogs:"),
        ("logs:", "components: {terraform: {command: ./evil}}\nlogs:"),
        ("logs:", "components: !include evil.yaml\nlogs:"),
        ("logs:", "settings: {ai: {enabled: true}}\nlogs:"),
        ("logs:", "settings: !include evil.yaml\nlogs:"),
        ("logs:", "x: &a {mcp: {enabled: true}}\n<<: *a\nlogs:"),
        ("base_path: .", "base_path: /"),
        ("logs:", "a: [\nlogs:"),
    ],
)
async def test_no_tool_changes_our_settings_in_the_configuration(bench: Workbench, old: str, new: str) -> None:
    await bench.out("read", path="atmos.yaml")
    assert "configures Atmos" in bench.demand("edit", path="atmos.yaml", old=old, new=new).forbidden or (
        "for people to set" in bench.demand("edit", path="atmos.yaml", old=old, new=new).forbidden
    )
    assert (await bench.run("edit", path="atmos.yaml", old=old, new=new)).reason == "TOOL_EXECUTION_DENIED"
    assert bench.text("atmos.yaml") == CONFIGURATION


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".atmos.d/x.yaml", "ai: {tools: {yolo_mode: true}}"),
        ("sub/atmos.yaml", "commands: []"),
        ("atmos.d/x.yml", "mcp:"),
    ],
)
async def test_no_tool_creates_a_configuration_of_ours(bench: Workbench, path: str, content: str) -> None:
    assert "for people to set" in bench.demand("write", path=path, content=content).forbidden
    await bench.refusal("write", path=path, content=content)


async def test_other_keys_of_the_configuration_are_asked_about_each_time(bench: Workbench) -> None:
    await bench.out("read", path="atmos.yaml")
    demand = bench.demand("edit", path="atmos.yaml", old="Info", new="Debug")
    assert (demand.forbidden, demand.must_ask) == ("", "the file configures Atmos")
    await bench.out("edit", path="atmos.yaml", old="Info", new="Debug")
    assert bench.demand("write", path=".atmos.d/x.yaml", content="logs: {level: Info}\n").forbidden == ""


async def test_a_file_that_cannot_be_written_says_why(bench: Workbench, tmp_path: Path) -> None:
    assert "UTF-8" in await bench.refusal("write", path="a.txt", content="\ud800")
    assert "name is too long" in await bench.refusal("write", path="x" * 300, content="a")
    assert "more than 8 MiB" in await bench.refusal("write", path="a.txt", content="x" * (9 << 20))


async def test_undo_restores_what_the_last_turn_changed(bench: Workbench) -> None:
    (bench.folder / PATH).chmod(0o640)
    await bench.out("read", path=PATH)
    await bench.out("edit", path=PATH, old=OLD, new=NEW)
    bench.turn = "turn-2"
    await bench.out("edit", path=PATH, old=NEW, new="team: shop")
    await bench.out("edit", path=PATH, old="10.0.0.0/16", new="10.1.0.0/16")
    await bench.out("write", path="new/a.yaml", content="a: 1\n")
    undone = await bench.undo.last_turn("session-1")
    assert (undone.turn_id, undone.restored, undone.removed) == ("turn-2", [PATH], ["new/a.yaml"])
    assert bench.text(PATH) == VPC.replace(OLD, NEW)
    assert not (bench.folder / "new/a.yaml").exists()
    assert (await bench.undo.last_turn("session-1")).turn_id == "turn-1"
    assert bench.text(PATH) == VPC
    assert stat.S_IMODE((bench.folder / PATH).stat().st_mode) == 0o640
    assert (await bench.undo.last_turn("session-1")).turn_id == ""


async def test_undo_leaves_what_somebody_else_changed_since(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    await bench.out("edit", path=PATH, old=OLD, new=NEW)
    await bench.out("write", path="a.yaml", content="a: 1\n")
    bench.write(PATH, "by hand\n")
    undone = await bench.undo.last_turn("session-1")
    assert undone.conflicts == {PATH: "it was changed since"}
    assert (undone.restored, undone.removed) == ([], [])
    assert (bench.folder / "a.yaml").exists()
    undone = await bench.undo.last_turn("session-1", leave_changed=True)
    assert (undone.removed, list(undone.conflicts)) == (["a.yaml"], [PATH])
    assert bench.text(PATH) == "by hand\n"
    assert (await bench.undo.last_turn("session-1")).turn_id == ""


async def test_undo_sees_a_change_of_somebody_else_between_two_of_ours(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    await bench.out("edit", path=PATH, old=OLD, new=NEW)
    bench.write(PATH, bench.text(PATH) + "# by hand\n")
    await bench.out("read", path=PATH)
    await bench.out("edit", path=PATH, old="10.0.0.0/16", new="10.1.0.0/16")
    undone = await bench.undo.last_turn("session-1")
    assert undone.conflicts == {PATH: "it was changed by somebody else during the turn"}


async def test_after_an_undo_the_model_has_to_read_again(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    await bench.out("edit", path=PATH, old=OLD, new=NEW)
    await bench.undo.last_turn("session-1")
    assert "has changed since" in await bench.refusal("edit", path=PATH, old=OLD, new=NEW)


async def test_a_call_outside_any_conversation_changes_a_file_it_need_not_have_read(bench: Workbench) -> None:
    assert (await bench.run("edit", path=PATH, old=OLD, new=NEW, session="")).success
    assert (await bench.undo.last_turn("")).turn_id == ""


async def test_a_cancelled_change_is_done_as_a_whole_or_not_at_all(bench: Workbench) -> None:
    await bench.out("read", path=PATH)
    change = asyncio.create_task(bench.run("edit", path=PATH, old=OLD, new=NEW))
    await asyncio.sleep(0)
    change.cancel()
    with pytest.raises(asyncio.CancelledError):
        await change
    assert bench.text(PATH) in {VPC, VPC.replace(OLD, NEW)}


async def test_nothing_is_changed_that_could_not_be_undone(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise StorageUnavailableError("no place")

    monkeypatch.setattr(bench.changes, "add", fail)
    await bench.out("read", path=PATH)
    assert "no place" in await bench.refusal("edit", path=PATH, old=OLD, new=NEW)
    assert bench.text(PATH) == VPC


async def test_a_configuration_that_cannot_be_checked_is_not_changed(bench: Workbench) -> None:
    bench.write("atmos.yaml", "logs: {}\n" + "# \n" * 100_000)
    assert "too large to be checked" in bench.demand("edit", path="atmos.yaml", old="{}", new="x").forbidden
    bench.write("atmos.yaml", b"\xff")
    assert "cannot be read" in bench.demand("write", path="atmos.yaml", content="x: 1").forbidden


async def test_a_file_that_appears_while_it_is_created_is_not_written_over(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = bench.changes.add

    def appear(*arguments: Any) -> None:
        bench.write("new.yaml", "theirs\n")
        add(*arguments)

    monkeypatch.setattr(bench.changes, "add", appear)
    assert "has changed since it was looked at" in await bench.refusal("write", path="new.yaml", content="ours\n")
    assert bench.text("new.yaml") == "theirs\n"
    assert sorted(entry.name for entry in bench.folder.iterdir()) == ["atmos.yaml", "new.yaml", "stacks"]
