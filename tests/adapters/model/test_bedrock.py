"""The SDK's client for Amazon Bedrock against a server on loopback."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.model import AnthropicModel, ModelSettings
from atmos_ai_sidecar.application.ports.model import Answered, ModelRequest, Retrying
from atmos_ai_sidecar.domain.messages import Message, Role, Text
from atmos_ai_sidecar.errors import ModelFailedError, ModelNotConfiguredError, ModelUnavailableError, SidecarError
from tests.adapters.model.asking import ask, pieces
from tests.fakes import amazon
from tests.fakes import messages_api as api
from tests.fakes.messages_api import MessagesApi, Reply

MODEL = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "sesame"}
NOBODY = {"AWS_EC2_METADATA_DISABLED": "true"}
REQUEST = ModelRequest(
    model=MODEL, max_tokens=5, system=[], messages=[Message(role=Role.USER, blocks=[Text(text="hello")])], tools=[]
)


def settings(server: MessagesApi, environment: dict[str, str], **changes: str) -> dict[str, Any]:
    source = changes.get("key_source", "AWS credentials")
    return {
        "provider": "bedrock", "region": "eu-west-1", "api_key": "", "key_source": source, "base_url": server.url,
        "environment": environment, **changes,
    }  # fmt: skip


async def test_a_request_is_signed_and_the_binary_answer_streams() -> None:
    environment = {**KEYS, "AWS_SESSION_TOKEN": "for-an-hour"}
    async with api.messages_api(amazon.reply(api.answer("Hel", "lo ", "größe 🦀"))) as server:
        events = await ask(server, REQUEST, **settings(server, environment))
    assert pieces(events) == "Hello größe 🦀"
    (request,) = server.requests
    assert request.path == f"/model/{MODEL}/invoke-with-response-stream"
    assert request.body.keys() == {"anthropic_version", "max_tokens", "messages"}
    assert request.headers["x-amz-security-token"] == "for-an-hour"
    assert amazon.is_signed(request, "sesame")
    assert not amazon.is_signed(request, "another")


async def test_frames_that_are_cut_anywhere_are_put_together() -> None:
    whole = b"".join(amazon.reply(api.answer("ok")).pieces)
    one_by_one = Reply(headers=amazon.STREAM, pieces=[whole[place : place + 7] for place in range(0, len(whole), 7)])
    async with api.messages_api(one_by_one) as server:
        assert pieces(await ask(server, REQUEST, **settings(server, KEYS))) == "ok"


async def test_an_api_key_of_amazon_is_sent_instead_of_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "of another run")
    async with api.messages_api(amazon.reply(api.answer("ok"))) as server:
        await ask(server, REQUEST, **settings(server, {}, api_key="abc"))
        await ask(server, REQUEST, **settings(server, KEYS))
    assert server.requests[0].headers["authorization"] == "Bearer abc"
    assert amazon.is_signed(server.requests[1], "sesame")


async def test_credentials_are_found_in_the_environment_of_the_run_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**KEYS, "AWS_PROFILE": "nobody-has-it"}.items():
        monkeypatch.setenv(name, value)
    keys = {"Version": 1, "AccessKeyId": "AKIDMINE", "SecretAccessKey": "mine", "SessionToken": "t"}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    program = f"{sys.executable} -c \"print(open('{tmp_path}/keys.json').read())\""
    (tmp_path / "config").write_text(f"[profile work]\ncredential_process = {program}\n")
    environment = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "work", **NOBODY}
    async with api.messages_api(amazon.reply(api.answer("ok"))) as server:
        await ask(server, REQUEST, **settings(server, environment))
    assert "Credential=AKIDMINE/" in server.requests[0].headers["authorization"]
    assert amazon.is_signed(server.requests[0], "mine")


@pytest.mark.parametrize(
    ("environment", "words"),
    [({}, "there are none"), ({"AWS_PROFILE": "missing"}, "The config profile (missing) could not be found")],
)
async def test_missing_credentials_are_found_before_any_request(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    async with api.messages_api(amazon.reply(api.answer("ok"))) as server:
        given = {"HOME": str(tmp_path), **NOBODY, **environment}
        model = AnthropicModel(ModelSettings(**settings(server, given)), SystemClock())
        try:
            with pytest.raises(ModelNotConfiguredError) as caught:
                await model.check()
        finally:
            await model.close()
    assert f"There are no AWS credentials for the provider bedrock at {server.url}: {words}" in caught.value.message
    assert "aws sso login" in caught.value.remedy
    assert server.requests == []


async def test_a_search_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    marks, pipe = tmp_path / "pids", tmp_path / "pipe"
    os.mkfifo(pipe)
    program = tmp_path / "find"
    program.write_text(
        f"#!/bin/sh\necho $$ $PPID > {marks}.new; mv {marks}.new {marks}; echo > {pipe}; exec sleep 600\n"
    )
    program.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {program}\n")
    environment = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "PATH": "/usr/bin:/bin", **NOBODY}
    async with api.messages_api(amazon.reply(api.answer("ok"))) as server:
        model = AnthropicModel(ModelSettings(**settings(server, environment)), SystemClock())
        searching = asyncio.create_task(model.check())
        async with asyncio.timeout(30):
            await asyncio.to_thread(pipe.read_bytes)  # until the program runs
            searching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await searching
            started = list(processes(marks.read_text()))
            _, alive = await asyncio.to_thread(psutil.wait_procs, started, timeout=5)
            assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
        await model.close()


async def test_credentials_that_are_refused_are_looked_for_again(tmp_path: Path) -> None:
    keys = tmp_path / "credentials"
    refused = Reply(status=403, headers={}, pieces=[b'{"message":"The security token is expired"}'])
    environment = {"AWS_SHARED_CREDENTIALS_FILE": str(keys), **NOBODY}
    async with api.messages_api(refused, amazon.reply(api.answer("ok"))) as server:
        model = AnthropicModel(ModelSettings(**settings(server, environment)), SystemClock())
        try:
            keys.write_text("[default]\naws_access_key_id = OLD\naws_secret_access_key = old\n")
            with pytest.raises(ModelNotConfiguredError, match="refused the AWS credentials") as caught:
                await answered(model)
            keys.write_text("[default]\naws_access_key_id = NEW\naws_secret_access_key = new\n")
            assert (await answered(model)).blocks == (Text(text="ok"),)
        finally:
            await model.close()
    assert "403: The security token is expired" in caught.value.message
    assert "atmos auth login" in caught.value.remedy
    assert amazon.is_signed(server.requests[1], "new")


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        ("throttlingException", ModelUnavailableError, "429"),
        ("serviceUnavailableException", ModelUnavailableError, "503"),
        ("modelStreamErrorException", ModelUnavailableError, "424"),
        ("validationException", ModelFailedError, "400"),
        ("somethingNewException", ModelUnavailableError, "500"),
    ],
)
async def test_an_exception_in_the_stream_is_mapped(kind: str, error: type[SidecarError], status: str) -> None:
    broken = Reply(headers=amazon.STREAM, pieces=[amazon.fault(kind, "no more")])
    async with api.messages_api(broken) as server:
        with pytest.raises(error, match=f"{status}: no more"):
            await ask(server, REQUEST, **settings(server, KEYS))


async def test_a_throttled_stream_is_tried_again() -> None:
    broken = Reply(headers=amazon.STREAM, pieces=[amazon.fault("throttlingException", "slow down")])
    async with api.messages_api(broken, amazon.reply(api.answer("ok"))) as server:
        first, *_, last = await ask(server, REQUEST, **settings(server, KEYS))
    assert isinstance(first, Retrying)
    assert isinstance(last, Answered)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"\x00" * 64],
        [amazon.frame({":message-type": "event"}, b"{}")],
        [amazon.frame({":message-type": "event"}, b"[1]")],
        [amazon.reply(api.answer("ok")).pieces[0]],
    ],
)
async def test_frames_that_cannot_be_read_are_a_broken_answer(pieces: list[bytes]) -> None:
    async with api.messages_api(Reply(headers=amazon.STREAM, pieces=pieces)) as server:
        with pytest.raises(ModelUnavailableError, match="broke off"):
            await ask(server, REQUEST, **settings(server, KEYS))


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-west-1", "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
    ],
)
async def test_the_client_is_built_without_a_network(region: str, url: str) -> None:
    built = ModelSettings(provider="bedrock", region=region, key_source="AWS credentials", environment=KEYS)
    model = AnthropicModel(built, SystemClock())
    try:
        await model.check()
        assert model.describe()["url"] == url
    finally:
        await model.close()


async def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    model = AnthropicModel(ModelSettings(provider="bedrock", region="eu-west-1", environment=KEYS), SystemClock())
    with pytest.raises(ModelNotConfiguredError, match="needs the package botocore") as caught:
        await model.check()
    assert "pip install 'atmos-ai-sidecar[bedrock]'" in caught.value.remedy


async def test_a_cloud_is_reached_without_its_credentials() -> None:
    denied = Reply(status=403, headers={}, pieces=[b"{}"])
    async with api.messages_api(denied) as server:
        model = AnthropicModel(ModelSettings(**settings(server, {}, api_key="sesame")), SystemClock())
        try:
            assert await model.reach() == "reached (HTTP 403)"
        finally:
            await model.close()
    assert "sesame" not in str(server.requests[0].headers)


def processes(pids: str) -> Iterator[psutil.Process]:
    """Those of the processes that are still there."""
    for pid in pids.split():
        with suppress(psutil.NoSuchProcess):
            yield psutil.Process(int(pid))


async def answered(model: AnthropicModel) -> Answered:
    async with asyncio.timeout(30), model.stream(REQUEST) as stream:
        events = [event async for event in stream]
    assert isinstance(events[-1], Answered)
    return events[-1]
