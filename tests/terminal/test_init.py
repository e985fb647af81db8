from pathlib import Path

import pytest

from atmos_ai_sidecar.application.settings import Setting
from tests.fakes.console import FakeConsole
from tests.terminal.office import Office, piped


class TestInit:
    async def test_the_command_and_a_section_are_shown_and_written(self, tmp_path: Path) -> None:
        office, console = Office(), FakeConsole()
        (tmp_path / "atmos.yaml").write_text("base_path: .\n")
        office.project_file = str(tmp_path / "atmos.yaml")
        office.answer(console, "y")
        assert await office.run(console, "init") == 0
        assert "+ai:" in console.text
        assert "atmos-ai {{ .TrailingArgs }}" in (tmp_path / ".atmos.d" / "ai-sidecar.yaml").read_text()
        assert (tmp_path / "atmos.yaml").read_text().startswith("base_path: .\n\nai:\n  enabled: true\n")
        assert "atmos ai sidecar -- chat" in console.err

    async def test_nothing_is_written_without_consent(self, tmp_path: Path) -> None:
        office = Office()
        (tmp_path / "atmos.yaml").write_text("ai: {enabled: true}\n")
        office.project_file = str(tmp_path / "atmos.yaml")
        console = FakeConsole()
        office.answer(console, "n")
        assert await office.run(console, "init") == 1
        assert await office.run(piped(), "init") == 1
        assert not (tmp_path / ".atmos.d").exists()

    async def test_a_second_time_there_is_nothing_to_write(self, tmp_path: Path) -> None:
        office, console = Office(), piped()
        (tmp_path / "atmos.yaml").write_text("settings:\n  ai:\n    enabled: true")
        office.project_file = str(tmp_path / "atmos.yaml")
        assert await office.run(console, "init", "--yes") == 0
        assert await office.run(console, "init") == 0
        assert "set up already" in console.err
        assert (tmp_path / "atmos.yaml").read_text() == "settings:\n  ai:\n    enabled: true"

    async def test_without_a_project_it_says_so(self) -> None:
        console = piped()
        assert await Office().run(console, "init") == 1
        assert "no atmos.yaml in /project" in console.err

    @pytest.mark.parametrize(
        "text", ["settings: {ai: {enabled: true}}\n", '"ai": {enabled: true}\n', "AI:\n  enabled: true\n"]
    )
    async def test_a_section_in_any_spelling_is_left_alone(self, text: str, tmp_path: Path) -> None:
        office = Office()
        (tmp_path / "atmos.yaml").write_text(text)
        office.project_file = str(tmp_path / "atmos.yaml")
        assert await office.run(piped(), "init", "--yes") == 0
        assert (tmp_path / "atmos.yaml").read_text() == text

    async def test_line_endings_comments_and_indentation_are_kept(self, tmp_path: Path) -> None:
        office, before = Office(), b"# odd\r\nstacks:\r\n      base_path: stacks # here\r\n"
        (tmp_path / "atmos.yaml").write_bytes(before)
        office.project_file = str(tmp_path / "atmos.yaml")
        assert await office.run(piped(), "init", "--yes") == 0
        after = (tmp_path / "atmos.yaml").read_bytes()
        assert after.startswith(before)
        assert after.count(b"\n") == after.count(b"\r\n") > 4

    async def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        office = Office()
        (tmp_path / "real.yaml").write_text("base_path: .\n")
        (tmp_path / "atmos.yaml").symlink_to("real.yaml")
        office.project_file = str(tmp_path / "atmos.yaml")
        assert await office.run(piped(), "init", "--yes") == 0
        assert (tmp_path / "atmos.yaml").is_symlink()
        assert "\nai:\n" in (tmp_path / "real.yaml").read_text()

    @pytest.mark.parametrize("text", ["base_path: [\n", "- a\n", "{base_path: .}\n", "---\nbase_path: .\n...\n"])
    async def test_what_takes_no_section_is_named_and_nothing_is_written(self, text: str, tmp_path: Path) -> None:
        office, console = Office(), piped()
        (tmp_path / "atmos.yaml").write_text(text)
        office.project_file = str(tmp_path / "atmos.yaml")
        assert await office.run(console, "init", "--yes") == 1
        assert f"{tmp_path / 'atmos.yaml'}:" in console.err
        assert not (tmp_path / ".atmos.d").exists()
        assert (tmp_path / "atmos.yaml").read_text() == text

    async def test_a_command_file_of_somebody_else_stays(self, tmp_path: Path) -> None:
        office, console = Office(), piped()
        (tmp_path / "atmos.yaml").write_text("ai: {enabled: true}\n")
        file = tmp_path / ".atmos.d" / "ai-sidecar.yaml"
        file.parent.mkdir()
        file.write_text("commands:\n  - name: mine\n")
        office.project_file = str(tmp_path / "atmos.yaml")
        assert await office.run(console, "init", "--yes") == 0
        assert file.read_text() == "commands:\n  - name: mine\n"
        assert "stays as it is" in console.err
        assert "atmos ai sidecar" not in console.err

    async def test_an_assistant_that_is_switched_off_is_told(self, tmp_path: Path) -> None:
        office, console = Office(), piped()
        (tmp_path / "atmos.yaml").write_text("ai: {enabled: false}\n")
        office.project_file = str(tmp_path / "atmos.yaml")
        office.settings = (Setting(key="ai.enabled", value="false", file="atmos.yaml", line=1),)
        assert await office.run(console, "init", "--yes") == 0
        assert "atmos.yaml:1: The assistant is switched off" in console.err
