import dataclasses
import json
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.atmos_sessions import AtmosSessions
from atmos_ai_sidecar.adapters.checkpoint_files import CheckpointFiles
from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_memory_store
from atmos_ai_sidecar.application.archive import Archive
from atmos_ai_sidecar.application.ports.session_store import SessionChange
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.application.workspace import Run, Workspace
from atmos_ai_sidecar.domain.messages import Message, Role, Text, ToolCall, ToolResult
from atmos_ai_sidecar.domain.sessions import ContextItem, Session
from atmos_ai_sidecar.domain.tools import Result
from tests.adapters.atmos_sessions.test_atmos_sessions import TABLES, add_message, add_session
from tests.fakes.clock import FakeClock
from tests.fakes.console import FakeConsole
from tests.terminal.office import DESCRIBE, Office, piped

CALL = ToolCall(id="c-1", name=DESCRIBE.name, input={"component": "vpc", "stack": "ue1-prod"})
CONVERSATION = (
    Message(role=Role.USER, blocks=(Text(text="What is the CIDR?"),)),
    Message(role=Role.ASSISTANT, blocks=(Text(text="Let me look."), CALL)),
    Message(
        role=Role.USER,
        blocks=(ToolResult(tool_call_id="c-1", result=Result(success=True, output="cidr", duration_seconds=0.26)),),
    ),
    Message(role=Role.ASSISTANT, blocks=(Text(text="It is 10.20.0.0/16."),)),
)


def files_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


class ArchiveOffice(Office):
    """An office whose sessions lie in a real store, with a real archive over them."""

    def __init__(self, clock: FakeClock, store: SqliteStore, directory: Path) -> None:
        super().__init__()
        self.clock = clock
        self.messages = store
        self.directory = directory
        self.sessions = Sessions(
            store,
            project_path="/project",
            model="fake-model",
            provider="anthropic",
            redact=str,
            is_busy=self.chat.is_running,
        )
        self.archive = Archive(
            store,
            project_path="/project",
            files=CheckpointFiles(),
            foreign=AtmosSessions(directory / "sessions.db", "/project"),
            clock=self.clock,
            redact=str,
        )

    def _workspace(self, run: Run) -> Workspace:
        return dataclasses.replace(super()._workspace(run), archive=self.archive)

    async def say(self, name: str, *messages: Message) -> Session:
        session = await self.sessions.create(name=name)
        await self.messages.append_messages(session.id, messages or CONVERSATION)
        return session

    async def names(self) -> list[str]:
        return [session.name for session in (await self.sessions.list(limit=100)).sessions]

    async def command(self, *arguments: str, code: int = 0, **console: Any) -> FakeConsole:
        """Runs a command about sessions that has to end with this exit code."""
        used = piped(directory=str(self.directory), **console)
        assert await self.run(used, "sessions", *arguments) == code, used.err
        return used


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[ArchiveOffice]:
    clock = FakeClock(jumps=True)
    store = await open_memory_store(clock)
    yield ArchiveOffice(clock, store, tmp_path)
    await store.close()


class TestShow:
    async def test_a_conversation_is_printed_with_its_calls_in_place(self, office: ArchiveOffice) -> None:
        await office.say("vpc")
        console = await office.command("show", "vpc")
        assert console.out == (
            "You · 2026-01-02 03:04 UTC\n\n"
            "What is the CIDR?\n\n"
            "Assistant · 2026-01-02 03:04 UTC\n\n"
            "Let me look.\n\n"
            "✓ describe vpc in ue1-prod · 0.26 s\n\n"
            "It is 10.20.0.0/16.\n"
        )
        assert console.err == ""

    async def test_what_was_said_cannot_act_on_the_terminal(self, office: ArchiveOffice) -> None:
        await office.say("evil", Message(role=Role.USER, blocks=(Text(text="a\x1b]0;b\x07\u202ec"),)))
        assert "a\\x1b]0;b\\x07<U+202E>c\n" in (await office.command("show", "evil")).out
        assert (await office.command("show", "evil", "-f", "json")).out.isascii()

    async def test_json_has_every_message_and_call(self, office: ArchiveOffice) -> None:
        await office.say("vpc")
        told = json.loads((await office.command("show", "vpc", "--format", "json")).out)
        assert (told["name"], told["message_count"]) == ("vpc", 4)
        assert [message["content"] for message in told["messages"]] == [message.text for message in CONVERSATION]
        (call,) = told["messages"][1]["tool_calls"]
        assert (call["tool"], call["success"], call["result"]) == (DESCRIBE.name, True, "cidr")

    async def test_an_empty_or_missing_session_is_told(self, office: ArchiveOffice) -> None:
        await office.sessions.create(name="empty")
        console = await office.command("show", "empty")
        assert (console.out, console.err) == ("", "Nothing was said in the session 'empty' yet.\n")
        assert "sessions list" in (await office.command("show", "nobody", code=1)).err


