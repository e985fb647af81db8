"""TLS with a server whose certificate no authority has signed."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

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
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:models.invalid",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "certificate.pem")],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    return tmp_path / "certificate.pem"


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


@dataclass(slots=True, kw_only=True)
class Tunnel:
    url: str
    asked: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)


@asynccontextmanager
async def tunnel(target: str) -> AsyncIterator[Tunnel]:
    """A proxy on loopback that connects whatever is asked for with one server."""
    parts = urlsplit(target)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        proxy.asked.append(first)
        proxy.authorizations += [
            line.partition(": ")[2] for line in headers if line.lower().startswith("proxy-authorization")
        ]
        back, forth = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(pump(reader, forth), pump(back, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        proxy = Tunnel(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield proxy


async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
    target.close()


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


async def test_ssl_cert_dir_and_another_runs_file_are_kept_apart(
    tls: ssl.SSLContext, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    shutil.copy(certificate, folder)
    rehash = ["openssl", "rehash", str(folder)]
    await asyncio.to_thread(subprocess.run, rehash, check=True, capture_output=True, timeout=20)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/of-another-run.pem")
    async with api.messages_api(api.answer("ok"), tls=tls) as server:
        answered = await ask(server.url, {"SSL_CERT_DIR": str(folder)})
    assert answered.blocks == (Text(text="ok"),)


async def test_a_proxy_tunnels_to_a_server_with_a_private_authority(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # of another run
    async with api.messages_api(api.answer("ok"), tls=tls) as server, tunnel(server.url) as proxy:
        environment = {"SSL_CERT_FILE": str(certificate), "HTTPS_PROXY": proxy.url.replace("//", "//ada:hunter2@")}
        answered = await ask("https://models.invalid", environment)
    assert answered.blocks == (Text(text="ok"),)
    assert proxy.asked == ["CONNECT models.invalid:443 HTTP/1.1"]
    assert proxy.authorizations == ["Basic YWRhOmh1bnRlcjI="]
    assert server.requests[0].headers["host"] == "models.invalid"


async def test_ssl_cert_file_of_the_given_environment_adds_trust(tls: ssl.SSLContext, certificate: Path) -> None:
    async with api.messages_api(api.answer("ok"), tls=tls) as server:
        answered = await ask(server.url, {"SSL_CERT_FILE": str(certificate)})
    assert answered.blocks == (Text(text="ok"),)
