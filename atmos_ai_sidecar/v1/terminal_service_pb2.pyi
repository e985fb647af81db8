from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TerminalMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TERMINAL_MODE_UNSPECIFIED: _ClassVar[TerminalMode]
    TERMINAL_MODE_COOKED: _ClassVar[TerminalMode]
    TERMINAL_MODE_RAW: _ClassVar[TerminalMode]

class PrompterAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROMPTER_ACTION_UNSPECIFIED: _ClassVar[PrompterAction]
    PROMPTER_ACTION_ATTACH: _ClassVar[PrompterAction]
    PROMPTER_ACTION_DETACH: _ClassVar[PrompterAction]
TERMINAL_MODE_UNSPECIFIED: TerminalMode
TERMINAL_MODE_COOKED: TerminalMode
TERMINAL_MODE_RAW: TerminalMode
PROMPTER_ACTION_UNSPECIFIED: PrompterAction
PROMPTER_ACTION_ATTACH: PrompterAction
PROMPTER_ACTION_DETACH: PrompterAction

class TerminalSize(_message.Message):
    __slots__ = ("rows", "columns")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    columns: int
    def __init__(self, rows: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class RunRequest(_message.Message):
    __slots__ = ("start", "stdin", "stdin_eof", "resize", "signal")
    class Start(_message.Message):
        __slots__ = ("arguments", "environment", "working_directory", "umask", "stdin_is_terminal", "stdout_is_terminal", "stderr_is_terminal", "has_controlling_terminal", "size", "resume_token")
        ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
        ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
        WORKING_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
        UMASK_FIELD_NUMBER: _ClassVar[int]
        STDIN_IS_TERMINAL_FIELD_NUMBER: _ClassVar[int]
        STDOUT_IS_TERMINAL_FIELD_NUMBER: _ClassVar[int]
        STDERR_IS_TERMINAL_FIELD_NUMBER: _ClassVar[int]
        HAS_CONTROLLING_TERMINAL_FIELD_NUMBER: _ClassVar[int]
        SIZE_FIELD_NUMBER: _ClassVar[int]
        RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
        arguments: _containers.RepeatedScalarFieldContainer[str]
        environment: _containers.RepeatedScalarFieldContainer[bytes]
        working_directory: str
        umask: int
        stdin_is_terminal: bool
        stdout_is_terminal: bool
        stderr_is_terminal: bool
        has_controlling_terminal: bool
        size: TerminalSize
        resume_token: str
        def __init__(self, arguments: _Optional[_Iterable[str]] = ..., environment: _Optional[_Iterable[bytes]] = ..., working_directory: _Optional[str] = ..., umask: _Optional[int] = ..., stdin_is_terminal: _Optional[bool] = ..., stdout_is_terminal: _Optional[bool] = ..., stderr_is_terminal: _Optional[bool] = ..., has_controlling_terminal: _Optional[bool] = ..., size: _Optional[_Union[TerminalSize, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...
    class Stdin(_message.Message):
        __slots__ = ("data", "generation")
        DATA_FIELD_NUMBER: _ClassVar[int]
        GENERATION_FIELD_NUMBER: _ClassVar[int]
        data: bytes
        generation: int
        def __init__(self, data: _Optional[bytes] = ..., generation: _Optional[int] = ...) -> None: ...
    class StdinEof(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Signal(_message.Message):
        __slots__ = ("name",)
        NAME_FIELD_NUMBER: _ClassVar[int]
        name: str
        def __init__(self, name: _Optional[str] = ...) -> None: ...
    START_FIELD_NUMBER: _ClassVar[int]
    STDIN_FIELD_NUMBER: _ClassVar[int]
    STDIN_EOF_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    start: RunRequest.Start
    stdin: RunRequest.Stdin
    stdin_eof: RunRequest.StdinEof
    resize: TerminalSize
    signal: RunRequest.Signal
    def __init__(self, start: _Optional[_Union[RunRequest.Start, _Mapping]] = ..., stdin: _Optional[_Union[RunRequest.Stdin, _Mapping]] = ..., stdin_eof: _Optional[_Union[RunRequest.StdinEof, _Mapping]] = ..., resize: _Optional[_Union[TerminalSize, _Mapping]] = ..., signal: _Optional[_Union[RunRequest.Signal, _Mapping]] = ...) -> None: ...

class RunResponse(_message.Message):
    __slots__ = ("stdout", "stderr", "mode", "prompter", "suspend", "read_stdin", "resume_token", "exit_code", "run_id", "farewell")
    class ReadStdin(_message.Message):
        __slots__ = ("max_bytes", "generation")
        MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
        GENERATION_FIELD_NUMBER: _ClassVar[int]
        max_bytes: int
        generation: int
        def __init__(self, max_bytes: _Optional[int] = ..., generation: _Optional[int] = ...) -> None: ...
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PROMPTER_FIELD_NUMBER: _ClassVar[int]
    SUSPEND_FIELD_NUMBER: _ClassVar[int]
    READ_STDIN_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    FAREWELL_FIELD_NUMBER: _ClassVar[int]
    stdout: bytes
    stderr: bytes
    mode: TerminalMode
    prompter: PrompterAction
    suspend: bool
    read_stdin: RunResponse.ReadStdin
    resume_token: str
    exit_code: int
    run_id: str
    farewell: bytes
    def __init__(self, stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ..., mode: _Optional[_Union[TerminalMode, str]] = ..., prompter: _Optional[_Union[PrompterAction, str]] = ..., suspend: _Optional[bool] = ..., read_stdin: _Optional[_Union[RunResponse.ReadStdin, _Mapping]] = ..., resume_token: _Optional[str] = ..., exit_code: _Optional[int] = ..., run_id: _Optional[str] = ..., farewell: _Optional[bytes] = ...) -> None: ...