class TestSearch:
    async def test_messages_that_have_all_words_are_found_newest_first(self, office: ArchiveOffice) -> None:
        await office.say("vpc")
        office.clock.advance(7200)
        await office.say("other", Message(role=Role.USER, blocks=(Text(text="is it the cidr"),)))
        console = await office.command("search", "IS", "cidr")
        assert console.out == (
            "other · You · just now\n    is it the cidr\nvpc · You · 2 hours ago\n    What is the CIDR?\n"
        )
        (hit,) = json.loads((await office.command("search", "cidr", "--limit", "1", "-f", "json")).out)
        assert (hit["session"], hit["role"], hit["snippet"]) == ("other", "user", "is it the cidr")

    async def test_that_there_are_more_or_none_is_told(self, office: ArchiveOffice) -> None:
        await office.say("vpc")
        assert "--limit shows more" in (await office.command("search", "--limit", "1", "i")).err
        nothing = await office.command("search", "aurora")
        assert (nothing.out, nothing.err) == ("", "No message in this project has all of these words.\n")
        assert json.loads((await office.command("search", "aurora", "-f", "json")).out) == []
        assert "at least one word" in (await office.command("search", "--", "--", code=1)).err


class TestRename:
    async def test_a_session_gets_another_name_and_keeps_its_messages(self, office: ArchiveOffice) -> None:
        await office.say("old")
        await office.command("rename", "old", "new")
        assert (await office.sessions.get_by_name("new")).message_count == 4
        assert await office.names() == ["new"]

    async def test_a_name_that_is_taken_or_cannot_be_used_is_refused(self, office: ArchiveOffice) -> None:
        await office.say("a")
        await office.say("b")
        assert "already has a session 'b'" in (await office.command("rename", "a", "b", code=1)).err
        assert "slashes" in (await office.command("rename", "a", "../b", code=1)).err
        assert sorted(await office.names()) == ["a", "b"]


class TestClean:
    async def test_what_would_go_is_shown_and_then_goes(self, office: ArchiveOffice) -> None:
        await office.say("old")
        office.clock.advance(3 * 86_400)
        await office.say("new")
        dry = await office.command("clean", "--older-than", "2d", "--dry-run")
        assert [line.split()[0] for line in dry.out.splitlines()] == ["NAME", "old"]
        assert (dry.err, sorted(await office.names())) == ("1 session would be removed.\n", ["new", "old"])
        done = await office.command("clean", "--older-than=2d", "--dry-run=false")
        assert (done.out, done.err, await office.names()) == (dry.out, "Removed 1 session.\n", ["new"])
        assert "nothing was removed" in (await office.command("clean")).err

    async def test_the_age_may_come_from_the_variable_of_atmos(self, office: ArchiveOffice) -> None:
        await office.say("old")
        office.clock.advance(2 * 3600)
        await office.say("new")
        await office.command("clean", environment={"ATMOS_AI_SESSIONS_OLDER_THAN": "1h"})
        assert await office.names() == ["new"]

    async def test_what_is_no_age_is_a_usage_error(self, office: ArchiveOffice) -> None:
        console = await office.command("clean", "--older-than", "30", code=2)
        assert "12h, 30d, 2w or 6m" in console.err


