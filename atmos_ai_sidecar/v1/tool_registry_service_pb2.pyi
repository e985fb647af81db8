import datetime

from atmos_ai_sidecar.v1 import message_pb2 as _message_pb2
from atmos_ai_sidecar.v1 import permission_service_pb2 as _permission_service_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutputStream(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTPUT_STREAM_UNSPECIFIED: _ClassVar[OutputStream]
    OUTPUT_STREAM_STDOUT: _ClassVar[OutputStream]
    OUTPUT_STREAM_STDERR: _ClassVar[OutputStream]
OUTPUT_STREAM_UNSPECIFIED: OutputStream
OUTPUT_STREAM_STDOUT: OutputStream
OUTPUT_STREAM_STDERR: OutputStream

class Tool(_message.Message):
    __slots__ = ("name", "description", "input_schema", "effect", "requires_permission", "restricted", "timeout_seconds", "source")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    INPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_PERMISSION_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    input_schema: _struct_pb2.Struct
    effect: _permission_service_pb2.Effect
    requires_permission: bool
    restricted: bool
    timeout_seconds: float
    source: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., input_schema: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., effect: _Optional[_Union[_permission_service_pb2.Effect, str]] = ..., requires_permission: _Optional[bool] = ..., restricted: _Optional[bool] = ..., timeout_seconds: _Optional[float] = ..., source: _Optional[str] = ...) -> None: ...

class ListToolsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListToolsResponse(_message.Message):
    __slots__ = ("tools", "next_page_token")
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tools: _containers.RepeatedCompositeFieldContainer[Tool]
    next_page_token: str
    def __init__(self, tools: _Optional[_Iterable[_Union[Tool, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetToolRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetToolResponse(_message.Message):
    __slots__ = ("tool",)
    TOOL_FIELD_NUMBER: _ClassVar[int]
    tool: Tool
    def __init__(self, tool: _Optional[_Union[Tool, _Mapping]] = ...) -> None: ...

class ExecuteToolRequest(_message.Message):
    __slots__ = ("name", "input", "session_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    input: _struct_pb2.Struct
    session_id: str
    def __init__(self, name: _Optional[str] = ..., input: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., session_id: _Optional[str] = ...) -> None: ...

class ToolOutput(_message.Message):
    __slots__ = ("stream", "text")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    stream: OutputStream
    text: str
    def __init__(self, stream: _Optional[_Union[OutputStream, str]] = ..., text: _Optional[str] = ...) -> None: ...

class ExecuteToolResponse(_message.Message):
    __slots__ = ("permission_requested", "output", "result")
    PERMISSION_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    permission_requested: _permission_service_pb2.PermissionRequest
    output: ToolOutput
    result: _message_pb2.ToolResult
    def __init__(self, permission_requested: _Optional[_Union[_permission_service_pb2.PermissionRequest, _Mapping]] = ..., output: _Optional[_Union[ToolOutput, _Mapping]] = ..., result: _Optional[_Union[_message_pb2.ToolResult, _Mapping]] = ...) -> None: ...

class HostToolsRequest(_message.Message):
    __slots__ = ("register", "output", "result")
    class Register(_message.Message):
        __slots__ = ("host_name", "tools")
        HOST_NAME_FIELD_NUMBER: _ClassVar[int]
        TOOLS_FIELD_NUMBER: _ClassVar[int]
        host_name: str
        tools: _containers.RepeatedCompositeFieldContainer[Tool]
        def __init__(self, host_name: _Optional[str] = ..., tools: _Optional[_Iterable[_Union[Tool, _Mapping]]] = ...) -> None: ...
    class Output(_message.Message):
        __slots__ = ("call_id", "output")
        CALL_ID_FIELD_NUMBER: _ClassVar[int]
        OUTPUT_FIELD_NUMBER: _ClassVar[int]
        call_id: str
        output: ToolOutput
        def __init__(self, call_id: _Optional[str] = ..., output: _Optional[_Union[ToolOutput, _Mapping]] = ...) -> None: ...
    class Result(_message.Message):
        __slots__ = ("call_id", "tool_result")
        CALL_ID_FIELD_NUMBER: _ClassVar[int]
        TOOL_RESULT_FIELD_NUMBER: _ClassVar[int]
        call_id: str
        tool_result: _message_pb2.ToolResult
        def __init__(self, call_id: _Optional[str] = ..., tool_result: _Optional[_Union[_message_pb2.ToolResult, _Mapping]] = ...) -> None: ...
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    register: HostToolsRequest.Register
    output: HostToolsRequest.Output
    result: HostToolsRequest.Result
    def __init__(self, register: _Optional[_Union[HostToolsRequest.Register, _Mapping]] = ..., output: _Optional[_Union[HostToolsRequest.Output, _Mapping]] = ..., result: _Optional[_Union[HostToolsRequest.Result, _Mapping]] = ...) -> None: ...

class HostToolsResponse(_message.Message):
    __slots__ = ("registered", "call", "cancel")
    class Registered(_message.Message):
        __slots__ = ("names",)
        NAMES_FIELD_NUMBER: _ClassVar[int]
        names: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...
    class Call(_message.Message):
        __slots__ = ("call_id", "tool_call", "session_id", "deadline_time")
        CALL_ID_FIELD_NUMBER: _ClassVar[int]
        TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
        SESSION_ID_FIELD_NUMBER: _ClassVar[int]
        DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
        call_id: str
        tool_call: _message_pb2.ToolCall
        session_id: str
        deadline_time: _timestamp_pb2.Timestamp
        def __init__(self, call_id: _Optional[str] = ..., tool_call: _Optional[_Union[_message_pb2.ToolCall, _Mapping]] = ..., session_id: _Optional[str] = ..., deadline_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    class Cancel(_message.Message):
        __slots__ = ("call_id",)
        CALL_ID_FIELD_NUMBER: _ClassVar[int]
        call_id: str
        def __init__(self, call_id: _Optional[str] = ...) -> None: ...
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    registered: HostToolsResponse.Registered
    call: HostToolsResponse.Call
    cancel: HostToolsResponse.Cancel
    def __init__(self, registered: _Optional[_Union[HostToolsResponse.Registered, _Mapping]] = ..., call: _Optional[_Union[HostToolsResponse.Call, _Mapping]] = ..., cancel: _Optional[_Union[HostToolsResponse.Cancel, _Mapping]] = ...) -> None: ...
