"""Every error that is raised on purpose, in one tree.

Each class has a ``reason`` that is equal to the reason in protocol.md; ``metadata`` holds every dynamic part of
the message, and ``remedy`` says what to do next. Edges map a class to a status or an exit code; nothing below them
mentions either.
"""

import sys
import traceback
from typing import ClassVar


class SidecarError(Exception):
    """An error with a reason, a message for people, and what to do next.

    The message says what happened and where; ``remedy`` may be empty.
    """

    reason: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, *, remedy: str = "", **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.metadata = metadata

    def __str__(self) -> str:
        if not self.remedy:
            return self.message
        stop = "" if self.message.endswith((".", "!", "?", ":", "\n")) else "."
        return f"{self.message}{stop} {self.remedy}"


class InvalidRequestError(SidecarError):
    """The caller's fault: the same request can never succeed."""


class InvalidFieldError(InvalidRequestError):
    reason = "INVALID_FIELD"

    def __init__(self, field: str, problem: str, *, remedy: str = "", **metadata: str) -> None:
        super().__init__(f"{field}: {problem}", remedy=remedy, field=field, **metadata)
        self.field = field
        self.problem = problem


class OptionInvalidError(InvalidFieldError):
    """An option of a command names something that is not there, or that cannot be used."""


class InvalidPageTokenError(InvalidRequestError):
    reason = "INVALID_PAGE_TOKEN"

    def __init__(self) -> None:
        super().__init__("page_token does not belong to this request.", remedy="Start again without a page_token.")


class AttachRequiredError(InvalidRequestError):
    reason = "ATTACH_REQUIRED"

    def __init__(self, first: str) -> None:
        super().__init__(f"The first message of this stream must be {first}, within 5 seconds.", expected=first)


class UnsupportedEventError(InvalidRequestError):
    reason = "UNSUPPORTED_EVENT"

    def __init__(self, event: str) -> None:
        super().__init__(f"The event {event!r} is not known or not allowed here.", event=event)


class ConfigurationInvalidError(InvalidRequestError):
    """A configuration file that cannot be used; nothing of it is applied."""

    reason = "CONFIGURATION_INVALID"

    def __init__(self, problem: str, *, file: str = "", line: int = 0, remedy: str = "") -> None:
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{problem}", remedy=remedy, file=file, line=str(line))
        self.file = file
        self.line = line


class NotFoundError(SidecarError):
    """The thing that was named does not exist."""


class SessionNotFoundError(NotFoundError):
    reason = "SESSION_NOT_FOUND"

    def __init__(self, session: str) -> None:
        super().__init__(
            f"There is no session {session!r} in this project.",
            remedy="`atmos-ai sessions list` shows those that exist.",
            session=session,
        )


class ToolNotFoundError(NotFoundError):
    reason = "TOOL_NOT_FOUND"

    def __init__(self, tool: str, nearest: str = "") -> None:
        super().__init__(
            f"There is no tool {tool!r}.",
            remedy=f"Did you mean {nearest!r}?" if nearest else "List the tools to see their names.",
            tool=tool,
        )


class PermissionRequestNotFoundError(NotFoundError):
    reason = "PERMISSION_REQUEST_NOT_FOUND"

    def __init__(self, permission_request_id: str) -> None:
        super().__init__(
            f"There is no permission request {permission_request_id!r}.", permission_request_id=permission_request_id
        )


class RuleNotFoundError(NotFoundError):
    reason = "RULE_NOT_FOUND"

    def __init__(self, grant_id: str) -> None:
        super().__init__(
            f"Nothing is remembered under the id {grant_id!r}.",
            remedy="`atmos-ai permissions list` shows what is. Rules of the configuration are changed in its files.",
            grant_id=grant_id,
        )


class AlreadyExistsError(SidecarError):
    """The name is taken."""


class SessionExistsError(AlreadyExistsError):
    reason = "SESSION_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"This project already has a session {name!r}.", remedy="Choose another name or resume it.", name=name
        )


