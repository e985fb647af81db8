"""Files that go with a question, from a real folder."""

import os

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.local_tools.files.attaching import AttachedFiles
from atmos_ai_sidecar.adapters.local_tools.files.finding import Finding
from atmos_ai_sidecar.adapters.local_tools.files.guard import Guard
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.composition.own_settings import own_settings
from atmos_ai_sidecar.domain.attachments import FILE_BYTES, MOST_FILES, TOTAL_BYTES, Attachments, Selection
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.errors import OptionInvalidError
from tests.adapters.local_tools.files.workbench import VPC, Workbench


async def attach(
    bench: Workbench, *include: str, exclude: tuple[str, ...] = (), stacks: bool = False, stacks_folder: str = "stacks"
) -> Attachments:
    folder = str(bench.folder)
    territory = Territory(
        directory=folder, roots=(folder,), own=(f"{folder}/.atmos/sessions",), hidden=(f"{folder}/state",)
    )
    finding = Finding(
        guard=Guard(territory=territory, own_settings=own_settings), runner=WardenedRunner(clock=SystemClock())
    )
    files = AttachedFiles(finding=finding, stacks=str(bench.folder / stacks_folder))
    return await files.attach(Selection(include=include, exclude=exclude, stacks=stacks))


def paths(found: Attachments) -> list[str]:
    return [file.path for file in found.files]


async def test_files_come_with_their_text_in_the_order_of_their_paths(bench: Workbench) -> None:
    bench.write("stacks/deploy/dev.yaml", "\ufeffimport: []\n")
    found = await attach(bench, "stacks/**", str(bench.folder / "atmos.yaml"))
    assert paths(found) == ["atmos.yaml", "stacks/catalog/vpc.yaml", "stacks/deploy/dev.yaml"]
    assert [file.text for file in found.files][1:] == [VPC, "import: []\n"]
    assert found.remarks == ()


async def test_a_folder_stands_for_what_is_below_it(bench: Workbench) -> None:
    bench.write("stacks/deploy/dev.yaml", "")
    assert paths(await attach(bench, "./stacks/", exclude=("deploy",))) == ["stacks/catalog/vpc.yaml"]
    assert paths(await attach(bench, ".", exclude=("*.yaml",))) == []


async def test_stack_files_are_those_of_the_configured_folder(bench: Workbench) -> None:
    bench.write("orgs/a.yml", "")
    bench.write("orgs/readme.md", "")
    assert paths(await attach(bench, stacks=True)) == ["stacks/catalog/vpc.yaml"]
    assert paths(await attach(bench, stacks=True, stacks_folder="orgs")) == ["orgs/a.yml"]


async def test_what_must_not_be_sent_is_left_out_and_said_so(bench: Workbench) -> None:
    bench.write(".gitignore", "*.log\n")
    for path in ("x/a.log", ".git/config", "state/grants.json", ".atmos/sessions/s.jsonl", "x/ok.txt"):
        bench.write(path, "secret")
    bench.write("x/.env", "KEY=1")
    bench.write("x/image.png", b"\x89PNG\0\0")
    bench.write("x/latin.txt", "caf\xe9".encode("latin-1"))
    bench.write("x/big.txt", "x" * (FILE_BYTES + 1))
    outside = bench.folder.parent / "outside.txt"
    outside.write_text("not ours")
    (bench.folder / "x" / "link.txt").symlink_to(outside)
    os.link(outside, bench.folder / "x" / "hard.txt")
    found = await attach(bench, "x/**", "state/**", "*.jsonl")
    assert paths(found) == ["x/ok.txt"]
    assert set(found.remarks) == {
        "No file matches state/**; what Git ignores is not looked at.",
        "No file matches *.jsonl; what Git ignores is not looked at.",
        "Left out x/.env: files of this name usually hold secrets.",
        "Left out x/image.png: it is binary.",
        "Left out x/latin.txt: it is no UTF-8 text.",
        "Left out x/big.txt: a file may have 128 KiB.",
        "Left out x/hard.txt: the file has another name elsewhere (a hard link).",
    }


async def test_the_limits_of_all_files_together_are_kept_and_said(bench: Workbench) -> None:
    for number in range(TOTAL_BYTES // FILE_BYTES + 2):
        bench.write(f"big/{number}.txt", "x" * FILE_BYTES)
    found = await attach(bench, "big")
    assert len(found.files) == TOTAL_BYTES // FILE_BYTES
    assert found.remarks == ("Left out big/4.txt, big/5.txt: all files together may have 512 KiB.",)


async def test_the_number_of_files_is_limited_and_said(bench: Workbench) -> None:
    for number in range(MOST_FILES + 5):
        bench.write(f"many/{number:03d}.txt", "")
    found = await attach(bench, "many", "none")
    assert len(found.files) == MOST_FILES
    assert found.remarks == (f"Only the first {MOST_FILES} files that match were looked at.",)


@pytest.mark.parametrize("glob", ["../*", "/etc/passwd", "stacks/../../x", "a\0b"])
async def test_nothing_outside_the_project_can_be_named(bench: Workbench, glob: str) -> None:
    with pytest.raises(OptionInvalidError, match="outside the project"):
        await attach(bench, glob)


async def test_a_file_that_cannot_be_opened_is_left_out(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write("a.txt", "a")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("atmos_ai_sidecar.adapters.local_tools.files.attaching.opened_file", refuse)
    assert (await attach(bench, "a.txt")).remarks == ("Left out a.txt: it cannot be read.",)
