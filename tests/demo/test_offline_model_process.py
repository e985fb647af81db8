import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import pytest

from atmos_ai_sidecar.demo.offline_model import Pause, Reply, Script, Text, ToolUse, WaitFor, start_offline_model
from atmos_ai_sidecar.demo.offline_model.process import PACKAGES, START
from atmos_ai_sidecar.demo.offline_model.replies import HttpError, RawAnswer, Usage, answer_from_json

HELLO: Any = [{"role": "user", "content": "Hello"}]


def test_a_sync_program_can_ask_it() -> None:
    with start_offline_model() as model, anthropic.Anthropic(base_url=model.url, api_key="k", max_retries=0) as client:
        message = client.messages.create(model="m", max_tokens=999, messages=HELLO)
        assert "no language model" in message.content[0].model_dump()["text"]
        assert [request["path"] for request in model.requests()] == ["/v1/messages"]


def test_a_script_comes_from_a_file_and_grows_and_waits(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps(["First.", {"steps": [{"wait_for": "a gate"}, "Second."]}]))
    with (
        start_offline_model(script) as model,
        anthropic.Anthropic(base_url=model.url, api_key="k", max_retries=0) as client,
    ):
        model.add_answers({"http_error": {"status": 429}})
        model.open_gate("a gate")
        texts = [client.messages.create(model="m", max_tokens=9, messages=HELLO).content[0] for _ in range(2)]
        assert [text.model_dump()["text"] for text in texts] == ["First.", "Second."]
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(model="m", max_tokens=9, messages=HELLO)
        with pytest.raises(ValueError, match="refused"):
            model.add_answers({"nonsense": 1})


def test_it_ends_with_the_end_of_its_input_and_leaves_no_listener() -> None:
    command = [sys.executable, "-I", "-c", START, str(PACKAGES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        address = urlsplit(process.stdout.readline().strip())
        process.stdin.close()
        assert process.wait(5) == 0
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(str(address.hostname), address.port or 0, timeout=5).connect()


def test_a_start_that_fails_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ChildProcessError, match="did not start"), start_offline_model(tmp_path / "missing.json"):
        pass
    assert "missing.json" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"steps": ["a", {"text": "b"}]}, Reply((Text("a"), Text("b")))),
        ({"steps": [{"pause": 0.5}], "before": {"wait_for": "g"}}, Reply((Pause(0.5),), before=WaitFor("g"))),
        (
            {"steps": [{"tool_use": {"name": "t", "json_pieces": ["{", "}"]}}], "usage": {"input_tokens": 3}},
            Reply((ToolUse("t", json_pieces=("{", "}")),), usage=Usage(input_tokens=3)),
        ),
        ({"http_error": {"status": 529}}, HttpError(status=529)),
        ({"raw": {"body": "<html>", "status": 502}}, RawAnswer(body=b"<html>", status=502)),
    ],
)
def test_an_answer_is_read_from_json(document: Any, answer: object) -> None:
    assert answer_from_json(document) == answer


@pytest.mark.parametrize(
    "document",
    [
        {},
        3,
        {"steps": [{"dance": 1}]},
        {"steps": [{"text": "a", "pause": 1}]},
        {"steps": [], "colour": "red"},
        {"http_error": {"code": 3}},
    ],
)
def test_a_script_that_makes_no_sense_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match=r"no answer|no step|has the fields"):
        answer_from_json(document)


def test_a_script_can_go_on_with_the_rules() -> None:
    script = Script.from_json('{"answers": ["one"], "then": "rules"}')
    assert (len(script), script.then) == (1, "rules")
