"""What is sent, and from whose configuration."""

import asyncio
import sys

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.model import AnthropicModel
from atmos_ai_sidecar.errors import (
    ModelNotConfiguredError,
    ModelUnavailableError,
)
from tests.adapters.model.asking import REQUEST, ask, pieces, settings_for
from tests.fakes import messages_api as api

# What is sent.


async def test_equal_requests_are_equal_bytes_and_carry_the_key() -> None:
    async with api.messages_api(api.answer("ok")) as server:
        await ask(server)
        await ask(server)
    first, second = server.requests
    assert first.raw == second.raw
    assert first.path == "/v1/messages"
    assert first.headers["authorization"] == "Bearer sk-test"
    assert first.body["stream"] is True


async def test_a_token_is_sent_as_bearer() -> None:
    async with api.messages_api(api.answer("ok")) as server:
        await ask(server, api_key="", auth_token="tok")
    assert server.requests[0].headers["authorization"] == "Bearer tok"


async def test_nothing_is_taken_from_this_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-other")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "other")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with api.messages_api(api.answer("ok")) as server:
        assert pieces(await ask(server)) == "ok"
    assert server.requests[0].headers["authorization"] == "Bearer sk-test"


async def test_a_server_on_this_machine_is_reached_past_a_dead_proxy() -> None:
    environment = {"HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
    async with api.messages_api(api.answer("ok")) as server:
        assert pieces(await ask(server, environment=environment)) == "ok"


async def test_other_hosts_are_reached_through_the_proxy_only() -> None:
    async with api.messages_api(api.answer("ok")) as proxy:
        events = await ask("http://models.invalid", environment={"http_proxy": proxy.url})
    assert pieces(events) == "ok"
    assert proxy.requests[0].path == "http://models.invalid/v1/messages"


async def test_a_dead_proxy_is_an_error_that_names_proxies() -> None:
    async with api.messages_api(api.answer("x")) as server:
        dead = server.url
    with pytest.raises(ModelUnavailableError) as caught:
        await ask("https://models.invalid", environment={"https_proxy": dead.replace("//", "//ada:hunter2@")})
    assert f"refused (by way of the proxy {dead.removeprefix('http://')})" in str(caught.value)


# Configuration.


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"provider": "openai"}, "'openai' cannot be used"),
        ({"base_url": "ftp://models.invalid"}, "is no URL"),
        ({"base_url": "http://"}, "is no URL"),
        ({"base_url": "http://x:port"}, "is no URL"),
        ({"api_key": ""}, "no API key"),
        ({"environment": {"SSL_CERT_FILE": "/nowhere/ca.pem"}}, r"/nowhere/ca\.pem"),
        ({"base_url": "http://models.invalid", "environment": {"http_proxy": "gopher://x"}}, "proxy"),
    ],
)
async def test_what_is_not_configured_is_found_before_any_request(changes: dict[str, object], match: str) -> None:
    model = AnthropicModel(settings_for("http://127.0.0.1:1", **changes), SystemClock())
    with pytest.raises(ModelNotConfiguredError, match=match) as caught:
        await model.load()
    assert caught.value.remedy


async def test_custom_headers_are_those_of_the_run_and_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Team: another\nX-Leak: sesame")
    async with api.messages_api(api.answer("ok")) as server:
        await ask(server, environment={"ANTHROPIC_CUSTOM_HEADERS": "X-Team: ours\nX-More: a: b\nnothing"})
    headers = server.requests[0].headers
    assert (headers["x-team"], headers["x-more"]) == ("ours", "a: b")
    assert "x-leak" not in headers


def test_a_description_has_no_secrets() -> None:
    settings = settings_for("http://ada:hunter2@models.invalid/v1/")
    description = AnthropicModel(settings, SystemClock()).describe()
    assert description == {
        "provider": "anthropic",
        "url": "http://models.invalid/v1",
        "key_source": "ANTHROPIC_API_KEY",
        "has_key": True,
    }
    assert "sk-test" not in repr(settings)


async def test_the_sdk_is_imported_only_when_a_model_is_used() -> None:
    program = "import sys, atmos_ai_sidecar.adapters.model; print('anthropic' in sys.modules, 'httpx2' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    stdout, _ = await process.communicate()
    assert stdout.split() == [b"False", b"False"]


async def test_a_server_that_never_shakes_hands_is_unreachable_in_time() -> None:
    async with api.messages_api(api.answer("x")) as server:
        with pytest.raises(ModelUnavailableError, match=r"no connection within 0\.2 s"):
            await ask(server.url.replace("http://", "https://"), max_retries=0, connect_timeout_seconds=0.2)


async def test_two_streams_at_once_load_the_sdk_once_and_do_not_mix() -> None:
    async with api.messages_api(api.answer("a")) as server:
        model = AnthropicModel(settings_for(server.url), SystemClock())

        async def said() -> str:
            async with model.stream(REQUEST) as stream:
                return pieces([item async for item in stream])

        assert await asyncio.gather(*(said() for _ in range(5))) == ["a"] * 5
        await model.close()
