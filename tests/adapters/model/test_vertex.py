"""The SDK's client for Google Vertex AI against a server on loopback, which also gives out its tokens."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.model import AnthropicModel, ModelSettings
from atmos_ai_sidecar.errors import ModelNotConfiguredError
from tests.adapters.model.asking import REQUEST, ask, pieces
from tests.fakes import messages_api as api
from tests.fakes.messages_api import MessagesApi, Reply

TOKEN = Reply(
    headers={"content-type": "application/json"},
    pieces=[json.dumps({"access_token": "ya29.fresh", "expires_in": 3600, "token_type": "Bearer"}).encode()],
)


def settings(server: MessagesApi, environment: dict[str, str]) -> dict[str, Any]:
    return {
        "provider": "vertex", "region": "europe-west1", "project_id": "my-project", "api_key": "",
        "key_source": "Google application default credentials", "base_url": server.url, "environment": environment,
    }  # fmt: skip


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def account(folder: Path, server: MessagesApi, private_key: str) -> dict[str, str]:
    """The environment of somebody who has a service account, whose tokens the server gives out."""
    values = {
        "type": "service_account", "project_id": "other", "private_key_id": "1", "private_key": private_key,
        "client_email": "me@other.iam.example", "token_uri": f"{server.url}/token",
    }  # fmt: skip
    (folder / "account.json").write_text(json.dumps(values))
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(folder / "account.json"), "HOME": str(folder)}


async def test_a_request_carries_a_token_that_was_found_for_this_run(
    tmp_path: Path, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/of-another-run.json")
    async with api.messages_api(TOKEN, api.answer("Hel", "lo")) as server:
        events = await ask(server, REQUEST, **settings(server, account(tmp_path, server, private_key)))
    assert pieces(events) == "Hello"
    asked, request = server.requests
    assert asked.path == "/token"
    model = f"projects/my-project/locations/europe-west1/publishers/anthropic/models/{REQUEST.model}"
    assert request.path == f"/{model}:streamRawPredict"
    assert request.headers["authorization"] == "Bearer ya29.fresh"
    assert request.body["anthropic_version"]
    assert "model" not in request.body


async def test_a_refusal_names_the_credentials_and_what_to_do(tmp_path: Path, private_key: str) -> None:
    refusal = json.dumps({"error": {"code": 403, "message": "No permission", "status": "PERMISSION_DENIED"}})
    refused = Reply(status=403, headers={"content-type": "application/json"}, pieces=[refusal.encode()])
    async with api.messages_api(TOKEN, refused) as server:
        with pytest.raises(ModelNotConfiguredError) as caught:
            await ask(server, REQUEST, **settings(server, account(tmp_path, server, private_key)))
    assert "refused the Google application default credentials (403: No permission)" in caught.value.message
    assert "gcloud auth application-default login" in caught.value.remedy


async def test_missing_credentials_are_found_before_any_request(tmp_path: Path) -> None:
    async with api.messages_api(api.answer("ok")) as server:
        nobody = {"HOME": str(tmp_path), "NO_GCE_CHECK": "true"}
        model = AnthropicModel(ModelSettings(**settings(server, nobody)), SystemClock())
        try:
            with pytest.raises(ModelNotConfiguredError, match="default credentials were not found") as caught:
                await model.check()
        finally:
            await model.close()
    assert "gcloud auth application-default login" in caught.value.remedy
    assert server.requests == []


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("global", "https://aiplatform.googleapis.com/v1"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/v1"),
        ("europe-west1", "https://europe-west1-aiplatform.googleapis.com/v1"),
    ],
)
def test_the_address_follows_the_region(region: str, url: str) -> None:
    built = ModelSettings(provider="vertex", region=region, project_id="p")
    assert AnthropicModel(built, SystemClock()).describe()["url"] == url


async def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    model = AnthropicModel(ModelSettings(provider="vertex", region="eu", project_id="p"), SystemClock())
    with pytest.raises(ModelNotConfiguredError, match=r"needs the package google\.auth") as caught:
        await model.check()
    assert "pip install 'atmos-ai-sidecar[vertex]'" in caught.value.remedy
