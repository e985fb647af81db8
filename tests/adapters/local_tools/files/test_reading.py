import os
import socket
from pathlib import Path

import pytest

from tests.adapters.local_tools.files.workbench import VPC, Workbench


async def test_a_file_is_read_as_it_is(bench: Workbench) -> None:
    assert await bench.out("read", path="stacks/catalog/vpc.yaml") == VPC.removesuffix("\n")
    demand = bench.demand("read", path="stacks/catalog/vpc.yaml")
    assert (demand.requires_permission, demand.must_ask, demand.forbidden) == (False, "", "")


async def test_a_part_is_read_and_the_rest_is_offered(bench: Workbench) -> None:
    bench.write("long.txt", "".join(f"line {number}\n" for number in range(1, 11)))
    assert await bench.out("read", path="long.txt", offset=3, limit=2) == (
        "line 3\nline 4\n(lines 3 to 4 of 10; go on with offset 5)"
    )
    assert (await bench.out("read", path="long.txt", offset=9)).endswith("(lines 9 to 10 of 10)")
    assert "has 10 lines" in await bench.refusal("read", path="long.txt", offset=11)
    assert "at least 1" in await bench.refusal("read", path="long.txt", limit=0)


async def test_an_output_fits_the_model_and_long_lines_are_cut(bench: Workbench) -> None:
    bench.write("wide.txt", ("x" * 10_000 + "\n") * 20)
    output = await bench.out("read", path="wide.txt")
    assert len(output) < 30_000
    assert "[the line has 10,001 bytes]" in output
    assert "go on with offset 7" in output


async def test_line_ends_and_a_byte_order_mark_are_not_shown(bench: Workbench) -> None:
    bench.write("dos.txt", b"\xef\xbb\xbfa\r\nb\r\n")
    assert await bench.out("read", path="dos.txt") == "a\nb"


async def test_an_empty_file_is_said_to_be_empty(bench: Workbench) -> None:
    bench.write("empty.txt", "")
    assert await bench.out("read", path="empty.txt") == "empty.txt is empty."


async def test_a_file_that_is_missing_is_told_with_its_neighbours(bench: Workbench) -> None:
    told = await bench.refusal("read", path="stacks/catalog/vcp.yaml")
    assert told == "There is no file stacks/catalog/vcp.yaml. Beside it: vpc.yaml."
    assert "there is no such file" in await bench.refusal("read", path="nowhere/x.yaml")


@pytest.mark.parametrize("content", [b"\x7fELF\0\0", "text".encode("utf-16"), b"a\0b"])
async def test_a_binary_file_is_refused(bench: Workbench, content: bytes) -> None:
    bench.write("tool", content)
    assert await bench.refusal("read", path="tool") == "tool is a binary file."


async def test_a_file_of_a_gigabyte_is_read_at_its_start_and_no_further(bench: Workbench) -> None:
    path = bench.write("huge.log", "first\nsecond\n" + "a line of the log\n" * 2000)
    os.truncate(path, 1 << 30)  # a hole, which takes no space
    output = await bench.out("read", path="huge.log", limit=2)
    assert output == "first\nsecond\n(lines 1 to 2 of more; go on with offset 3)"
    assert "MiB into huge.log" in await bench.refusal("read", path="huge.log", offset=10_000)


async def test_what_is_no_file_is_refused_without_being_opened(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.folder)  # the path of a socket must be short
    os.mkfifo(bench.folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    assert "pipe is a named pipe" in await bench.refusal("read", path="pipe")
    assert "socket is a socket" in await bench.refusal("read", path="socket")
    assert "stacks is a folder" in await bench.refusal("read", path="stacks")


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/environ", "/sys/kernel/notes"])
async def test_views_into_the_system_are_forbidden(bench: Workbench, path: str) -> None:
    assert "no tool may touch" in bench.demand("read", path=path).forbidden
    assert "no tool may touch" in await bench.refusal("read", path=path)


async def test_a_link_into_processes_is_as_forbidden(bench: Workbench) -> None:
    (bench.folder / "notes").symlink_to("/proc/self/environ")
    assert bench.demand("read", path="notes").forbidden


def test_what_is_outside_or_holds_secrets_is_asked_about(bench: Workbench) -> None:
    (bench.folder.parent / "other.txt").write_text("x")
    (bench.folder / "link.yaml").symlink_to("../other.txt")
    (bench.folder / "folder").symlink_to("..")
    for path in ("../other.txt", "link.yaml", "folder/other.txt", "stacks/../../other.txt", "/etc/hosts"):
        demand = bench.demand("read", path=path)
        assert demand.must_ask == "the file is outside the project"
        assert demand.target.startswith("/")
    bench.write("app/.env", "A=1")
    (bench.folder / "harmless.txt").symlink_to("app/.env")
    for path in ("app/.env", "harmless.txt", "app/.ENV"):
        assert "secrets" in bench.demand("read", path=path).must_ask


def test_a_second_name_of_a_file_is_asked_about(bench: Workbench) -> None:
    outside = bench.folder.parent / "outside.txt"
    outside.write_text("x")
    (bench.folder / "inside.txt").hardlink_to(outside)
    assert "hard link" in bench.demand("read", path="inside.txt").must_ask


async def test_a_path_that_leads_elsewhere_by_now_is_refused(bench: Workbench) -> None:
    link = bench.folder / "link.yaml"
    link.symlink_to("stacks/catalog/vpc.yaml")
    target = bench.demand("read", path="link.yaml").target
    assert target == "stacks/catalog/vpc.yaml"
    link.unlink()
    link.symlink_to("/etc/hosts")
    result = await bench.run("read", path="link.yaml", target=target)
    assert (result.success, result.reason) == (False, "TOOL_EXECUTION_DENIED")
    assert "leads elsewhere" in result.output


async def test_links_that_lead_in_a_circle_are_refused(bench: Workbench) -> None:
    (bench.folder / "a").symlink_to("b")
    (bench.folder / "b").symlink_to("a")
    await bench.refusal("read", path="a")


@pytest.mark.parametrize("path", ["", "a\0b", "a\nb", "x" * 5000, "\x1b[2J"])
async def test_a_path_that_no_file_can_have_is_refused(bench: Workbench, path: str) -> None:
    bench.demand("read", path=path)
    await bench.refusal("read", path=path)


@pytest.mark.parametrize("path", [None, 3, ["x"], {}])
def test_a_demand_is_told_for_any_input(bench: Workbench, path: object) -> None:
    assert not bench.demand("read", path=path).must_ask
    assert bench.demand("write", path=path).requires_permission


async def test_the_assistants_own_state_is_forbidden(bench: Workbench) -> None:
    bench.write("state/audit.key", "secret")
    (bench.folder / "alias").symlink_to("state")
    for path in ("state/audit.key", "alias/audit.key", "STATE/audit.key"):
        assert "own keys" in bench.demand("read", path=path).forbidden


async def test_files_of_the_caller_alone_are_reached_through_folders_that_cannot_be_listed(
    bench: Workbench, tmp_path: Path
) -> None:
    bench.write("closed/a.txt", "inside").parent.chmod(0o100)
    try:
        assert await bench.out("read", path="closed/a.txt") == "inside"
    finally:
        (bench.folder / "closed").chmod(0o700)
