import json
import os
import re
import sys

from tests.e2e.conftest import MODULE, SHIM, Project
from tests.e2e.test_mcp_servers import SERVER


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
    assert {found[name]["health"] for name in ("store", "rules")} == {"ok"}


def test_a_home_that_takes_nothing_is_named(demo: Project) -> None:
    (demo.home / "file").touch()
    demo.environment["XDG_STATE_HOME"] = str(demo.home / "file")
    code, found = doctor(demo)
    assert code == 1
    assert {name for name, item in found.items() if item["health"] == "failed"} >= {"state"}
    assert str(demo.home / "file") in found["state"]["detail"]


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
    assert found["mcp"]["health"] == "skipped"


def test_servers_are_counted_and_a_broken_one_is_named(demo: Project) -> None:
    good = f"{{command: '{sys.executable}', args: [-I, -S, '{SERVER}', good], env: {{MCP_TEST_LOG: '{os.devnull}'}}}}"
    demo.edit("mcp:\n  enabled: true\n", f"mcp:\n  enabled: true\n  servers:\n    fine: {good}\n")
    code, found = doctor(demo)
    assert (code, found["mcp"]["health"]) == (0, "ok")
    assert re.fullmatch(r"fine has [1-9]\d* tools", found["mcp"]["detail"])
    demo.edit("    fine: ", "    absent: {command: /nonexistent/server}\n    fine: ")
    _, found = doctor(demo)
    assert found["mcp"]["health"] == "warning"
    assert "absent is left out" in found["mcp"]["detail"]
    assert "mcp.servers" in found["mcp"]["remedy"]


def test_an_atmos_that_says_nothing_is_named_with_its_exit_code(demo: Project) -> None:
    demo.environment["ATMOS_AI_ATMOS"] = "/bin/false"
    _, found = doctor(demo)
    assert "exit code 1: it says nothing" in found["atmos"]["detail"]
