import asyncio
import os

import pytest

from tests.adapters.local_tools.files.workbench import Workbench


async def test_files_are_listed_by_glob(bench: Workbench) -> None:
    bench.write("stacks/deploy/dev.yaml", "")
    bench.write("main.tf", "")
    assert await bench.out("list", glob="**/*") == (
        "atmos.yaml\nmain.tf\nstacks/catalog/vpc.yaml\nstacks/deploy/dev.yaml"
    )
    assert await bench.out("list", glob="**/catalog/**/*") == "stacks/catalog/vpc.yaml"
    assert await bench.out("list", glob="*.tf") == "main.tf"
    assert await bench.out("list", glob="*.rb") == "No file matches *.rb."


async def test_a_long_list_is_cut_and_says_so(bench: Workbench) -> None:
    for number in range(510):
        bench.write(f"many/{number:03d}.txt", "")
    lines = (await bench.out("list", glob="many/*")).splitlines()
    assert (lines[0], lines[-1]) == ("many/000.txt", "(only the first 500 are shown; narrow the glob)")


async def test_lines_are_found_with_file_and_number(bench: Workbench) -> None:
    assert await bench.out("search", pattern=r"cidr_\w+:") == "stacks/catalog/vpc.yaml:5: cidr_block: 10.0.0.0/16"
    assert await bench.out("search", pattern="team", path="stacks") == "stacks/catalog/vpc.yaml:6: team: platform"
    assert await bench.out("search", pattern="zzz") == "No line of 2 files matches zzz."


async def test_many_matches_are_cut_and_said_so(bench: Workbench) -> None:
    bench.write("many.txt", "match\n" * 300)
    lines = (await bench.out("search", pattern="match")).splitlines()
    assert lines[-1] == "(only the first 200 lines are shown; narrow the pattern or the path)"
    assert len(lines) == 201


async def test_a_long_line_is_shown_around_its_match(bench: Workbench) -> None:
    bench.write("wide.txt", "x" * 5000 + "needle" + "y" * 3000)
    output = await bench.out("search", pattern="needle")
    assert "needle" in output
    assert len(output) < 400


async def test_what_git_ignores_is_left_out(bench: Workbench) -> None:
    bench.write(".gitignore", "*.log\n/build/\n.terraform/\n!keep.log\n")
    bench.write("stacks/.gitignore", "local-*\n!important.log\n")
    for path in (
        "a.log", "keep.log", "build/a.txt", "stacks/build/a.txt", "x/.terraform/b.txt", "stacks/local-a.yaml",
        "stacks/important.log", ".git/config", "sub/.GIT/config",
    ):  # fmt: skip
        bench.write(path, "needle\n")
    found = {line.split(":")[0] for line in (await bench.out("search", pattern="needle")).splitlines()}
    assert found == {"keep.log", "stacks/build/a.txt", "stacks/important.log"}
    listed = (await bench.out("list", glob="**/*")).splitlines()
    assert "a.log" not in listed
    below = await bench.out("search", pattern="needle", path="stacks")
    assert "local-a" not in below
    assert "important.log" in below


async def test_an_ignored_folder_that_is_named_is_searched_all_the_same(bench: Workbench) -> None:
    bench.write(".gitignore", ".terraform/\n*.txt\n")
    bench.write(".terraform/modules/a.txt", "needle\n")
    assert ".terraform/modules/a.txt:1" in await bench.out("search", pattern="needle", path=".terraform")


async def test_secrets_large_and_binary_files_and_links_are_not_searched(bench: Workbench) -> None:
    outside = bench.folder.parent / "outside.txt"
    outside.write_text("needle\n")
    (bench.folder / "link.txt").symlink_to(outside)
    (bench.folder / "folder").symlink_to(bench.folder.parent)
    (bench.folder / "second.txt").hardlink_to(outside)
    bench.write(".env", "needle\n")
    bench.write("binary", b"needle\0\n")
    os.mkfifo(bench.folder / "pipe")
    os.truncate(bench.write("huge.txt", "needle\n"), 1 << 30)
    output = await bench.out("search", pattern="needle")
    assert output.splitlines() == [
        "No line of 6 files matches needle.",
        "(1 file was not searched, because files of their names usually hold secrets)",
        "(1 file was not searched, because they have other names elsewhere (hard links))",
        "(1 file was not searched, because they are larger than 5 MiB)",
    ]


async def test_the_assistants_own_state_is_not_found(bench: Workbench) -> None:
    bench.write("state/keys.txt", "needle\n")
    assert "state" not in await bench.out("search", pattern="needle")
    assert "state" not in await bench.out("list", glob="**/*")


async def test_a_pattern_that_is_no_regular_expression_is_told(bench: Workbench) -> None:
    told = await bench.refusal("search", pattern="a(b")
    assert told.startswith("pattern: is no regular expression: missing )")
    assert "1 to 1000 characters" in await bench.refusal("search", pattern="x" * 1001)


async def test_a_pattern_that_runs_for_ever_stops_nobody_and_can_be_cancelled(bench: Workbench) -> None:
    bench.write("trap.txt", "a" * 60 + "!\n")
    search = asyncio.create_task(bench.run("search", pattern="(a+)+$"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await search
    assert search.cancelled()


async def test_a_hostile_ignore_file_stops_nobody(bench: Workbench) -> None:
    bench.write(".gitignore", "[\n\\\n" + "*a" * 30 + "b\n" + "/".join(["**"] * 50) + "\n")
    bench.write("a.txt", "needle\n")
    async with asyncio.timeout(5):
        await bench.out("list", glob="**/*")


async def test_names_cannot_fake_lines(bench: Workbench) -> None:
    bench.write("a\nb\x1b[2J.txt", "needle\n")
    output = await bench.out("search", pattern="needle")
    assert output.splitlines() == [r'"a\nb\u001b[2J.txt":1: needle']


async def test_a_place_to_search_must_be_a_folder(bench: Workbench) -> None:
    assert "no folder" in await bench.refusal("search", pattern="x", path="atmos.yaml")
    assert "There is no folder nowhere" in await bench.refusal("search", pattern="x", path="nowhere")


async def test_to_search_outside_is_asked_about_and_works(bench: Workbench) -> None:
    (bench.folder.parent / "beside").mkdir()
    (bench.folder.parent / "beside" / "a.txt").write_text("needle\n")
    assert "outside" in bench.demand("search", pattern="x", path="../beside").must_ask
    assert "beside/a.txt:1: needle" in await bench.out("search", pattern="needle", path="../beside")
