"""Who calls, and what they may do: tokens, roles, and the table of both.

Guarantees: no handler code runs for a call that is not allowed; the answer comes at once, for all four kinds of calls
and for methods that do not exist; every method is the owner's unless the table gives it to clients too.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from enum import StrEnum
from hashlib import sha256
from typing import Final

import grpc

from atmos_ai_sidecar.errors import RoleForbiddenError, SidecarError, TokenInvalidError, TokenMissingError
from atmos_ai_sidecar.rpc.grpc_types import CallDetails, Handler, Interceptor


class Role(StrEnum):
    """What a token is good for."""

    OWNER = "owner"
    CLIENT = "client"


OWNER: Final = frozenset({Role.OWNER})
EVERYBODY: Final = frozenset({Role.OWNER, Role.CLIENT})
PACKAGE: Final = "atmos_ai_sidecar.v1"
HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"

ROLES: Final[Mapping[str, frozenset[Role]]] = {
    f"/{PACKAGE}.SessionService/CreateSession": EVERYBODY,
    f"/{PACKAGE}.SessionService/GetSession": EVERYBODY,
    f"/{PACKAGE}.SessionService/GetSessionByName": EVERYBODY,
    f"/{PACKAGE}.SessionService/ListSessions": EVERYBODY,
    f"/{PACKAGE}.SessionService/UpdateSession": EVERYBODY,
    f"/{PACKAGE}.SessionService/DeleteSession": EVERYBODY,
    f"/{PACKAGE}.SessionService/AddMessage": EVERYBODY,
    f"/{PACKAGE}.SessionService/ListMessages": EVERYBODY,
    f"/{PACKAGE}.SessionService/AddContextItem": EVERYBODY,
    f"/{PACKAGE}.SessionService/ListContextItems": EVERYBODY,
    f"/{PACKAGE}.SessionService/CleanSessions": EVERYBODY,
    f"/{PACKAGE}.SessionService/SearchMessages": EVERYBODY,
    f"/{PACKAGE}.SessionService/ExportSession": EVERYBODY,
    f"/{PACKAGE}.SessionService/ImportSession": EVERYBODY,
    f"/{PACKAGE}.ChatService/Chat": EVERYBODY,
    f"/{PACKAGE}.ChatService/CancelTurn": EVERYBODY,
    f"/{PACKAGE}.ToolRegistryService/ListTools": EVERYBODY,
    f"/{PACKAGE}.ToolRegistryService/GetTool": EVERYBODY,
    f"/{PACKAGE}.ToolRegistryService/ExecuteTool": OWNER,
    f"/{PACKAGE}.PermissionService/Prompt": OWNER,
    f"/{PACKAGE}.PermissionService/ListPermissionRequests": EVERYBODY,
    f"/{PACKAGE}.PermissionService/ResolvePermissionRequest": OWNER,
    f"/{PACKAGE}.PermissionService/ExplainPermission": EVERYBODY,
    f"/{PACKAGE}.PermissionService/ListPermissionRules": EVERYBODY,
    f"/{PACKAGE}.PermissionService/CreatePermissionRule": OWNER,
    f"/{PACKAGE}.PermissionService/DeletePermissionRule": OWNER,
    f"/{PACKAGE}.PermissionService/ListGrants": EVERYBODY,
    f"/{PACKAGE}.PermissionService/DeleteGrant": OWNER,
    f"/{PACKAGE}.TerminalService/Run": OWNER,
    f"/{PACKAGE}.SidecarService/GetServerInfo": EVERYBODY,
    f"/{PACKAGE}.SidecarService/MintClientToken": OWNER,
    f"/{PACKAGE}.SidecarService/Shutdown": OWNER,
    "/grpc.health.v1.Health/Watch": EVERYBODY,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": EVERYBODY,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": EVERYBODY,
}

caller_role: ContextVar[Role] = ContextVar("caller_role")
"""The role of the call that is being answered; set before its handler runs."""


class Tokens:
    """The owner's token, and clients' tokens that are made from a key of this process."""

    def __init__(self, owner: str) -> None:
        self._owner = owner.encode()
        self._key = secrets.token_bytes(32)

    def mint_client(self) -> str:
        """A new token with the client role, valid as long as the process lives."""
        name = secrets.token_hex(16)
        return f"{name}.{self._signature(name.encode())}"

    def role_of(self, token: str) -> Role:
        """The role that a token gives; the time it takes says nothing about the tokens that there are.

        Raises:
            TokenInvalidError: It gives none.
        """
        given = token.encode("utf-8", "surrogatepass")
        if hmac.compare_digest(given, self._owner):
            return Role.OWNER
        name, _, signature = given.partition(b".")
        if hmac.compare_digest(signature, self._signature(name).encode()):
            return Role.CLIENT
        raise TokenInvalidError

    def _signature(self, name: bytes) -> str:
        return hmac.new(self._key, name, sha256).hexdigest()


def bearer_token(metadata: Sequence[tuple[str, str | bytes]]) -> str:
    """The one bearer token of a call.

    Raises:
        TokenMissingError: There is no ``authorization``.
        TokenInvalidError: There are several, or it is no bearer token.
    """
    values = [value for key, value in metadata if key == "authorization"]
    if not values:
        raise TokenMissingError
    if len(values) > 1 or not isinstance(values[0], str):
        raise TokenInvalidError
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenInvalidError
    return token


class AuthInterceptor(Interceptor):
    """Lets a call through to its handler, or answers it with an error of its own."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def intercept_service(
        self,
        continuation: Callable[[CallDetails], Awaitable[Handler]],
        handler_call_details: CallDetails,
    ) -> Handler:
        method = handler_call_details.method
        if method != HEALTH_CHECK:
            try:
                role = self._tokens.role_of(bearer_token(handler_call_details.invocation_metadata))
                if role not in ROLES.get(method, OWNER):
                    raise RoleForbiddenError(method.strip("/"), role.value)
            except SidecarError as error:
                return _denied(error)
            caller_role.set(role)
        return await continuation(handler_call_details)


def _denied(error: SidecarError) -> Handler:
    """A handler that answers with the error before it reads anything.

    It is a stream-stream handler for every kind of call: one that wants a message first would never answer a client
    that sends none.
    """

    async def deny(_requests: object, _context: object) -> None:
        raise error

    return grpc.stream_stream_rpc_method_handler(deny)