class TestExport:
    @pytest.mark.parametrize("form", ["json", "yaml"])
    async def test_an_export_comes_back_as_it_was(self, office: ArchiveOffice, form: str) -> None:
        session = await office.say("vpc")
        text = (await office.command("export", "vpc", "--format", form)).out
        (office.directory / "file").write_text(text)
        console = await office.command("import", "file", "--name", "copy")
        assert console.err == "Imported the session 'copy' with 4 messages.\n"
        copy = await office.sessions.get_by_name("copy")
        originals, copies = await office.sessions.messages(session.id), await office.sessions.messages(copy.id)
        assert [message.blocks for message in copies] == [message.blocks for message in originals]

    @pytest.mark.parametrize(("name", "start"), [("a.json", "{"), ("a.yml", "version"), ("a.MD", "# vpc"), ("a", "{")])
    async def test_the_extension_decides_and_the_file_is_private(
        self, office: ArchiveOffice, name: str, start: str
    ) -> None:
        await office.say("vpc")
        console = await office.command("export", "vpc", "-o", name)
        path = office.directory / name
        assert path.read_text().startswith(start)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert console.out == ""
        assert f"to {path}" in console.err

    async def test_a_file_that_exists_is_replaced_only_on_request(self, office: ArchiveOffice) -> None:
        await office.say("vpc")
        path = office.directory / "a.json"
        path.write_text("precious")
        assert "--overwrite" in (await office.command("export", "vpc", "-o", "a.json", code=1)).err
        assert path.read_text() == "precious"
        await office.command("export", "vpc", "-o", "a.json", "--overwrite")
        assert json.loads(path.read_text())["session"]["name"] == "vpc"
        assert files_in(office.directory) == ["a.json"]

    async def test_a_link_is_replaced_and_not_followed(self, office: ArchiveOffice) -> None:
        await office.say("vpc")
        target, link = office.directory / "target", office.directory / "a.json"
        target.write_text("precious")
        link.symlink_to(target)
        await office.command("export", "vpc", "-o", "a.json", code=1)
        await office.command("export", "vpc", "-o", "a.json", "--overwrite")
        assert (target.read_text(), link.is_symlink()) == ("precious", False)

    @pytest.mark.parametrize("output", ["missing/a.json", ".", "a" * 300])
    async def test_a_file_that_cannot_be_written_is_told(self, office: ArchiveOffice, output: str) -> None:
        await office.say("vpc")
        console = await office.command("export", "vpc", "-o", output, "--overwrite", code=1)
        assert "cannot be written" in console.err
        assert files_in(office.directory) == []

    async def test_all_sessions_go_into_a_folder_of_their_own(self, office: ArchiveOffice) -> None:
        await office.say("a")
        await office.say("b")
        await office.sessions.create(name="empty")
        console = await office.command("export", "--all", "deep/backup", "-f", "yaml")
        folder = office.directory / "deep" / "backup"
        assert files_in(folder) == ["a.yaml", "b.yaml"]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert "Left out the session 'empty'" in console.err

    async def test_one_file_in_the_way_does_not_keep_the_others(self, office: ArchiveOffice) -> None:
        await office.say("a")
        await office.say("b")
        (office.directory / "b.json").write_text("precious")
        console = await office.command("export", "--all", ".", code=1)
        assert "b.json exists already" in console.err
        assert files_in(office.directory) == ["a.json", "b.json"]
        assert (office.directory / "b.json").read_text() == "precious"

    async def test_a_project_without_sessions_exports_nothing_and_says_so(self, office: ArchiveOffice) -> None:
        assert "no sessions in this project" in (await office.command("export", "--all", "d")).err

    async def test_what_was_said_cannot_act_on_the_terminal_that_shows_an_export(self, office: ArchiveOffice) -> None:
        await office.say("evil", Message(role=Role.USER, blocks=(Text(text="a\x1b]0;b\x07c"),)))
        console = FakeConsole()
        assert await office.run(console, "sessions", "export", "evil", "-f", "markdown") == 0
        assert "\x1b" not in console.out
        assert "\x1b]0;b" in (await office.command("export", "evil", "-f", "markdown")).out

    async def test_a_folder_that_cannot_be_made_is_told(self, office: ArchiveOffice) -> None:
        (office.directory / "file").touch()
        assert "cannot be made" in (await office.command("export", "--all", "file", code=1)).err

    async def test_a_session_without_messages_is_no_checkpoint(self, office: ArchiveOffice) -> None:
        await office.sessions.create(name="empty")
        assert "no messages to export" in (await office.command("export", "empty", "-o", "a.json", code=1)).err
        assert files_in(office.directory) == []


