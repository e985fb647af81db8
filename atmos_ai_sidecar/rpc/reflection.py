"""Server reflection, under its old name and its new one; imported when somebody asks for it.

Guarantee: descriptors carry ``json_name``. The code that protoc generates for Python leaves it out, and clients such as
grpcurl then print fields under other names than they do with the same contract from a file.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

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
        response_serializer=_serialized,
    )


def _serialized(response: Any) -> bytes:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto  # noqa: PLC0415 - as above

    files = response.file_descriptor_response.file_descriptor_proto
    for index, content in enumerate(files):
        file = FileDescriptorProto.FromString(content)
        for message in file.message_type:
            _name_fields(message)
        files[index] = file.SerializeToString()
    serialized: bytes = response.SerializeToString()
    return serialized


def _name_fields(message: Any) -> None:
    for field in message.field:
        field.json_name = field.json_name or _json_name(field.name)
    for nested in message.nested_type:
        _name_fields(nested)


def _json_name(name: str) -> str:
    """The name of a field in JSON, as protoc makes it."""
    return re.sub(r"_+(.?)", lambda match: match[1].upper(), name)
