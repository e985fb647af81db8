import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2

from atmos_ai_sidecar.errors import TokenInvalidError, TokenMissingError
from atmos_ai_sidecar.rpc.auth import EVERYBODY, PACKAGE, ROLES, AuthInterceptor, Role, Tokens, bearer_token
from atmos_ai_sidecar.rpc.departure import Departure
from atmos_ai_sidecar.rpc.guard import GuardInterceptor
from atmos_ai_sidecar.v1 import (
    chat_service_pb2,
    permission_service_pb2,
    session_service_pb2,
    sidecar_service_pb2,
    terminal_service_pb2,
    tool_registry_service_pb2,
)
from tests.rpc.world import OWNER, OWNER_TOKEN, World, bearer, error_info

_MODULES: tuple[Any, ...] = (
    chat_service_pb2,
    permission_service_pb2,
    session_service_pb2,
    sidecar_service_pb2,
    terminal_service_pb2,
    tool_registry_service_pb2,
)
METHODS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for module in _MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
REFLECTION = tuple(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo" for version in ("v1", "v1alpha"))
WATCH = "/grpc.health.v1.Health/Watch"
UNKNOWN = ("/nothing.Service/Method", f"/{PACKAGE}.SessionService/Nothing", "/", "//", "/grpc.health.v1.Health/check")
STREAMS: dict[str, tuple[bool, bool]] = {
    **{path: (method.client_streaming, method.server_streaming) for path, method in METHODS.items()},
    WATCH: (False, True),
}
"""Whether client and server send streams; of what is not here, both."""
REFUSED: dict[str, tuple[Any, str]] = {
    "no token": ((), "TOKEN_MISSING"),
    "a token as bytes": ((("authorization-bin", b"Bearer \xff"),), "TOKEN_MISSING"),
    "another key": ((("x-authorization", f"Bearer {OWNER_TOKEN}"),), "TOKEN_MISSING"),
    "an empty value": ((("authorization", ""),), "TOKEN_INVALID"),
    "an empty token": ((("authorization", "Bearer "),), "TOKEN_INVALID"),
    "no scheme": ((("authorization", OWNER_TOKEN),), "TOKEN_INVALID"),
    "another scheme": ((("authorization", f"Basic {OWNER_TOKEN}"),), "TOKEN_INVALID"),
    "another process's owner token": (bearer("f0" * 32), "TOKEN_INVALID"),
    "another process's client token": (bearer(Tokens(OWNER_TOKEN).mint_client()), "TOKEN_INVALID"),
    "a forged client token": (bearer("name.signature"), "TOKEN_INVALID"),
    "a part of the token": (bearer(OWNER_TOKEN[:-1]), "TOKEN_INVALID"),
    "the token and more": (bearer(f"{OWNER_TOKEN}0"), "TOKEN_INVALID"),
    "the token twice": ((*OWNER, *OWNER), "TOKEN_INVALID"),
    "the token after another": ((*bearer("f0" * 32), *OWNER), "TOKEN_INVALID"),
    "both in one": ((("authorization", f"Bearer {OWNER_TOKEN}, Bearer {OWNER_TOKEN}"),), "TOKEN_INVALID"),
}
"""What a caller may bring that is worth nothing, and the reason that it is told."""
OWNER_ONLY = {
    "ToolRegistryService/ExecuteTool",
    "ToolRegistryService/HostTools",
    "PermissionService/Prompt",
    "PermissionService/ResolvePermissionRequest",
    "PermissionService/CreatePermissionRule",
    "PermissionService/DeletePermissionRule",
    "PermissionService/DeleteGrant",
    "TerminalService/Run",
    "SidecarService/MintClientToken",
    "SidecarService/Shutdown",
}


async def outcome(
    channel: aio.Channel, path: str, metadata: Any, *, is_refused: bool = False
) -> aio.AioRpcError | None:
    """What a call comes to that sends one empty message; None when it is answered.

    One that is refused is answered before it has sent anything, and a stream that is written to after its end breaks.
    """
    client_streams, server_streams = STREAMS.get(path, (True, True))
    kind = f"{'stream' if client_streams else 'unary'}_{'stream' if server_streams else 'unary'}"
    make: Any = getattr(channel, kind)(path)
    call = make(metadata=metadata, timeout=5) if client_streams else make(b"", metadata=metadata)
    try:
        async with asyncio.timeout(5):
            if client_streams and not is_refused:
                with suppress(aio.AioRpcError, asyncio.InvalidStateError):  # it may be answered before it has written
                    await call.write(b"")
                    await call.done_writing()
            if server_streams:
                answer = await call.read()
                if answer is not aio.EOF:  # type: ignore[attr-defined]
                    call.cancel()
                    return None
            else:
                await call
    except aio.AioRpcError as error:
        return error
    code = await call.code()
    return None if code is StatusCode.OK else await failure(call)


async def failure(call: Any) -> aio.AioRpcError:
    trailing, initial = await call.trailing_metadata(), await call.initial_metadata()
    return aio.AioRpcError(await call.code(), initial, trailing, await call.details(), None)


def test_every_method_of_the_contract_has_an_entry_in_the_table_and_only_those() -> None:
    assert set(METHODS) == {path for path in ROLES if path.startswith(f"/{PACKAGE}.")}


def test_what_runs_tools_or_answers_questions_is_for_owners_only() -> None:
    owners = {path.removeprefix(f"/{PACKAGE}.") for path, roles in ROLES.items() if roles != EVERYBODY}
    assert owners == OWNER_ONLY


@pytest.mark.parametrize("path", [*METHODS, WATCH, *REFLECTION, *UNKNOWN])
async def test_call_without_a_valid_token_is_refused_at_once(channel: aio.Channel, world: World, path: str) -> None:
    for state, (metadata, reason) in REFUSED.items():
        error = await outcome(channel, path, metadata, is_refused=True)
        assert error is not None, state
        assert (error.code(), error_info(error).reason) == (StatusCode.UNAUTHENTICATED, reason), state
    assert not world.opened
    assert not world.shutdowns


@pytest.mark.parametrize("path", [*METHODS, WATCH, *REFLECTION])
async def test_client_token_opens_what_the_table_lists_and_nothing_else(
    channel: aio.Channel, world: World, path: str
) -> None:
    is_owners = path.removeprefix(f"/{PACKAGE}.") in OWNER_ONLY
    error = await outcome(channel, path, bearer(world.tokens.mint_client()), is_refused=is_owners)
    is_forbidden = error is not None and error.code() is StatusCode.PERMISSION_DENIED
    assert is_forbidden == is_owners
    if is_forbidden and error is not None:
        assert error_info(error).reason == "ROLE_FORBIDDEN"
        assert not world.opened
        assert not world.shutdowns


@pytest.mark.parametrize("path", [*METHODS, WATCH, *REFLECTION])
async def test_owner_token_opens_everything(channel: aio.Channel, world: World, path: str) -> None:
    error = await outcome(channel, path, OWNER)
    assert error is None or error.code() not in {StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED}


@pytest.mark.parametrize("path", METHODS)
async def test_no_token_opens_anything_once_the_server_is_going_away(
    channel: aio.Channel, world: World, path: str
) -> None:
    assert world.server is not None
    world.server._departure.begin()
    for metadata in (OWNER, bearer(world.tokens.mint_client()), (), bearer("f0" * 32)):
        error = await outcome(channel, path, metadata, is_refused=True)
        assert error is not None
        assert (error.code(), error_info(error).reason) == (StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    assert not world.opened


@pytest.mark.parametrize("arity", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
async def test_refused_call_of_any_kind_runs_nothing_of_its_handler(socket_directory: Path, arity: str) -> None:
    ran: list[str] = []

    async def behaviour(request: object, context: object) -> bytes:
        ran.append(arity)
        return b""

    async def stream(request: object, context: Any) -> None:
        await context.write(await behaviour(request, context))

    handler = getattr(grpc, f"{arity}_rpc_method_handler")(stream if arity.endswith("stream") else behaviour)
    server = aio.server(interceptors=(GuardInterceptor(Departure()), AuthInterceptor(Tokens(OWNER_TOKEN))))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.Service", {"Method": handler}),))
    server.add_insecure_port(f"unix:{socket_directory}/a.sock")
    await server.start()
    async with aio.insecure_channel(f"unix:{socket_directory}/a.sock") as channel:
        call: Any = getattr(channel, arity)
        for metadata, expected in (
            *((each, StatusCode.UNAUTHENTICATED) for each, _ in REFUSED.values()),
            (OWNER, None),
        ):
            before = len(ran)
            running = call("/a.Service/Method")
            running = running(b"", metadata=metadata) if arity.startswith("unary") else running(metadata=metadata)
            async with asyncio.timeout(5):
                if expected is None and arity.startswith("stream"):
                    await running.done_writing()
                if expected is None and arity.endswith("stream"):
                    await running.read()
                code = await running.code()
            assert code is (expected or StatusCode.OK)
            assert len(ran) - before == (expected is None)
    await server.stop(None)


async def test_bidirectional_call_is_refused_before_it_sends_anything(channel: Any) -> None:
    call = channel.stream_stream(f"/{PACKAGE}.ChatService/Chat")()
    async with asyncio.timeout(5):
        assert await call.code() is StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("path", ["/nothing.Service/Method", f"/{PACKAGE}.SessionService/Nothing"])
async def test_unknown_method_tells_strangers_nothing(channel: Any, path: str) -> None:
    with pytest.raises(aio.AioRpcError) as stranger:
        await channel.unary_unary(path)(b"")
    with pytest.raises(aio.AioRpcError) as owner:
        await channel.unary_unary(path)(b"", metadata=OWNER)
    assert stranger.value.code() is StatusCode.UNAUTHENTICATED
    assert owner.value.code() is StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("path", UNKNOWN)
async def test_unknown_method_is_nothing_for_clients_and_unimplemented_for_the_owner(
    channel: aio.Channel, world: World, path: str
) -> None:
    as_client = await outcome(channel, path, bearer(world.tokens.mint_client()), is_refused=True)
    assert as_client is not None
    assert (as_client.code(), error_info(as_client).reason) == (StatusCode.PERMISSION_DENIED, "ROLE_FORBIDDEN")
    as_owner = await outcome(channel, path, OWNER, is_refused=True)
    assert as_owner is not None
    assert as_owner.code() is StatusCode.UNIMPLEMENTED


async def test_health_check_is_answered_whatever_the_caller_brings(channel: aio.Channel, world: World) -> None:
    callers = [metadata for metadata, _ in REFUSED.values()]
    for metadata in (*callers, OWNER, bearer(world.tokens.mint_client())):
        request = health_pb2.HealthCheckRequest()
        answer = await HealthStub(channel).Check(request, metadata=metadata, timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_check_needs_no_token_and_health_watch_does(channel: aio.Channel) -> None:
    stub = HealthStub(channel)
    for service in ("", f"{PACKAGE}.SessionService"):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.Watch(health_pb2.HealthCheckRequest()).read()
    assert caught.value.code() is StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
async def test_reflection_lists_the_services_to_those_who_have_a_token(channel: Any, version: str) -> None:
    ask = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async with asyncio.timeout(5):
        assert await ask().code() is StatusCode.UNAUTHENTICATED
        answer: Any = await ask([request], metadata=OWNER).read()
    names = {service.name for service in answer.list_services_response.service}
    assert {path.split("/")[1] for path in METHODS} < names


@pytest.fixture
def descriptor_set(tmp_path: Path) -> FileDescriptorSet:
    """The contract as it is shipped for clients without reflection."""
    file = tmp_path / "contract.binpb"
    script = Path(__file__).parents[2] / "scripts" / "descriptor_set.py"
    subprocess.run([sys.executable, script, file], check=True)
    return FileDescriptorSet.FromString(file.read_bytes())


async def test_reflection_tells_what_the_descriptor_set_does(channel: Any, descriptor_set: FileDescriptorSet) -> None:
    ask = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    for file in descriptor_set.file:
        file.ClearField("source_code_info")
        async with asyncio.timeout(5):
            answer: Any = await ask(
                [reflection_pb2.ServerReflectionRequest(file_by_filename=file.name)], metadata=OWNER
            ).read()
        told = map(FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
        assert next(each for each in told if each.name == file.name) == file


async def test_refused_call_leaves_no_token_in_the_log(channel: aio.Channel, caplog: pytest.LogCaptureFixture) -> None:
    await outcome(channel, f"/{PACKAGE}.SessionService/ListSessions", bearer("5ec12e7" * 8))
    assert "5ec12e7" not in caplog.text


@pytest.mark.parametrize("size", [9 * 1024, 14 * 1024, 20 * 1024])
async def test_huge_metadata_is_refused_and_the_server_lives(channel: aio.Channel, size: int) -> None:
    path = f"/{PACKAGE}.SidecarService/GetServerInfo"
    error = await outcome(channel, path, (*OWNER, ("x", "y" * size)))
    assert error is None or error.code() in {StatusCode.RESOURCE_EXHAUSTED, StatusCode.UNKNOWN}
    assert await outcome(channel, path, OWNER) is None


@pytest.mark.parametrize("value", ["Bearer ü", "Bearer \udcff", "Bearer\t", "x" * 100])
def test_token_of_any_characters_is_no_crash(value: str) -> None:
    with pytest.raises(TokenInvalidError):
        Tokens("a" * 64).role_of(bearer_token([("authorization", value)]))


def test_metadata_without_authorization_is_a_missing_token() -> None:
    with pytest.raises(TokenMissingError):
        bearer_token([("x", "y")])


def test_client_tokens_differ_and_are_good_for_their_own_process_only() -> None:
    tokens = Tokens("a" * 64)
    first, second = tokens.mint_client(), tokens.mint_client()
    assert first != second
    assert tokens.role_of(first) is Role.CLIENT
    with pytest.raises(TokenInvalidError):
        Tokens("a" * 64).role_of(first)
