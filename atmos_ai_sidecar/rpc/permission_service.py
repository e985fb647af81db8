"""PermissionService: questions to people and their answers, and why a call would ask."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from atmos_ai_sidecar.application.approvals import Prompter, Question
from atmos_ai_sidecar.application.validation import validate_input
from atmos_ai_sidecar.domain.grants import lifetime
from atmos_ai_sidecar.domain.requests import PermissionRequest
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import (
    InvalidFieldError,
    InvalidPageTokenError,
    NotFoundError,
    PreconditionError,
    RuleNotFoundError,
    ShuttingDownError,
    SidecarError,
    UnsupportedEventError,
)
from atmos_ai_sidecar.rpc.convert import proto_answer, proto_decision, proto_grant, proto_request, proto_rule
from atmos_ai_sidecar.rpc.departure import Departure
from atmos_ai_sidecar.rpc.grpc_types import Context
from atmos_ai_sidecar.rpc.limits import cut_text, within_event_limit
from atmos_ai_sidecar.rpc.paging import page_cursor, page_limit, page_token
from atmos_ai_sidecar.rpc.parts import ServerParts
from atmos_ai_sidecar.rpc.sending import Sender
from atmos_ai_sidecar.rpc.shared_workspace import SharedWorkspace
from atmos_ai_sidecar.rpc.streams import first_event, next_event
from atmos_ai_sidecar.rpc.values import json_from_struct, proto_text
from atmos_ai_sidecar.v1 import permission_service_pb2 as pb

DEFAULT_NAME: Final = "prompter"
MAX_NAME_CHARACTERS: Final = 64
_Entry = TypeVar("_Entry")


class PermissionService:
    """Offers questions and takes answers; see the contract for every method."""

    def __init__(self, parts: ServerParts, workspace: SharedWorkspace, departure: Departure) -> None:
        self._parts = parts
        self._workspace = workspace
        self._departure = departure

    async def prompt(self, _requests: object, context: Context) -> None:
        attach = (await first_event(context, self._parts.clock, "attach")).attach
        name = _name(attach.name)
        attached = self._parts.approvals.attach(name, run_id=attach.run_id, session_id=attach.session_id)
        async with Sender(context) as sender:
            with attached as prompter:
                await _PromptStream(self._parts, context, sender, prompter).run(self._departure)

    async def list_permission_requests(self, request: Any, _context: object) -> Any:
        limit = page_limit(request.page_size)
        filters = ("permission requests", request.session_id, str(request.pending_only))
        cursor = page_cursor(request.page_token, *filters)
        workspace = await self._workspace.get()
        found, next_cursor = await workspace.approvals.list(
            session_id=request.session_id, pending_only=request.pending_only, limit=limit, cursor=cursor
        )
        return pb.ListPermissionRequestsResponse(
            permission_requests=[within_event_limit(proto_request(one)) for one in found],
            next_page_token=page_token(next_cursor, *filters),
        )

    async def resolve_permission_request(self, request: Any, _context: object) -> Any:
        resolved = await self._parts.approvals.answer(
            request.permission_request_id,
            request.option_id,
            shown_digest=request.digest,
            comment=request.comment,
            resolved_by="client",
        )
        return pb.ResolvePermissionRequestResponse(permission_request=within_event_limit(proto_request(resolved)))

    async def explain_permission(self, request: Any, _context: object) -> Any:
        values = json_from_struct(request.input, "input")
        workspace = await self._workspace.get()
        await workspace.tools.load_for(request.tool)
        validate_input(workspace.tools.registry.get(request.tool), values)
        return proto_decision(workspace.permissions.explain(request.tool, values))

    async def list_permission_rules(self, request: Any, _context: object) -> Any:
        workspace = await self._workspace.get()
        rules, token = _page(workspace.permissions.rules(), request, "permission rules")
        return pb.ListPermissionRulesResponse(rules=[proto_rule(rule) for rule in rules], next_page_token=token)

    async def create_permission_rule(self, request: Any, _context: object) -> Any:
        values = json_from_struct(request.input, "input")
        limit = lifetime(request.lifetime) if request.lifetime else None
        workspace = await self._workspace.get()
        if request.session_id:
            await workspace.sessions.get(SessionId(request.session_id))
        grant = workspace.permissions.grant_for(
            request.tool, values, allow=not request.reject, session_id=request.session_id
        )
        if not request.validate_only:
            grant = await asyncio.to_thread(workspace.permissions.remember, grant, limit)
        return pb.CreatePermissionRuleResponse(grant=proto_grant(grant))

    async def delete_permission_rule(self, request: Any, _context: object) -> Any:
        await self._forget(request.grant_id)
        return pb.DeletePermissionRuleResponse()

    async def list_grants(self, request: Any, _context: object) -> Any:
        workspace = await self._workspace.get()
        grants, token = _page(await asyncio.to_thread(workspace.grants.all), request, "grants")
        return pb.ListGrantsResponse(grants=[proto_grant(grant) for grant in grants], next_page_token=token)

    async def delete_grant(self, request: Any, _context: object) -> Any:
        await self._forget(request.grant_id)
        return pb.DeleteGrantResponse()

    async def _forget(self, grant_id: str) -> None:
        workspace = await self._workspace.get()
        if not await asyncio.to_thread(workspace.grants.revoke, (grant_id,)):
            raise RuleNotFoundError(grant_id)


def _page(entries: Sequence[_Entry], request: Any, name: str) -> tuple[Sequence[_Entry], str]:
    """One page of what fits into memory, and the token of the next."""
    limit = page_limit(request.page_size)
    cursor = page_cursor(request.page_token, name) or "0"
    if not cursor.isdecimal():
        raise InvalidPageTokenError
    end = int(cursor) + limit
    return entries[int(cursor) : end], page_token(str(end) if end < len(entries) else "", name)


def _name(name: str) -> str:
    """The prompter's name, fit for a record."""
    if not all(character.isprintable() for character in name):
        raise InvalidFieldError("attach.name", "must not contain control or invisible characters")
    return cut_text(name, MAX_NAME_CHARACTERS) or DEFAULT_NAME


