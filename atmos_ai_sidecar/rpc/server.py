"""The gRPC server: options, interceptors, services, and an end that nobody can hold up."""

import asyncio
import errno
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio
from grpc_health.v1 import _async as health
from grpc_health.v1 import health_pb2, health_pb2_grpc

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.rpc.auth import AuthInterceptor, Tokens
from atmos_ai_sidecar.rpc.chat_service import ChatService
from atmos_ai_sidecar.rpc.departure import Departure
from atmos_ai_sidecar.rpc.guard import MAX_MESSAGE_BYTES, GuardInterceptor
from atmos_ai_sidecar.rpc.parts import ServerParts
from atmos_ai_sidecar.rpc.permission_service import PermissionService
from atmos_ai_sidecar.rpc.reflection import REFLECTION_SERVICES, ReflectionHandler
from atmos_ai_sidecar.rpc.registration import generic_handler
from atmos_ai_sidecar.rpc.session_service import SessionService
from atmos_ai_sidecar.rpc.shared_workspace import SharedWorkspace
from atmos_ai_sidecar.rpc.sidecar_service import SidecarService
from atmos_ai_sidecar.rpc.terminal_service import TerminalService
from atmos_ai_sidecar.rpc.tool_registry_service import ToolRegistryService
from atmos_ai_sidecar.rpc.waiting import within
from atmos_ai_sidecar.v1 import (
    chat_service_pb2,
    permission_service_pb2,
    session_service_pb2,
    sidecar_service_pb2,
    terminal_service_pb2,
    tool_registry_service_pb2,
)

OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # the default ends a quiet client after 50 s
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.server_max_unrequested_time_in_server", 120),  # the default of 30 s cancels what a busy loop left waiting
)
_HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


TELL_SECONDS: Final = 0.2
"""So long turns go on after the end has begun, for clients to hear of it first."""
FLUSH_SECONDS: Final = 0.2
"""Handlers that have ended get that long until their last status is on the wire; without it a client sees none."""


class Server:
    """A running server. ``stop`` must be called before its loop ends."""

    def __init__(
        self,
        grpc_server: aio.Server,
        *,
        clock: Clock,
        health_servicer: health.HealthServicer,
        departure: Departure,
        workspace: SharedWorkspace,
    ) -> None:
        self._grpc = grpc_server
        self._clock = clock
        self._health = health_servicer
        self._departure = departure
        self._workspace = workspace

    async def wait_unused(self, seconds: float) -> None:
        """Returns when no call of our services came or was being answered for so long."""
        while True:
            await self._departure.wait_idle()
            try:
                await within(self._clock, seconds, self._departure.wait_busy())
            except TimeoutError:
                return

    async def stop(self, grace_seconds: float) -> None:
        """Ends the server in order: new calls are refused, long ones told, turns cancelled, questions settled.

        What still runs after the grace is cancelled. Stopping twice does nothing.
        """
        self._departure.begin()
        with suppress(TimeoutError):
            await within(self._clock, grace_seconds, self._settle())
        await self._grpc.stop(FLUSH_SECONDS)

    async def _settle(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._health.enter_graceful_shutdown())
            tasks.create_task(self._end_turns())
            tasks.create_task(self._departure.wait_idle())

    async def _end_turns(self) -> None:
        """Ends what runs, once the clients have been told why; one that reads nothing is not waited for."""
        with suppress(TimeoutError):
            await within(self._clock, TELL_SECONDS, self._departure.wait_told())
        await self._workspace.close()


async def start_server(parts: ServerParts, socket_path: str, tokens: Tokens) -> Server:
    """Starts the server on a Unix socket that does not exist yet.

    Args:
        parts: What the services call.
        socket_path: At most 100 bytes, in a directory that nobody else can enter.
        tokens: Who may call.

    Raises:
        OSError: The socket cannot be bound.
    """
    departure = Departure()
    workspace = SharedWorkspace(parts.open_workspace)
    health_servicer = health.HealthServicer()
    grpc_server = aio.server(interceptors=(GuardInterceptor(departure), AuthInterceptor(tokens)), options=OPTIONS)
    services = _services(parts, tokens, workspace, departure)
    grpc_server.add_generic_rpc_handlers(
        (
            *(generic_handler(service, servicer) for service, servicer in services.items()),
            ReflectionHandler((*(service.full_name for service in services), _HEALTH, *REFLECTION_SERVICES)),
        )
    )
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, grpc_server)
    for service in services:
        await health_servicer.set(service.full_name, health_pb2.HealthCheckResponse.SERVING)
    try:
        grpc_server.add_insecure_port(f"unix:{socket_path}")
    except RuntimeError as error:
        raise OSError(errno.EADDRNOTAVAIL, str(error), socket_path) from error
    await grpc_server.start()
    return Server(
        grpc_server, clock=parts.clock, health_servicer=health_servicer, departure=departure, workspace=workspace
    )


def _services(
    parts: ServerParts, tokens: Tokens, workspace: SharedWorkspace, departure: Departure
) -> Mapping[ServiceDescriptor, Any]:
    """Every service of the contract and who answers for it."""
    return {
        _service(session_service_pb2, "SessionService"): SessionService(parts.clock, workspace),
        _service(sidecar_service_pb2, "SidecarService"): SidecarService(parts, tokens, workspace, departure),
        _service(chat_service_pb2, "ChatService"): ChatService(parts, workspace, departure),
        _service(tool_registry_service_pb2, "ToolRegistryService"): ToolRegistryService(parts, workspace, departure),
        _service(permission_service_pb2, "PermissionService"): PermissionService(parts, workspace, departure),
        _service(terminal_service_pb2, "TerminalService"): TerminalService(parts, departure),
    }


def _service(module: Any, name: str) -> ServiceDescriptor:
    service: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return service
