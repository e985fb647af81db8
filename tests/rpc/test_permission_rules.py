from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from grpc import StatusCode, aio

from atmos_ai_sidecar.domain.permissions import ListEntry, PermissionSettings
from atmos_ai_sidecar.errors import StorageUnavailableError
from atmos_ai_sidecar.rpc.answering import remote_questions
from atmos_ai_sidecar.v1 import permission_service_pb2 as pb
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as tools_pb
from atmos_ai_sidecar.v1.permission_service_pb2_grpc import PermissionServiceStub
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub
from tests.rpc.world import OWNER, OWNER_TOKEN, World, error_info


@pytest.fixture
def permissions(channel: aio.Channel) -> Any:
    return PermissionServiceStub(channel)


async def created(permissions: Any, **fields: Any) -> Any:
    request = pb.CreatePermissionRuleRequest(tool="change", **fields)
    return (await permissions.CreatePermissionRule(request, metadata=OWNER)).grant


async def grants(permissions: Any, **fields: Any) -> Any:
    return await permissions.ListGrants(pb.ListGrantsRequest(**fields), metadata=OWNER)


async def failure(call: Any) -> tuple[StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return caught.value.code(), error_info(caught.value).reason


async def test_a_rule_that_was_created_lets_the_call_run_until_it_is_deleted(
    world: World, channel: aio.Channel, permissions: Any
) -> None:
    async def change() -> list[Any]:
        call = ToolRegistryServiceStub(channel).ExecuteTool(tools_pb.ExecuteToolRequest(name="change"), metadata=OWNER)
        return [event async for event in call]

    grant = await created(permissions, lifetime="7d")
    assert grant.text == "always allow change"
    assert (grant.user, grant.uses) == ("me", 0)
    assert (grant.expire_time.ToDatetime() - grant.create_time.ToDatetime()).days == 7
    assert (await change())[-1].result.success
    assert list((await grants(permissions)).grants) == [grant]
    await permissions.DeletePermissionRule(pb.DeletePermissionRuleRequest(grant_id=grant.grant_id), metadata=OWNER)
    assert not (await grants(permissions)).grants
    with pytest.raises(aio.AioRpcError):
        await change()


async def test_a_rule_that_is_only_validated_is_shown_and_not_stored(permissions: Any) -> None:
    grant = await created(permissions, validate_only=True, reject=True)
    assert (grant.text, grant.grant_id, grant.allow) == ("always reject change", "", False)
    assert not (await grants(permissions)).grants


async def test_what_cannot_be_remembered_is_refused(world: World, permissions: Any) -> None:
    values = Struct()
    values.update({"wrong": 1})
    invalid = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert await failure(created(permissions, input=values)) == invalid
    assert await failure(created(permissions, lifetime="soon")) == invalid
    assert await failure(created(permissions, session_id="none")) == (StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
    request = pb.CreatePermissionRuleRequest(tool="none")
    assert await failure(permissions.CreatePermissionRule(request, metadata=OWNER)) == (
        StatusCode.NOT_FOUND,
        "TOOL_NOT_FOUND",
    )
    assert not (await grants(permissions)).grants


async def test_grants_are_paged_and_deleted_once(permissions: Any) -> None:
    ids = [(await created(permissions, reject=reject)).grant_id for reject in (True, False)]
    first = await grants(permissions, page_size=1)
    second = await grants(permissions, page_size=1, page_token=first.next_page_token)
    assert [grant.grant_id for grant in (*first.grants, *second.grants)] == ids
    assert not second.next_page_token
    delete = pb.DeleteGrantRequest(grant_id=ids[0])
    await permissions.DeleteGrant(delete, metadata=OWNER)
    assert await failure(permissions.DeleteGrant(delete, metadata=OWNER)) == (StatusCode.NOT_FOUND, "RULE_NOT_FOUND")
    assert (await failure(grants(permissions, page_size=-1)))[1] == "INVALID_FIELD"
    assert (await failure(grants(permissions, page_token="x")))[1] == "INVALID_PAGE_TOKEN"


async def test_rules_of_the_configuration_are_listed_with_file_and_line(world: World, permissions: Any) -> None:
    world.settings = PermissionSettings(
        blocked=(ListEntry(pattern="change", file="atmos.yaml", line=7),), allowed=(ListEntry(pattern="look"),)
    )
    request = pb.ListPermissionRulesRequest(page_size=1)
    first = await permissions.ListPermissionRules(request, metadata=OWNER)
    assert [(rule.text, rule.file, rule.line) for rule in first.rules] == [
        ("ai.tools.blocked: change", "atmos.yaml", 7)
    ]
    request.page_token = first.next_page_token
    second = await permissions.ListPermissionRules(request, metadata=OWNER)
    assert [rule.text for rule in second.rules] == ["ai.tools.allowed: look"]
    wrong = pb.ListGrantsRequest(page_token=first.next_page_token)
    assert (await failure(permissions.ListGrants(wrong, metadata=OWNER)))[1] == "INVALID_PAGE_TOKEN"


async def test_a_question_is_answered_from_another_process(world: World, channel: aio.Channel) -> None:
    permissions = PermissionServiceStub(channel)
    prompter = permissions.Prompt(metadata=OWNER)
    await prompter.write(pb.PromptRequest(attach=pb.PromptRequest.Attach(name="someone")))
    assert (await prompter.read()).HasField("attached")
    call = ToolRegistryServiceStub(channel).ExecuteTool(tools_pb.ExecuteToolRequest(name="change"), metadata=OWNER)
    shown = (await prompter.read()).question
    sockets = [f"{world.socket_path}.dead", world.socket_path]
    async with remote_questions(dict.fromkeys(sockets, "f" * 64)) as found:
        assert not found
    async with remote_questions(dict.fromkeys(sockets, world.tokens.mint_client())) as (question,):
        with pytest.raises(StorageUnavailableError, match="refused"):
            await question.answer("allow_once", "")
    async with remote_questions(dict.fromkeys(sockets, OWNER_TOKEN)) as (question,):
        assert (question.id, list(question.lines)) == (shown.permission_request_id, list(shown.lines))
        assert [option.key for option in question.options] == ["y", "a", "n", "d"]
        assert await question.answer("allow_once", "") == "allow_once"
        assert await question.answer("allow_once", "") == "allow_once"
        with pytest.raises(StorageUnavailableError, match="already settled"):
            await question.answer("reject_once", "")
    assert [event async for event in call][-1].result.success
    prompter.cancel()
