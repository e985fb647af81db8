"""Services as handlers: what a service has, in which of four kinds, is taken from the contract alone."""

import re
from typing import Any, Final

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from atmos_ai_sidecar.rpc.grpc_types import GenericHandler

_MAKERS: Final[dict[tuple[bool, bool], Any]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def generic_handler(service: ServiceDescriptor, servicer: object) -> GenericHandler:
    """The handlers of one service; the method for ``GetSession`` is called ``get_session``.

    Raises:
        AttributeError: The servicer lacks one of the service's methods.
    """
    handlers = {method.name: _handler(method, servicer) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _handler(method: MethodDescriptor, servicer: object) -> Any:
    make = _MAKERS[method.client_streaming, method.server_streaming]
    return make(
        getattr(servicer, _snake_case(method.name)),
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
