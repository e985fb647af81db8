"""gRPC's generic types, which only the type checker can subscript."""

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc
from grpc import aio

if TYPE_CHECKING:
    Context: TypeAlias = aio.ServicerContext[Any, Any]
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]
    GenericHandler: TypeAlias = grpc.GenericRpcHandler[Any, Any]
    Interceptor: TypeAlias = aio.ServerInterceptor[Any, Any]
else:
    Context = aio.ServicerContext
    Handler = grpc.RpcMethodHandler
    GenericHandler = grpc.GenericRpcHandler
    Interceptor = aio.ServerInterceptor

CallDetails: TypeAlias = grpc.HandlerCallDetails

EOF: Final[object] = aio.EOF  # type: ignore[attr-defined]  # the stubs lack it
"""What ``read`` returns when the other side sends no more."""
