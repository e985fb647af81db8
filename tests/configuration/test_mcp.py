import pytest

from atmos_ai_sidecar.configuration import Config, load_configuration
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from tests.configuration.conftest import ProjectFolder


def load(project: ProjectFolder, servers: str, **environment: str) -> Config:
    project.write(f"ai: {{enabled: true}}\nmcp:\n  servers:\n{servers}")
    return project.load(environment=environment)


def test_a_server_is_read_as_atmos_writes_it(project: ProjectFolder) -> None:
    config = load(
        project,
        """\
    aws-docs:
      command: uvx
      args: [docs@latest, --port, 8080]
      env: {LEVEL: ERROR, KEY: !env DOCS_KEY, COUNT: 3, ON: true}
      description: AWS documentation
      auto_start: true
      timeout: 1m30s
      identity: readonly
      cwd: tools
      read_only: true
    web:
      type: http
      url: https://example.com/mcp
      headers: {Authorization: !env TOKEN}
""",
        DOCS_KEY="k1",
        TOKEN="Bearer t",
    )
    docs, web = config.mcp_servers
    assert docs.command == ("uvx", "docs@latest", "--port", "8080")
    assert docs.environment == {"LEVEL": "ERROR", "KEY": "k1", "COUNT": "3", "ON": "true"}
    assert (docs.timeout_seconds, docs.identity, docs.directory, docs.is_read_only) == (90, "readonly", "tools", True)
    assert docs.variables == ("DOCS_KEY",)
    assert (web.url, web.headers, web.timeout_seconds) == ("https://example.com/mcp", {"Authorization": "Bearer t"}, 30)
    assert config.warnings == ()
    assert not any("k1" in value or "Bearer" in value for value in config.values.values())


def test_trust_is_asked_about_what_a_server_is_given(project: ProjectFolder) -> None:
    config = load(
        project, "    a: {command: npx, args: [b], identity: admin, env: {K: !env SECRET_KEY}}\n", SECRET_KEY="s3"
    )
    (claim,) = [claim for claim in config.claims if claim.setting == "mcp.servers.a"]
    assert claim.value == "runs npx b, as the identity admin, given SECRET_KEY"


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ("bad__name: {command: x}", "no __ in it"),
        ('"with space": {command: x}', "letters, digits"),
        ("a: {}", "needs either `command` or `url`"),
        ("a: {command: x, url: y}", "needs either `command` or `url`"),
        ("a: {type: sse, url: y}", "expected stdio or http, found sse"),
        ("a: {command: [x]}", "expected text"),
        ("a: {command: x, args: y}", "expected a list"),
        ("a: {command: x, args: [[y]]}", "expected words"),
        ("a: {command: x, timeout: soon}", "expected seconds"),
    ],
)
def test_a_server_that_cannot_be_used_is_left_out_with_file_and_line(
    server: str, problem: str, project: ProjectFolder
) -> None:
    config = load(project, f"    {server}\n    good: {{command: y}}\n")
    assert [one.name for one in config.mcp_servers] == ["good"]
    (warning,) = [warning for warning in config.warnings if "left out" in warning]
    assert warning.startswith("atmos.yaml:4: ")
    assert problem in warning


def test_functions_of_atmos_in_a_server_are_left_to_atmos(project: ProjectFolder) -> None:
    server = "mcp: {servers: {a: {command: x, args: [!repo-root , y], env: {K: !exec date}}}}\n"
    project.write(f"ai: {{enabled: true}}\n{server}")
    with pytest.raises(ConfigurationInvalidError, match=r"atmos\.yaml:2: mcp\.servers\.a"):
        project.load()
    answers = {"mcp": {"servers": {"a": {"command": "x", "args": ["/repo", "y"], "env": {"K": "today"}}}}}
    (found,) = load_configuration(str(project.directory), project.environment, answers=answers).mcp_servers
    assert found.command == ("x", "/repo", "y")
    assert found.environment == {"K": "today"}


def test_a_server_can_be_switched_off(project: ProjectFolder) -> None:
    config = load(project, "    a: {command: x, enabled: false}\n")
    assert (config.mcp_servers, config.warnings) == ((), ())


def test_a_slip_of_the_pen_is_told(project: ProjectFolder) -> None:
    config = load(project, "    a: {command: x, comand: y, arg: [z]}\n")
    assert any("mcp.servers.a.comand means nothing here, perhaps command?" in warning for warning in config.warnings)


def test_folders_come_from_the_files_the_environment_and_what_atmos_takes(project: ProjectFolder) -> None:
    project.write("base_path: infra\nstacks: {base_path: st}\ncomponents: {terraform: {base_path: ../code}}\nai: {}\n")
    folders = project.load(environment={"ATMOS_WORKFLOWS_BASE_PATH": "flows"}).folders
    root = project.directory
    assert folders["stacks"] == root / "infra/st"
    assert folders["terraform"] == root / "code"
    assert folders["workflows"] == root / "infra/flows"
    assert folders["packer"] == root / "infra/components/packer"
