import json

from atmos_ai_sidecar.terminal.services import StayingSidecar
from tests.terminal.office import Office, piped


def office_with(*projects: str) -> Office:
    office = Office()
    office.staying_sidecars.found = [
        StayingSidecar(project=project, process_id=number, version="1")
        for number, project in enumerate(projects, start=7)
    ]
    return office


async def test_status_lists_those_that_stay() -> None:
    console = piped()
    assert await office_with("/a", "/b").run(console, "sidecar", "status") == 0
    assert [line.split()[0] for line in console.out.splitlines()[1:]] == ["/a", "/b"]
    console = piped()
    assert await office_with("/a").run(console, "sidecar", "status", "--format", "json") == 0
    assert json.loads(console.out) == [{"project": "/a", "process_id": 7, "version": "1"}]


async def test_nothing_that_stays_is_said_with_how_to_keep_one() -> None:
    console = piped()
    assert await office_with().run(console, "sidecar", "status") == 0
    assert console.out == ""
    assert "ATMOS_AI_KEEP_WARM" in console.err


async def test_stop_ends_that_of_this_project_and_with_all_every_one() -> None:
    office = office_with("/elsewhere", "/")
    assert await office.run(piped(), "sidecar", "stop") == 0
    assert office.staying_sidecars.stopped == [("/", False)]
    assert await office.run(piped(), "sidecar", "stop", "--all", "--force") == 0
    assert office.staying_sidecars.stopped[1:] == [("/elsewhere", True), ("/", True)]


async def test_stop_of_one_that_does_not_end_says_how_to_end_it() -> None:
    console, office = piped(), office_with("/")
    office.staying_sidecars.stubborn = True
    assert await office.run(console, "sidecar", "stop") == 1
    assert "--force" in console.err


async def test_stop_and_token_need_one_for_this_project() -> None:
    for command in ("stop", "token"):
        console = piped()
        assert await office_with("/elsewhere").run(console, "sidecar", command) == 1
        assert "sidecar status" in console.err


async def test_token_prints_how_to_call_it() -> None:
    console = piped()
    assert await office_with("/").run(console, "sidecar", "token") == 0
    assert console.out == "grpcurl 7\n"
