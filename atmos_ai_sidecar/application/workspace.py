"""What an edge gets to work with: one run's use cases over one project."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from typing import Protocol

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.archive import Archive
from atmos_ai_sidecar.application.audit import Audit
from atmos_ai_sidecar.application.chat import Chat
from atmos_ai_sidecar.application.drafts import Drafts
from atmos_ai_sidecar.application.grants import Grants
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.ports.input_history import InputHistory
from atmos_ai_sidecar.application.ports.project_files import ProjectFiles
from atmos_ai_sidecar.application.ports.project_index import ProjectIndex
from atmos_ai_sidecar.application.ports.unsent_texts import UnsentTexts
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.application.undo import Undo
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where a command runs: nothing of it outlives the run."""

    run_id: str
    directory: str
    """Absolute."""
    environment: Mapping[str, str]
    umask: int = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The common flags of a command."""

    model: str = ""
    provider: str = ""
    yolo: bool = False
    read_only: bool = False
    trust_project: bool = False
    debug: bool = False
    plain: bool = False
    no_color: bool = False
    allow: Sequence[str] = ()
    """Patterns of tools that this run may call without a question."""
    mcp_servers: Sequence[str] = ()
    """The servers of ``mcp.servers`` that this run uses; empty: all of them."""
    atmos_flags: Sequence[str] = ()
    """Atmos' own global flags as they were given, passed on to every call of Atmos."""
    stores_all: bool = False
    """Also where `ai.sessions.auto_save` is false: for programs, which say themselves what is to be stored."""
    may_forget: bool = False
    """For a conversation with a person: it goes on in memory, and says so, when the place of the sessions is no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustQuestion:
    """An unknown or changed project, and what it would set."""

    project_path: str
    lines: Sequence[str]
    """What the project sets, sanitised, ready to print."""
    has_changed: bool
    """The project was trusted with other content before."""


ConfirmTrust = Callable[[TrustQuestion], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceDescription:
    """What a header shows."""

    project_path: str
    model: str
    provider: str
    endpoint: str
    """The URL that gets the conversation."""
    permission_mode: str
    """prompt, allow, deny, yolo or read-only."""
    is_ephemeral: bool
    """Sessions live in memory only."""
    saves_on_request: bool = False
    """Sessions are stored by ``Drafts.save`` only."""
    storage_problem: str = ""
    """Why sessions live in memory although nobody asked for that, and what to do."""
    warnings: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The use cases of one run."""

    run: Run
    sessions: Sessions
    archive: Archive
    chat: Chat
    tools: ToolExecutor
    approvals: Approvals
    permissions: Permissions
    files: ProjectFiles
    grants: Grants
    audit: Audit
    describe: Callable[[], WorkspaceDescription]
    prepare_model: Callable[[], Awaitable[None]]
    """Loads the model's library ahead of the first turn; slow, in a thread, harmless to call twice."""
    check_model: Callable[[], Awaitable[None]]
    """Raises ModelNotConfiguredError when a turn could not ask the model."""
    left_calls: LeftCalls
    has_tools: bool = True
    """False where tools are switched off, or the project is not trusted."""
    undo: Undo | None = None
    """None where there are no tools that change files."""
    history: InputHistory | None = None
    """None where nothing is to be remembered."""
    unsent: UnsentTexts | None = None
    """None where nothing is to be remembered."""
    index: ProjectIndex | None = None
    """None where the project is not trusted."""
    drafts: Drafts | None = None
    """None where everything is stored, or nothing."""


class OpenWorkspace(Protocol):
    """Opens a workspace for one run; leaving the context ends its turns and releases the store."""

    def __call__(
        self,
        run: Run,
        options: RunOptions,
        *,
        confirm_trust: ConfirmTrust | None = None,
        needs_trust: bool = True,
        opening: Progress | None = None,
    ) -> AbstractAsyncContextManager[Workspace]:
        """Loads the configuration, checks trust, opens the store; ``opening`` is told how far that has come.

        Raises (on entering):
            ConfigurationInvalidError, AIDisabledError, StorageUnavailableError and its kin,
            ProjectUntrustedError: The project is not trusted and ``confirm_trust`` is missing or said no.
        """