class ToolExistsError(AlreadyExistsError):
    reason = "TOOL_EXISTS"

    def __init__(self, tool: str, first_source: str, second_source: str) -> None:
        super().__init__(
            f"The tool {tool!r} is registered by {first_source} and again by {second_source}.",
            remedy="Rename or remove one of them.",
            tool=tool,
            first_source=first_source,
            second_source=second_source,
        )


class PreconditionError(SidecarError):
    """The request is right, but the state of things does not allow it now."""


class TurnInProgressError(PreconditionError):
    reason = "TURN_IN_PROGRESS"

    def __init__(self, session: str, holder: str = "") -> None:
        where = f", held by {holder}" if holder else ""
        super().__init__(
            f"A turn is already running in session {session!r}{where}.",
            remedy="Wait for it or cancel it.",
            session=session,
            **({"holder": holder} if holder else {}),
        )


class TurnTakenOverError(TurnInProgressError):
    """The turn that writes does not hold its session any more; nothing of the write was stored."""

    def __init__(self, session: str, holder: str) -> None:
        SidecarError.__init__(
            self,
            f"The turn in session {session!r} lost its hold on the session"
            + (f", which {holder} has taken over." if holder else ": it did not answer for too long."),
            remedy="What was stored before is kept. Look at the session, then ask again.",
            session=session,
            holder=holder,
        )


class PermissionAlreadyResolvedError(PreconditionError):
    reason = "PERMISSION_ALREADY_RESOLVED"

    def __init__(self, permission_request_id: str, outcome: str) -> None:
        super().__init__(
            f"The permission request was already settled: {outcome}.",
            permission_request_id=permission_request_id,
            outcome=outcome,
        )


class PermissionExpiredError(PreconditionError):
    reason = "PERMISSION_EXPIRED"

    def __init__(self, permission_request_id: str) -> None:
        super().__init__(
            "The permission request expired before it was answered.", permission_request_id=permission_request_id
        )


class PermissionElsewhereError(PermissionExpiredError):
    """Another sidecar asks it, or asked it until it died; only there an answer would reach the call."""

    def __init__(self, permission_request_id: str) -> None:
        SidecarError.__init__(
            self,
            "The permission request was raised by another sidecar, and only that one can take an answer.",
            remedy="Answer it there. If that sidecar has ended, its question has ended too: repeat the request.",
            permission_request_id=permission_request_id,
        )


class ModelNotConfiguredError(PreconditionError):
    reason = "MODEL_NOT_CONFIGURED"


class AIDisabledError(PreconditionError):
    reason = "AI_DISABLED"

    def __init__(self, file: str) -> None:
        super().__init__(
            f"The AI assistant is switched off: {file} does not set `ai.enabled: true`.",
            remedy="Add `ai: {enabled: true}` to it, or run `atmos-ai init`.",
            file=file,
        )


class ToolsDisabledError(PreconditionError):
    reason = "TOOLS_DISABLED"

    def __init__(self) -> None:
        super().__init__(
            "Tools are switched off in this project.", remedy="Set ai.tools.enabled to true to host tools here."
        )


class AtmosNotFoundError(PreconditionError):
    reason = "ATMOS_NOT_FOUND"


class SchemaTooNewError(PreconditionError):
    reason = "SCHEMA_TOO_NEW"


class EtagMismatchError(SidecarError):
    reason = "ETAG_MISMATCH"

    def __init__(self, session: str) -> None:
        super().__init__(
            f"The session {session!r} has changed since it was read.", remedy="Read it again.", session=session
        )


class UnauthenticatedError(SidecarError):
    """The caller did not prove who it is."""


class TokenMissingError(UnauthenticatedError):
    reason = "TOKEN_MISSING"

    def __init__(self) -> None:
        super().__init__("The call carries no token.", remedy="Send the metadata `authorization: Bearer TOKEN`.")


class TokenInvalidError(UnauthenticatedError):
    reason = "TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__("The token is not one of this sidecar.", remedy="Use the token that this sidecar was given.")


class ForbiddenError(SidecarError):
    """The caller is known and may not do this."""


