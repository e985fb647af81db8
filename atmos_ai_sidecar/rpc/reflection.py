"""Server reflection, under its old name and its new one; imported when somebody asks for it."""

from collections.abc import Sequence
from typing import Final

import grpc

from atmos_ai_sidecar.rpc.grpc_types import CallDetails, GenericHandler, Handler

REFLECTION_SERVICES: Final = ("grpc.reflection.v1alpha.ServerReflection", "grpc.reflection.v1.ServerReflection")
"""Both speak the same bytes: the messages differ in the name of their package only."""
_METHODS: Final = tuple(f"/{service}/ServerReflectionInfo" for service in REFLECTION_SERVICES)


class ReflectionHandler(GenericHandler):
    """Answers what services and messages there are."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = services
        self._handler: Handler | None = None

    def service(self, handler_call_details: CallDetails) -> Handler | None:
        if handler_call_details.method not in _METHODS:
            return None
        if self._handler is None:
            self._handler = _handler(self._services)
        return self._handler


def _handler(services: Sequence[str]) -> Handler:
    from grpc_reflection.v1alpha import reflection_pb2 as pb  # noqa: PLC0415 - 20 ms at the start for a rare question
    from grpc_reflection.v1alpha._async import ReflectionServicer  # noqa: PLC0415 - as above

    return grpc.stream_stream_rpc_method_handler(
        ReflectionServicer(services).ServerReflectionInfo,
        request_deserializer=pb.ServerReflectionRequest.FromString,
        response_serializer=pb.ServerReflectionResponse.SerializeToString,
    )
