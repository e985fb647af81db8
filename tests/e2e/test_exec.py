"""`exec` as scripts run it: one object at every exit code, files, events, and readers that go away."""

import json
import os
import signal
import subprocess
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import ROOT, SHIM, Project
from tests.e2e.test_process_life import HALF, shim, sidecar_of, wait_until_journalled

pytestmark = pytest.mark.e2e

OUTPUT_SCHEMA = json.loads((ROOT / "docs" / "exec-output.schema.json").read_text())
EVENT_SCHEMA = json.loads((ROOT / "docs" / "exec-event.schema.json").read_text())
BEHIND_THE_SHIM = (str(SHIM),)
PLAN = {"tool_use": {"name": "atmos_terraform_plan", "input": {"component": "vpc", "stack": "ue1-dev"}}}


def checked(text: str) -> dict[str, Any]:
    """The one object on standard output, valid under the schema that is published."""
    told: dict[str, Any] = json.loads(text)
    Draft202012Validator(OUTPUT_SCHEMA).validate(told)
    return told


def events(text: str) -> list[dict[str, Any]]:
    """Every line of a stream, valid under the schema that is published; the last is the object."""
    *lines, last = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        Draft202012Validator(EVENT_SCHEMA).validate(line)
    Draft202012Validator(OUTPUT_SCHEMA).validate(last)
    return [*lines, last]


def run_json(project: Project, *arguments: str, code: int) -> dict[str, Any]:
    done = project.run(*BEHIND_THE_SHIM, "exec", *arguments, "--format", "json")
    assert done.returncode == code, done.stderr
    told = checked(done.stdout)
    assert told["metadata"]["exit_code"] == code
    assert told["success"] is (code == 0)
    return told


