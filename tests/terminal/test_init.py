from pathlib import Path

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
