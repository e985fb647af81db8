"""TLS with a server whose certificate no authority has signed."""

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.model import AnthropicModel, ModelSettings
from atmos_ai_sidecar.application.ports.model import Answered, ModelRequest
from atmos_ai_sidecar.domain.messages import Message, Role, Text
from atmos_ai_sidecar.errors import ModelUnavailableError
from tests.fakes import messages_api as api

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
REQUEST = ModelRequest(
    model="m", max_tokens=5, system=[], messages=[Message(role=Role.USER, blocks=[Text(text="hello")])], tools=[]
)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "certificate.pem")],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    return tmp_path / "certificate.pem"


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


async def ask(url: str, environment: dict[str, str]) -> Answered:
    model = AnthropicModel(ModelSettings(base_url=url, api_key="k", environment=environment), SystemClock())
    try:
        async with asyncio.timeout(20), model.stream(REQUEST) as stream:
            events = [event async for event in stream]
    finally:
        await model.close()
    assert isinstance(events[-1], Answered)
    return events[-1]


async def test_an_unknown_certificate_is_refused_at_once_and_the_remedy_named(tls: ssl.SSLContext) -> None:
    async with api.messages_api(api.answer("ok"), tls=tls) as server:
        with pytest.raises(ModelUnavailableError, match="not trusted") as caught:
            await ask(server.url, {})
    assert "SSL_CERT_FILE" in caught.value.remedy
    assert server.requests == []


async def test_ssl_cert_file_of_the_given_environment_adds_trust(tls: ssl.SSLContext, certificate: Path) -> None:
    async with api.messages_api(api.answer("ok"), tls=tls) as server:
        answered = await ask(server.url, {"SSL_CERT_FILE": str(certificate)})
    assert answered.blocks == (Text(text="ok"),)
