from atmos_ai_sidecar.adapters.atmos.index import AtmosIndex
from tests.adapters.atmos.conftest import Open


async def test_stacks_components_and_files_of_the_project_are_listed(open_project: Open) -> None:
    project = open_project()
    index = AtmosIndex(project.atmos, lambda: ["atmos.yaml"])
    names = await index.names()
    assert names.stacks == ["ue1-dev", "ue1-prod", "ue1-staging"]
    assert "vpc" in names.components
    assert await index.files() == ["atmos.yaml"]


async def test_nothing_is_listed_where_atmos_fails(open_project: Open) -> None:
    project = open_project("broken-yaml")
    names = await AtmosIndex(project.atmos, list).names()
    assert (names.stacks, names.components) == ([], [])
