import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Effect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_UNSPECIFIED: _ClassVar[Effect]
    EFFECT_READ: _ClassVar[Effect]
    EFFECT_WRITE: _ClassVar[Effect]
    EFFECT_EXECUTE: _ClassVar[Effect]
    EFFECT_NETWORK: _ClassVar[Effect]

class Answer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_UNSPECIFIED: _ClassVar[Answer]
    ANSWER_ALLOW_ONCE: _ClassVar[Answer]
    ANSWER_ALLOW_ALWAYS: _ClassVar[Answer]
    ANSWER_REJECT_ONCE: _ClassVar[Answer]
    ANSWER_REJECT_ALWAYS: _ClassVar[Answer]
    ANSWER_CANCELLED: _ClassVar[Answer]
    ANSWER_UNATTENDED: _ClassVar[Answer]
    ANSWER_EXPIRED: _ClassVar[Answer]

class DecisionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_KIND_UNSPECIFIED: _ClassVar[DecisionKind]
    DECISION_KIND_ALLOW: _ClassVar[DecisionKind]
    DECISION_KIND_ASK: _ClassVar[DecisionKind]
    DECISION_KIND_DENY: _ClassVar[DecisionKind]
EFFECT_UNSPECIFIED: Effect
EFFECT_READ: Effect
EFFECT_WRITE: Effect
EFFECT_EXECUTE: Effect
EFFECT_NETWORK: Effect
ANSWER_UNSPECIFIED: Answer
ANSWER_ALLOW_ONCE: Answer
ANSWER_ALLOW_ALWAYS: Answer
ANSWER_REJECT_ONCE: Answer
ANSWER_REJECT_ALWAYS: Answer
ANSWER_CANCELLED: Answer
ANSWER_UNATTENDED: Answer
ANSWER_EXPIRED: Answer
DECISION_KIND_UNSPECIFIED: DecisionKind
DECISION_KIND_ALLOW: DecisionKind
DECISION_KIND_ASK: DecisionKind
DECISION_KIND_DENY: DecisionKind

class PermissionOption(_message.Message):
    __slots__ = ("option_id", "label", "key", "answer", "rule_preview")
    OPTION_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    RULE_PREVIEW_FIELD_NUMBER: _ClassVar[int]
    option_id: str
    label: str
    key: str
    answer: Answer
    rule_preview: str
    def __init__(self, option_id: _Optional[str] = ..., label: _Optional[str] = ..., key: _Optional[str] = ..., answer: _Optional[_Union[Answer, str]] = ..., rule_preview: _Optional[str] = ...) -> None: ...

