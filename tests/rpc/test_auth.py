import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2

from atmos_ai_sidecar.errors import TokenInvalidError, TokenMissingError
from atmos_ai_sidecar.rpc.auth import EVERYBODY, PACKAGE, ROLES, Role, Tokens, bearer_token
from atmos_ai_sidecar.v1 import (
    chat_service_pb2,
    permission_service_pb2,
    session_service_pb2,
    sidecar_service_pb2,
    terminal_service_pb2,
    tool_registry_service_pb2,
)
from tests.rpc.world import OWNER, World, bearer, error_info

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


async def outcome(channel: aio.Channel, path: str, metadata: Any) -> aio.AioRpcError | None:
    """What a call comes to that sends one empty message; None when it is answered."""
    method = METHODS[path]
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    make = getattr(channel, kind)(path, request.SerializeToString, response.FromString)
    call = make(metadata=metadata, timeout=5) if method.client_streaming else make(request(), metadata=metadata)
    try:
        async with asyncio.timeout(5):
            if method.client_streaming:
                with suppress(aio.AioRpcError, asyncio.InvalidStateError):  # it may be answered before it has written
                    await call.write(request())
                    await call.done_writing()
            if method.server_streaming:
                await call.read()
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


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "TOKEN_MISSING"),
        ((("authorization-bin", b"Bearer \xff"),), "TOKEN_MISSING"),
        ((("authorization", ""),), "TOKEN_INVALID"),
        ((("authorization", "Bearer "),), "TOKEN_INVALID"),
        ((("authorization", "Basic abc"),), "TOKEN_INVALID"),
        (bearer("f0" * 32), "TOKEN_INVALID"),
        (bearer("name.signature"), "TOKEN_INVALID"),
        ((*OWNER, *OWNER), "TOKEN_INVALID"),
    ],
)
async def test_call_without_a_valid_token_is_refused_at_once(
    channel: aio.Channel, world: World, path: str, metadata: Any, reason: str
) -> None:
    error = await outcome(channel, path, metadata)
    assert error is not None
    assert (error.code(), error_info(error).reason) == (StatusCode.UNAUTHENTICATED, reason)
    assert not world.opened


@pytest.mark.parametrize("path", METHODS)
async def test_client_token_opens_what_the_table_lists_and_nothing_else(
    channel: aio.Channel, world: World, path: str
) -> None:
    error = await outcome(channel, path, bearer(world.tokens.mint_client()))
    is_forbidden = error is not None and error.code() is StatusCode.PERMISSION_DENIED
    assert is_forbidden == (path.removeprefix(f"/{PACKAGE}.") in OWNER_ONLY)
    if is_forbidden and error is not None:
        assert error_info(error).reason == "ROLE_FORBIDDEN"


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
