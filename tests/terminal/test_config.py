import json

from atmos_ai_sidecar.application.settings import Setting
from tests.terminal.office import Office, piped

SETTING = Setting(key="ai.enabled", value="true", file="atmos.yaml", line=3)


async def test_settings_are_listed_with_the_place_where_they_are_written() -> None:
    console, office = piped(), Office()
    office.settings = [SETTING]
    assert await office.run(console, "config", "show") == 0
    assert "ai.enabled" in console.out
    assert "atmos.yaml:3" in console.out


async def test_settings_as_json_are_one_list() -> None:
    console, office = piped(), Office()
    office.settings = [SETTING]
    assert await office.run(console, "config", "show", "--format", "json") == 0
    assert json.loads(console.out) == [{"key": "ai.enabled", "value": "true", "file": "atmos.yaml", "line": 3}]
