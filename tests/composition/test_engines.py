from collections.abc import Callable
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.composition.engine import Engines
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from tests.composition.test_project_keys import configured
from tests.contracts.conftest import new_database, postgres_server
from tests.contracts.drafts import draft
from tests.fakes.left_programs import FakeLeftPrograms

__all__ = ["new_database", "postgres_server"]
OWNER = "0123456789abcdef"
LEFT = LeftCalls(FakeLeftPrograms(), clock=SystemClock(), redact=str)


def engines() -> Engines:
    clock = SystemClock()
    return Engines(clock=clock, approvals=Approvals(clock=clock, owner=OWNER), owner=OWNER)


@pytest.mark.parametrize("storage", ["sqlite", "json", "postgres"])
async def test_the_configuration_chooses_the_store_and_a_second_process_finds_it(
    tmp_path: Path, storage: str, new_database: Callable[[], str]
) -> None:
    url = f"{new_database()}" if storage == "postgres" else ""
    config = configured(tmp_path / "infra", f"storage: {storage}, url: '{url}', project: ours")
    opened = engines()
    engine = await opened.at(config, LEFT)
    assert await opened.at(config, LEFT) is engine
    path = str(config.directory)
    session = await engine.store.create_session(draft(project_path=path))
    await engine.store.begin_turn(session.id, "turn-1", OWNER)
    await engine.store.finish_turn(session.id, "turn-1")
    await opened.close()
    again = engines()
    found = await (await again.at(config, LEFT)).store.get_session_by_name(path, "vpc-refactor")
    assert found.id == session.id
    await again.close()


async def test_projects_with_one_folder_of_sessions_share_one_engine(tmp_path: Path) -> None:
    opened = engines()
    first = await opened.at(configured(tmp_path / "a", f"path: {tmp_path}/shared"), LEFT)
    assert await opened.at(configured(tmp_path / "b", f"path: {tmp_path}/shared"), LEFT) is first
    assert await opened.at(configured(tmp_path / "c"), LEFT) is not first
    await opened.close()


async def test_postgres_without_an_address_is_told_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalidError, match=r"ai\.sessions\.url"):
        await engines().at(configured(tmp_path / "infra", "storage: postgres, project: ours"), LEFT)