class _PromptStream:
    """One prompter: a task that offers questions and one that takes answers."""

    def __init__(self, parts: ServerParts, context: Context, sender: Sender, prompter: Prompter) -> None:
        self._approvals = parts.approvals
        self._context = context
        self._sender = sender
        self._prompter = prompter
        self._told: set[str] = set()

    async def run(self, departure: Departure) -> None:
        """Returns when the client sends no more: who cannot answer is no prompter."""
        await self._sender.send(pb.PromptResponse(attached=pb.PromptResponse.Attached()))
        async with asyncio.TaskGroup() as tasks:
            gone = tasks.create_task(departure.wait_begun())
            offers = tasks.create_task(self._offer())
            client = tasks.create_task(self._listen())
            await asyncio.wait((client, gone), return_when=asyncio.FIRST_COMPLETED)
            if not client.done():
                raise ShuttingDownError
            gone.cancel()
            offers.cancel()

    async def _offer(self) -> None:
        async for event in self._prompter:
            if isinstance(event, Question):
                question = within_event_limit(proto_request(event.request))
                await self._sender.send(pb.PromptResponse(question=question))
            else:
                await self._tell_settled(event.request)

    async def _listen(self) -> None:
        while (request := await next_event(self._context)) is not None:
            kind = request.WhichOneof("event")
            if kind != "answer":
                raise UnsupportedEventError(kind or "unknown")
            await self._take(request.answer)

    async def _take(self, answer: Any) -> None:
        try:
            settled = await self._approvals.answer(
                answer.permission_request_id,
                answer.option_id,
                shown_digest=answer.digest,
                comment=answer.comment,
                resolved_by=self._prompter.name,
            )
        except (InvalidFieldError, NotFoundError, PreconditionError) as error:
            await self._sender.send(pb.PromptResponse(answer_refused=_refusal(answer, error)))
        else:
            await self._tell_settled(settled)

    async def _tell_settled(self, request: PermissionRequest) -> None:
        """Tells it once, whether it was settled here or elsewhere."""
        if request.id in self._told:
            return
        self._told.add(request.id)
        settled = pb.PromptResponse.Settled(
            permission_request_id=request.id,
            outcome=proto_answer(request.outcome),
            resolved_by=proto_text(request.resolved_by),
        )
        await self._sender.send(pb.PromptResponse(settled=settled))


def _refusal(answer: Any, error: SidecarError) -> Any:
    return pb.PromptResponse.AnswerRefused(
        permission_request_id=answer.permission_request_id, reason=error.reason, message=proto_text(str(error))
    )