class RoleForbiddenError(ForbiddenError):
    reason = "ROLE_FORBIDDEN"

    def __init__(self, method: str, role: str) -> None:
        super().__init__(
            f"{method} is for owners of the sidecar; this token has the role {role}.",
            remedy="Use the owner's token.",
            method=method,
            role=role,
        )


class ToolExecutionDeniedError(ForbiddenError):
    reason = "TOOL_EXECUTION_DENIED"


class UnattendedError(ForbiddenError):
    """A call needs an answer and nobody is there to give it."""

    reason = "UNATTENDED"


class ProjectUntrustedError(ForbiddenError):
    """The project is not trusted, so nothing that it configures was used."""

    reason = "PROJECT_UNTRUSTED"

    def __init__(self, project: str) -> None:
        super().__init__(
            f"The project {project} is not trusted yet, so nothing in it was run and no model was asked.",
            remedy="Look at its atmos.yaml, then run with --trust-project (or ATMOS_AI_TRUST_PROJECT=1), "
            "or start `atmos-ai chat` on a terminal.",
            project=project,
        )


class ExhaustedError(SidecarError):
    """A limit was reached."""


class MessageTooLargeError(ExhaustedError):
    reason = "MESSAGE_TOO_LARGE"


class StorageFullError(ExhaustedError):
    reason = "STORAGE_FULL"


class BudgetExhaustedError(ExhaustedError):
    reason = "BUDGET_EXHAUSTED"


class UnavailableError(SidecarError):
    """Trying again later may work; ``retry_seconds`` says when."""

    def __init__(self, message: str, *, retry_seconds: float = 1.0, remedy: str = "", **metadata: str) -> None:
        super().__init__(message, remedy=remedy, **metadata)
        self.retry_seconds = retry_seconds


class StorageBusyError(UnavailableError):
    reason = "STORAGE_BUSY"


class ModelUnavailableError(UnavailableError):
    reason = "MODEL_UNAVAILABLE"


class ShuttingDownError(UnavailableError):
    reason = "SHUTTING_DOWN"

    def __init__(self) -> None:
        super().__init__("The sidecar is shutting down.", remedy="Start the command again.")


class SidecarLostError(UnavailableError):
    """What a caller is told in the name of a process that cannot speak any more."""

    reason = "SIDECAR_LOST"

    def __init__(self) -> None:
        super().__init__(
            "The assistant's process ended unexpectedly.", remedy="What was said is stored; run the command again."
        )


class TimeoutExceededError(SidecarError):
    """Something took longer than it may."""


class ToolTimeoutError(TimeoutExceededError):
    reason = "TOOL_TIMEOUT"


class ModelTimeoutError(TimeoutExceededError):
    reason = "MODEL_TIMEOUT"


class ToolExecutionFailedError(SidecarError):
    reason = "TOOL_EXECUTION_FAILED"


class ModelFailedError(SidecarError):
    """The provider refused the request for a reason that trying again does not mend."""

    reason = "MODEL_FAILED"


class StorageCorruptError(SidecarError):
    reason = "STORAGE_CORRUPT"


class StorageUnavailableError(PreconditionError):
    """The store cannot be opened or written: permissions, a read-only file system, a link."""

    reason = "STORAGE_UNAVAILABLE"


class InstallationDamagedError(SidecarError):
    """A package is missing, has the wrong version, or was built for another machine."""

    @classmethod
    def told_by(cls, error: BaseException) -> "InstallationDamagedError | None":
        """What an unexpected error says about the installation: None unless it was raised while a module was imported.

        Packages that do not fit together raise errors of every type when they are imported.
        """
        frames = traceback.walk_tb(error.__traceback__)
        if not isinstance(error, ImportError) and all(frame.f_code.co_name != "<module>" for frame, _ in frames):
            return None
        detail = str(error).strip().partition("\n")[0] or type(error).__name__
        command = f"{sys.executable} -m pip install --upgrade --force-reinstall atmos-ai-sidecar"
        return cls(f"The installation is damaged: {detail}", remedy=f"Run `{command}`.")