class TestExitCodes:
    def test_0_for_an_answer(self, project: Project, model: OfflineModelProcess) -> None:
        model.add_answers("Three stacks.")
        assert run_json(project, "Which stacks?", code=0)["response"] == "Three stacks."

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (("ai:\n  enabled: true", "ai:\n  enabled: false"), "AI_DISABLED"),
            (("max_sessions: 10", "max_sessions: many"), "CONFIGURATION_INVALID"),
        ],
    )
    def test_1_for_a_project_that_cannot_be_used(self, demo: Project, change: tuple[str, str], reason: str) -> None:
        demo.edit(*change)
        assert run_json(demo, "Hello", code=1)["error"]["type"] == reason

    def test_1_without_a_key(self, demo: Project) -> None:
        del demo.environment["ANTHROPIC_API_KEY"], demo.environment["ANTHROPIC_BASE_URL"]
        assert run_json(demo, "Hello", code=1)["error"]["type"] == "MODEL_NOT_CONFIGURED"

    def test_1_for_a_model_that_refuses(self, project: Project, model: OfflineModelProcess) -> None:
        model.add_answers({"http_error": {"status": 400, "message": "no such model"}})
        told = run_json(project, "Hello", code=1)
        assert told["error"]["type"] == "MODEL_FAILED"
        assert "no such model" in told["error"]["message"]

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["--format", "xml"], "xml"),
            (["--allow", "atmos_teraform_plan"], "atmos_terraform_plan"),
            (["--mcp", "nowhere"], "nowhere"),
            (["--output-schema", "none.json"], "none.json"),
            (["--include", "../*"], "outside the project"),
            (["--skill", "x"], "ATMOS.md"),
        ],
    )
    def test_2_for_wrong_usage_and_nothing_on_stdout(self, demo: Project, arguments: list[str], word: str) -> None:
        done = demo.run(*BEHIND_THE_SHIM, "exec", "Hello", "-f", "json", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert word in done.stderr

    def test_3_for_calls_that_need_approval(self, project: Project, model: OfflineModelProcess) -> None:
        model.add_answers({"steps": [PLAN]}, "It was not allowed.")
        told = run_json(project, "Plan it.", code=3)
        (needed,) = told["approvals_needed"]
        assert (needed["tool"], needed["args"]) == ("atmos_terraform_plan", PLAN["tool_use"]["input"])
        assert needed["rule"]
        assert told["response"] == "It was not allowed."

    def test_4_for_steps_and_for_costs(self, project: Project, model: OfflineModelProcess) -> None:
        look = {"steps": [{"tool_use": {"name": "atmos_list_stacks", "input": {}}}]}
        model.add_answers(look)
        assert run_json(project, "Look.", "--max-steps", "1", code=4)["error"]["type"] == "BUDGET_EXHAUSTED"
        model.add_answers(look)
        told = run_json(project, "Look.", "--max-cost-usd", "0.000001", code=4)
        assert told["error"]["type"] == "BUDGET_EXHAUSTED"
        assert told["metadata"]["stop_reason"] == "budget"

    def test_5_for_policy_and_for_a_project_that_is_not_trusted(
        self, project: Project, model: OfflineModelProcess
    ) -> None:
        model.add_answers({"steps": [PLAN]}, "It was denied.")
        told = run_json(project, "Plan it.", "--read-only", code=5)
        assert told["error"]["type"] == "TOOL_EXECUTION_DENIED"
        del project.environment["ATMOS_AI_TRUST_PROJECT"]
        assert run_json(project, "Hello", code=5)["error"]["type"] == "PROJECT_UNTRUSTED"

    def test_70_for_a_sidecar_that_died(self, project: Project, model: OfflineModelProcess) -> None:
        model.add_answers(HALF)
        with shim(project, "exec", "Hello", "-f", "json") as process:
            wait_until_journalled(project, "The CIDR is")
            sidecar_of(process).kill()
            stdout, stderr = process.communicate(timeout=20)
        assert process.returncode == 70
        assert checked(stdout.decode())["error"]["type"] == "SIDECAR_LOST"
        assert b"ended unexpectedly" in stderr

    @pytest.mark.parametrize(
        ("name", "code", "output_format"),
        [("SIGHUP", 129, "json"), ("SIGINT", 130, "stream-json"), ("SIGTERM", 143, "json")],
    )
    def test_128_and_the_number_of_a_signal(
        self, project: Project, model: OfflineModelProcess, name: str, code: int, output_format: str
    ) -> None:
        model.add_answers(HALF)
        with shim(project, "exec", "Hello", "-f", output_format) as process:
            wait_until_journalled(project, "The CIDR is")
            process.send_signal(getattr(signal, name))
            stdout, _ = process.communicate(timeout=20)
        assert process.returncode == code
        told = events(stdout.decode())[-1] if output_format == "stream-json" else checked(stdout.decode())
        assert (told["error"]["type"], told["metadata"]["exit_code"]) == ("CANCELLED", code)

    @pytest.mark.parametrize("output_format", ["json", "stream-json"])
    def test_141_when_nobody_reads(self, program: tuple[str, ...], demo: Project, output_format: str) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = demo.run(*program, "exec", "Which stacks are there?", "-f", output_format, stdout=writing)
        finally:
            os.close(writing)
        assert (done.returncode, done.stderr) == (141, "")


def test_reader_that_takes_one_line_ends_the_stream_quietly(program: tuple[str, ...], demo: Project) -> None:
    command = subprocess.Popen(
        (*program, "exec", "Which stacks are there?", "-f", "stream-json"),
        cwd=demo.directory,
        env=demo.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert command.stdout is not None
    assert json.loads(command.stdout.readline())["type"] == "session"
    command.stdout.close()
    assert command.stderr is not None
    assert command.stderr.read() == b""
    command.stderr.close()
    assert command.wait(20) in {0, 141}  # 0: everything was in the pipe by then


def test_closed_output_is_no_crash(program: tuple[str, ...], demo: Project) -> None:
    closing = ("/bin/sh", "-c", 'exec "$@" >&-', "sh", *program)
    done = demo.run(*closing, "exec", "Which stacks are there?", "-f", "json")
    assert done.returncode in {0, 1}
    assert "Traceback" not in done.stderr
    assert "panic" not in done.stderr


def test_events_are_one_a_line_and_end_with_the_object(program: tuple[str, ...], demo: Project) -> None:
    done = demo.run(*program, "exec", "Validate the stacks.", "-f", "stream-json", "-s", "checks")
    assert done.returncode == 0, done.stderr
    first, *others, last = events(done.stdout)
    assert (first["type"], first["session"]) == ("session", "checks")
    assert {"tool_call", "tool_result", "text", "usage"} <= {line["type"] for line in others}
    assert "".join(line["text"] for line in others if line["type"] == "text").strip() in last["response"]
    assert last["metadata"]["session_id"] == first["session_id"]
    assert done.stderr == ""


def test_allowed_call_runs_and_others_still_need_approval(project: Project, model: OfflineModelProcess) -> None:
    project.edit("restricted:\n", "restricted:\n      - atmos_terraform_plan\n")
    model.add_answers({"steps": [PLAN]}, "Planned.")
    told = run_json(project, "Plan it.", "--allow", "atmos_terraform_*", code=0)
    assert told["tool_calls"][0]["success"] is True
    model.add_answers({"steps": [PLAN]}, "Not planned.")
    run_json(project, "Plan it.", "--allow", "atmos_list_*", code=3)


def test_blocked_tool_stays_blocked_whatever_the_run_allows(project: Project, model: OfflineModelProcess) -> None:
    project.edit("blocked:\n", "blocked:\n      - atmos_terraform_plan\n")
    model.add_answers({"steps": [PLAN]}, "Denied.")
    run_json(project, "Plan it.", "--allow", "*", code=5)


def test_destroying_command_is_not_allowed_by_the_name_of_its_tool(
    project: Project, model: OfflineModelProcess
) -> None:
    destroy = {"arguments": ["terraform", "destroy", "vpc", "-s", "ue1-dev", "-auto-approve"]}
    model.add_answers({"steps": [{"tool_use": {"name": "execute_atmos_command", "input": destroy}}]}, "Not run.")
    told = run_json(project, "Destroy it.", "--allow", "*", code=3)
    assert told["approvals_needed"][0]["args"] == destroy


def test_answer_is_json_of_the_form_that_was_asked_for(project: Project, model: OfflineModelProcess) -> None:
    (project.directory / "schema.json").write_text(
        '{"type": "object", "required": ["count"], "properties": {"count": {"type": "integer"}}}'
    )
    model.add_answers('{"count": "three"}', '```json\n{"count": 3}\n```')
    told = run_json(project, "How many?", "--output-schema", "schema.json", code=0)
    assert told["output"] == {"count": 3}
    first, second = [request["json"]["messages"] for request in model.requests() if request["path"] == "/v1/messages"]
    assert '"required"' in first[-1]["content"][0]["text"]
    assert "'three' is not of type 'integer'" in json.dumps(second[-1])
    model.add_answers("three", "still three")
    assert run_json(project, "How many?", "--output-schema", "schema.json", code=1)["output"] is None


def test_files_go_with_the_prompt_and_not_with_the_system_prompt(project: Project, model: OfflineModelProcess) -> None:
    (project.directory / "notes.txt").write_text("The password is password=hunter2-9xK4vQ\nThe region is eu-north-1.\n")
    (project.directory / "key.pem").write_text("-----BEGIN")
    model.add_answers("Noted.")
    done = project.run(
        *BEHIND_THE_SHIM, "exec", "Read.", "--include", "notes.txt,*.pem", "--context", "--exclude", "catalog"
    )
    assert done.returncode == 0, done.stderr
    assert "Left out key.pem: files of this name usually hold secrets." in done.stderr
    (request,) = [each["json"] for each in model.requests() if each["path"] == "/v1/messages"]
    sent = json.dumps(request["messages"])
    assert "The region is eu-north-1." in sent
    assert "File stacks/deploy/ue1-prod.yaml" in sent
    assert "File stacks/catalog" not in sent
    assert "hunter2" not in sent
    assert "eu-north-1" not in json.dumps(request["system"])


def test_output_file_gets_the_object_and_stdout_nothing(program: tuple[str, ...], demo: Project) -> None:
    target = demo.directory / "answer.json"
    target.write_text("old")
    done = demo.run(*program, "exec", "Which stacks are there?", "-f=json", "-o", "answer.json")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert checked(target.read_text())["success"] is True
    assert not list(demo.directory.glob(".atmos-ai-*"))
    refused = demo.run(*program, "exec", "Which stacks are there?", "-f", "json", "-o", "none/answer.json")
    assert refused.returncode == 1
    assert "no folder" in checked(refused.stdout)["error"]["message"]


def test_warning_of_a_budget_is_on_stderr_and_in_the_object(project: Project, model: OfflineModelProcess) -> None:
    look = {"steps": [{"tool_use": {"name": "atmos_list_stacks", "input": {}}}]}
    costs = []
    for _ in range(2):  # the second time everything that can be cached is
        model.add_answers(look, "Done.")
        costs.append(run_json(project, "Look.", code=0)["metadata"]["cost_usd"])
    model.add_answers(look, "Done.")
    done = project.run(*BEHIND_THE_SHIM, "exec", "Look.", "-f", "json", "--max-cost-usd", str(costs[-1] * 1.05))
    assert [notice["kind"] for notice in checked(done.stdout)["notices"]] == ["budget_warning"]
    assert "of a budget are used" in done.stderr


def test_ask_has_the_formats_too_and_takes_a_pipe(program: tuple[str, ...], demo: Project) -> None:
    done = demo.run(*program, "ask", "--format", "json", stdin="What is the CIDR of the VPC in ue1-dev?")
    assert done.returncode == 0, done.stderr
    assert "10.10.0.0/16" in checked(done.stdout)["response"]


def test_command_that_the_run_names_is_run_and_no_other(project: Project, model: OfflineModelProcess) -> None:
    def asks_for(*words: str) -> dict[str, Any]:
        return {"steps": [{"tool_use": {"name": "execute_atmos_command", "input": {"arguments": [*words]}}}]}

    allow = ("--allow", "execute_atmos_command(terraform deploy vpc -s ue1-dev)")
    model.add_answers(asks_for("terraform", "deploy", "vpc", "-s", "ue1-dev"), "Done.")
    assert "needs approval" not in run_json(project, "Deploy it.", *allow, code=0)["tool_calls"][0]["error"]
    model.add_answers(asks_for("terraform", "deploy", "vpc", "-s", "ue1-prod"), "Not done.")
    assert run_json(project, "Deploy it.", *allow, code=3)["approvals_needed"]