class PermissionRequest(_message.Message):
    __slots__ = ("permission_request_id", "session_id", "turn_id", "tool_call_id", "run_id", "tool", "effect", "canonical_input_json", "title", "stack", "lines", "options", "digest", "create_time", "expire_time", "outcome", "resolved_by", "resolve_time")
    PERMISSION_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_INPUT_JSON_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    RESOLVE_TIME_FIELD_NUMBER: _ClassVar[int]
    permission_request_id: str
    session_id: str
    turn_id: str
    tool_call_id: str
    run_id: str
    tool: str
    effect: Effect
    canonical_input_json: str
    title: str
    stack: str
    lines: _containers.RepeatedScalarFieldContainer[str]
    options: _containers.RepeatedCompositeFieldContainer[PermissionOption]
    digest: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    outcome: Answer
    resolved_by: str
    resolve_time: _timestamp_pb2.Timestamp
    def __init__(self, permission_request_id: _Optional[str] = ..., session_id: _Optional[str] = ..., turn_id: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., run_id: _Optional[str] = ..., tool: _Optional[str] = ..., effect: _Optional[_Union[Effect, str]] = ..., canonical_input_json: _Optional[str] = ..., title: _Optional[str] = ..., stack: _Optional[str] = ..., lines: _Optional[_Iterable[str]] = ..., options: _Optional[_Iterable[_Union[PermissionOption, _Mapping]]] = ..., digest: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[_Union[Answer, str]] = ..., resolved_by: _Optional[str] = ..., resolve_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PromptRequest(_message.Message):
    __slots__ = ("attach", "answer")
    class Attach(_message.Message):
        __slots__ = ("run_id", "session_id", "name")
        RUN_ID_FIELD_NUMBER: _ClassVar[int]
        SESSION_ID_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        run_id: str
        session_id: str
        name: str
        def __init__(self, run_id: _Optional[str] = ..., session_id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...
    class AnswerRequest(_message.Message):
        __slots__ = ("permission_request_id", "option_id", "digest", "comment")
        PERMISSION_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
        OPTION_ID_FIELD_NUMBER: _ClassVar[int]
        DIGEST_FIELD_NUMBER: _ClassVar[int]
        COMMENT_FIELD_NUMBER: _ClassVar[int]
        permission_request_id: str
        option_id: str
        digest: str
        comment: str
        def __init__(self, permission_request_id: _Optional[str] = ..., option_id: _Optional[str] = ..., digest: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...
    ATTACH_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    attach: PromptRequest.Attach
    answer: PromptRequest.AnswerRequest
    def __init__(self, attach: _Optional[_Union[PromptRequest.Attach, _Mapping]] = ..., answer: _Optional[_Union[PromptRequest.AnswerRequest, _Mapping]] = ...) -> None: ...

class PromptResponse(_message.Message):
    __slots__ = ("attached", "question", "settled", "answer_refused")
    class Attached(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Settled(_message.Message):
        __slots__ = ("permission_request_id", "outcome", "resolved_by")
        PERMISSION_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
        OUTCOME_FIELD_NUMBER: _ClassVar[int]
        RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
        permission_request_id: str
        outcome: Answer
        resolved_by: str
        def __init__(self, permission_request_id: _Optional[str] = ..., outcome: _Optional[_Union[Answer, str]] = ..., resolved_by: _Optional[str] = ...) -> None: ...
    class AnswerRefused(_message.Message):
        __slots__ = ("permission_request_id", "reason", "message")
        PERMISSION_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        permission_request_id: str
        reason: str
        message: str
        def __init__(self, permission_request_id: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    ANSWER_REFUSED_FIELD_NUMBER: _ClassVar[int]
    attached: PromptResponse.Attached
    question: PermissionRequest
    settled: PromptResponse.Settled
    answer_refused: PromptResponse.AnswerRefused
    def __init__(self, attached: _Optional[_Union[PromptResponse.Attached, _Mapping]] = ..., question: _Optional[_Union[PermissionRequest, _Mapping]] = ..., settled: _Optional[_Union[PromptResponse.Settled, _Mapping]] = ..., answer_refused: _Optional[_Union[PromptResponse.AnswerRefused, _Mapping]] = ...) -> None: ...

class ListPermissionRequestsRequest(_message.Message):
    __slots__ = ("session_id", "pending_only", "page_size", "page_token")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PENDING_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    pending_only: bool
    page_size: int
    page_token: str
    def __init__(self, session_id: _Optional[str] = ..., pending_only: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPermissionRequestsResponse(_message.Message):
    __slots__ = ("permission_requests", "next_page_token")
    PERMISSION_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    permission_requests: _containers.RepeatedCompositeFieldContainer[PermissionRequest]
    next_page_token: str
    def __init__(self, permission_requests: _Optional[_Iterable[_Union[PermissionRequest, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ResolvePermissionRequestRequest(_message.Message):
    __slots__ = ("permission_request_id", "option_id", "digest", "comment")
    PERMISSION_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OPTION_ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    permission_request_id: str
    option_id: str
    digest: str
    comment: str
    def __init__(self, permission_request_id: _Optional[str] = ..., option_id: _Optional[str] = ..., digest: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class ResolvePermissionRequestResponse(_message.Message):
    __slots__ = ("permission_request",)
    PERMISSION_REQUEST_FIELD_NUMBER: _ClassVar[int]
    permission_request: PermissionRequest
    def __init__(self, permission_request: _Optional[_Union[PermissionRequest, _Mapping]] = ...) -> None: ...

class ExplainPermissionRequest(_message.Message):
    __slots__ = ("tool", "input")
    TOOL_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    tool: str
    input: _struct_pb2.Struct
    def __init__(self, tool: _Optional[str] = ..., input: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class PermissionRuleMatch(_message.Message):
    __slots__ = ("text", "file", "line")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    text: str
    file: str
    line: int
    def __init__(self, text: _Optional[str] = ..., file: _Optional[str] = ..., line: _Optional[int] = ...) -> None: ...

class ExplainPermissionResponse(_message.Message):
    __slots__ = ("decision", "reason", "rule", "lost")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    decision: DecisionKind
    reason: str
    rule: PermissionRuleMatch
    lost: _containers.RepeatedCompositeFieldContainer[PermissionRuleMatch]
    def __init__(self, decision: _Optional[_Union[DecisionKind, str]] = ..., reason: _Optional[str] = ..., rule: _Optional[_Union[PermissionRuleMatch, _Mapping]] = ..., lost: _Optional[_Iterable[_Union[PermissionRuleMatch, _Mapping]]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("grant_id", "text", "tool", "allow", "input_json", "command", "session_id", "user", "from_session_id", "create_time", "expire_time", "uses")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    ALLOW_FIELD_NUMBER: _ClassVar[int]
    INPUT_JSON_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    FROM_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    text: str
    tool: str
    allow: bool
    input_json: str
    command: _containers.RepeatedScalarFieldContainer[str]
    session_id: str
    user: str
    from_session_id: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    uses: int
    def __init__(self, grant_id: _Optional[str] = ..., text: _Optional[str] = ..., tool: _Optional[str] = ..., allow: _Optional[bool] = ..., input_json: _Optional[str] = ..., command: _Optional[_Iterable[str]] = ..., session_id: _Optional[str] = ..., user: _Optional[str] = ..., from_session_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., uses: _Optional[int] = ...) -> None: ...

class ListPermissionRulesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPermissionRulesResponse(_message.Message):
    __slots__ = ("rules", "next_page_token")
    RULES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[PermissionRuleMatch]
    next_page_token: str
    def __init__(self, rules: _Optional[_Iterable[_Union[PermissionRuleMatch, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreatePermissionRuleRequest(_message.Message):
    __slots__ = ("tool", "input", "reject", "session_id", "lifetime", "validate_only")
    TOOL_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    REJECT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    tool: str
    input: _struct_pb2.Struct
    reject: bool
    session_id: str
    lifetime: str
    validate_only: bool
    def __init__(self, tool: _Optional[str] = ..., input: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., reject: _Optional[bool] = ..., session_id: _Optional[str] = ..., lifetime: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class CreatePermissionRuleResponse(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: Grant
    def __init__(self, grant: _Optional[_Union[Grant, _Mapping]] = ...) -> None: ...

class DeletePermissionRuleRequest(_message.Message):
    __slots__ = ("grant_id",)
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    def __init__(self, grant_id: _Optional[str] = ...) -> None: ...

class DeletePermissionRuleResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListGrantsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGrantsResponse(_message.Message):
    __slots__ = ("grants", "next_page_token")
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    next_page_token: str
    def __init__(self, grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteGrantRequest(_message.Message):
    __slots__ = ("grant_id",)
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    def __init__(self, grant_id: _Optional[str] = ...) -> None: ...

class DeleteGrantResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