class TestImport:
    async def test_a_name_that_is_taken_is_replaced_only_on_request(self, office: ArchiveOffice) -> None:
        await office.say("vpc")
        await office.command("export", "vpc", "-o", "a.json")
        await office.say("more", *CONVERSATION[:1])
        refused = await office.command("import", "a.json", "-n", "more", code=1)
        assert "--name NAME" in refused.err
        assert (await office.sessions.get_by_name("more")).message_count == 1
        await office.command("import", "a.json", "--name=more", "--overwrite=true")
        assert (await office.sessions.get_by_name("more")).message_count == 4

    @pytest.mark.parametrize(
        ("content", "problem"),
        [("{", "no JSON"), ("a: !!python/object:x {}", "tag"), ("", "must be"), ('{"version": "9"}', "version")],
    )
    async def test_a_file_that_is_no_checkpoint_leaves_nothing(
        self, office: ArchiveOffice, content: str, problem: str
    ) -> None:
        (office.directory / "bad").write_text(content)
        assert problem in (await office.command("import", "bad", code=1)).err
        assert await office.names() == []

    async def test_a_file_that_cannot_be_read_is_told(self, office: ArchiveOffice) -> None:
        os.mkfifo(office.directory / "pipe")
        assert "No such file" in (await office.command("import", "nothing", code=1)).err
        for name in (".", "pipe"):
            assert "not a regular file" in (await office.command("import", name, code=1)).err

    async def test_a_huge_file_is_refused(self, office: ArchiveOffice) -> None:
        with (office.directory / "huge").open("wb") as stream:
            stream.truncate(1 << 40)
        assert "at most" in (await office.command("import", "huge", code=1)).err

    async def test_sessions_of_atmos_are_imported_once(self, office: ArchiveOffice) -> None:
        assert "nothing to import" in (await office.command("import", "--from-atmos")).err
        with closing(sqlite3.connect(office.directory / "sessions.db")) as connection, connection:
            connection.executescript(TABLES)
            add_session(connection, "s-1", "theirs")
            add_message(connection, "s-1", "user", "How big is it?", 1)
            add_session(connection, "s-2", "empty")
        first = await office.command("import", "--from-atmos")
        assert "Imported the session 'theirs' with 1 message.\n" in first.err
        assert "1 imported, 1 without a message left out" in first.err
        assert "0 imported, 1 imported before" in (await office.command("import", "--from-atmos")).err
        assert await office.names() == ["theirs"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["export"], "Give the NAME"),
        (["export", "a", "--all", "d"], "Give the NAME"),
        (["export", "--all", "d", "-o", "f"], "--output is for one session"),
        (["export", "a", "-f", "xml"], "'xml' is not one of"),
        (["export", "a", "--context=perhaps"], "not a valid boolean"),
        (["import"], "Give the FILE"),
        (["import", "f", "--from-atmos"], "Give the FILE"),
        (["import", "--from-atmos", "--name", "n"], "are for a FILE"),
        (["import", "f", "--overwrite=perhaps"], "not a valid boolean"),
        (["search"], "Missing argument"),
        (["rename", "a"], "Missing argument"),
    ],
)
async def test_a_wrong_command_line_says_what_to_do(office: ArchiveOffice, arguments: list[str], problem: str) -> None:
    console = await office.command(*arguments, code=2)
    assert problem in " ".join(console.err.split())
    assert console.out == ""


async def test_facts_and_metadata_are_left_out_on_request(office: ArchiveOffice) -> None:
    session = await office.say("vpc")
    item = ContextItem(context_type="fact", context_key="k", context_value="v")
    await office.messages.set_context_item(session.id, item)
    await office.sessions.update(session.id, SessionChange(metadata={"team": "platform"}))
    whole = json.loads((await office.command("export", "vpc", "--context=true", "--metadata")).out)
    assert (bool(whole["context"]), whole["session"]["metadata"]) == (True, {"team": "platform"})
    environment = {"ATMOS_AI_SESSIONS_METADATA": "false"}
    part = json.loads((await office.command("export", "vpc", "--context=false", environment=environment)).out)
    assert "context" not in part
    assert "metadata" not in part["session"]
    await office.command("export", "vpc", "-o=a.json")
    await office.command("import", "a.json", "-n=copy", "--no-context")
    copy = await office.sessions.get_by_name("copy")
    assert await office.messages.list_context_items(copy.id) == ()
    assert copy.metadata == {"team": "platform"}


@pytest.mark.parametrize("name", ["list", "show", "search", "rename", "delete", "clean", "export", "import"])
async def test_help_has_an_example(office: ArchiveOffice, name: str) -> None:
    assert f"atmos-ai sessions {name}" in (await office.command(name, "--help")).out.split("Example")[1]
