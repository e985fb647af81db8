import json

from tests.e2e.conftest import MODULE, SHIM, Project


def doctor(project: Project, *program: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = project.run(*(program or (str(SHIM),)), "doctor", "--format", "json")
    return done.returncode, {item["check"]: item for item in json.loads(done.stdout)}


def test_everything_is_in_place_in_the_demo_project(demo: Project) -> None:
    for program in ((str(SHIM),), MODULE):
        code, found = doctor(demo, *program)
        assert {name: item["health"] for name, item in found.items()} == dict.fromkeys(found, "ok")
        assert code == 0
    assert "1.226.1" in found["atmos"]["detail"]
    assert demo.environment["ANTHROPIC_BASE_URL"] in found["model"]["detail"]


def test_every_fault_is_named_with_its_remedy_and_the_others_go_on(demo: Project) -> None:
    demo.environment.update(ATMOS_AI_ATMOS="/nonexistent/atmos", ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    code, found = doctor(demo)
    assert code == 1
    assert {name for name, item in found.items() if item["health"] == "failed"} == {"atmos", "model"}
    assert "http://127.0.0.1:9" in found["model"]["detail"]
    assert all(found[name]["remedy"] for name in ("atmos", "model"))


def test_broken_configuration_is_named_with_its_line(demo: Project) -> None:
    demo.edit("require_confirmation: true", "require_confirmation: maybe")
    code, found = doctor(demo)
    assert code == 1
    assert found["configuration"]["health"] == "failed"
    assert "atmos.yaml:" in found["configuration"]["detail"]
    assert found["store"]["health"] == "skipped"
    assert found["atmos"]["health"] == "ok"


def test_untrusted_project_is_told_and_its_model_is_not_asked(demo: Project) -> None:
    del demo.environment["ATMOS_AI_TRUST_PROJECT"]
    code, found = doctor(demo)
    assert code == 0
    assert found["trust"]["health"] == "warning"
    assert found["model"]["health"] == "skipped"
