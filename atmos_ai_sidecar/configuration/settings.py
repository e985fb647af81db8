"""The configuration of a run, as it is used."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from pathlib import Path

from atmos_ai_sidecar.configuration.answers import Unevaluated
from atmos_ai_sidecar.configuration.nodes import Origin
from atmos_ai_sidecar.domain.budgets import Limits, Scope
from atmos_ai_sidecar.domain.compaction import CompactionSettings
from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.permissions import PermissionSettings
from atmos_ai_sidecar.domain.prices import PriceTable
from atmos_ai_sidecar.domain.rule_examples import RuleExample
from atmos_ai_sidecar.domain.trust import Claim
from atmos_ai_sidecar.errors import AIDisabledError
from atmos_ai_sidecar.lazy_dataclasses import dataclass


class Storage(StrEnum):
    SQLITE = "sqlite"
    JSON = "json"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    enabled: bool
    """False: sessions live in memory only."""
    storage: Storage
    path: Path
    """Absolute."""
    max_sessions: int
    """How many the default listing shows; deletes nothing."""
    auto_save: bool
    retention_days: int | None
    url: str = field(repr=False)
    project: str = ""
    """What the project is called on every machine that shares its sessions; empty: made from the git remote."""
    busy_timeout_seconds: float | None = None
    """How long one try to write waits for another process, sqlite and json; None: the store's own time."""
    lease_seconds: float | None = None
    """How long a turn on PostgreSQL holds its session without being heard of; None: the store's own time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSettings:
    enabled: bool
    timeouts: Mapping[str, float]
    """Seconds by tool name."""
    shell_enabled: bool
    permissions: PermissionSettings
    """What the files say; the run adds its flags and the grants, see ``Config.permissions``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionSettings:
    enabled: bool
    file: Path
    """Absolute; it need not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    max_steps: int
    """Of one turn, as the next two."""
    max_tokens: int | None
    max_cost_usd: float | None
    run: Limits
    """Of all turns of one command."""
    session: Limits
    """Of all turns that a session ever had."""

    @property
    def by_scope(self) -> Mapping[Scope, Limits]:
        """The limits beside the steps of a turn."""
        turn = Limits(max_tokens=self.max_tokens, max_cost_usd=self.max_cost_usd)
        return {Scope.TURN: turn, Scope.RUN: self.run, Scope.SESSION: self.session}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """What the files say about one provider; empty where they say nothing."""

    name: str
    model: str = ""
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    api_key_variable: str = ""
    """The environment variable that the files take the key from."""
    api_key_origin: Origin | None = None
    max_tokens: int | None = None
    region: str = ""
    project_id: str = ""

    def or_else(self, other: "ProviderSettings") -> "ProviderSettings":
        """The same with what is empty taken from the other; a key comes whole, with where it is from."""
        names = [
            name for name in ("model", "base_url", "max_tokens", "region", "project_id") if not getattr(self, name)
        ]
        if self.api_key_origin is None:
            names += ["api_key", "api_key_variable", "api_key_origin"]
        return replace(self, **{name: getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    name: str
    command: Sequence[str]
    """Empty for a server that is reached by ``url``."""
    url: str
    origin: Origin
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Beside the few variables that every server gets."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Sequence[str] = ()
    """The user's environment variables that it is given the values of, in whatever form."""
    directory: str = ""
    """Where it is started, if not in the project's folder."""
    identity: str = ""
    """The identity of Atmos that it is started with."""
    timeout_seconds: float = 30.0
    """Of one call."""
    is_read_only: bool = False
    """The project says that its tools only read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that the files of a project say, read once per run and never changed."""

    directory: Path
    """The folder of the project's atmos.yaml, real and absolute."""
    file: Path
    """The project's atmos.yaml."""
    git_root: Path | None
    base_path: Path
    folders: Mapping[str, Path]
    """``stacks``, ``workflows`` and each kind of component with its folder, absolute; it need not exist."""
    enabled: bool
    provider: str
    """The chosen provider; empty when the files choose none."""
    providers: Mapping[str, ProviderSettings]
    sessions: SessionSettings
    tools: ToolSettings
    instructions: InstructionSettings
    rule_examples: Sequence[RuleExample]
    """What was written to hold for the rules; see ``check_examples``."""
    audit_retention_days: int | None
    """After how long rows of the audit trail are removed; None: never."""
    answers_problem: str
    """Why what Atmos' own assistant remembers cannot be used; empty when it can."""
    budget: Budget
    prices: PriceTable
    compaction: CompactionSettings
    timeout_seconds: float | None
    """Of one model request; None leaves it to the SDK."""
    mcp_enabled: bool
    mcp_servers: Sequence[McpServer]
    files: Mapping[str, str]
    """Every file of the project that was read, relative to ``directory`` where it is below, with its SHA-256."""
    claims: Sequence[Claim]
    """What the project sets that a person should know before trusting it."""
    origins: Mapping[str, Origin]
    """Where each value is written, by its dotted path; what is missing has its default."""
    values: Mapping[str, str]
    """The same values for people, without secrets."""
    warnings: Sequence[str]
    unevaluated: Sequence[Unevaluated] = ()
    """Values that only Atmos can evaluate; here they have their defaults."""

    def require_enabled(self) -> None:
        """Returns when the project switches the assistant on, or leaves it to a function that is not evaluated.

        Raises:
            AIDisabledError: It does not set ``ai.enabled: true``.
        """
        if not self.enabled and not any(found.setting in {"ai", "ai.enabled"} for found in self.unevaluated):
            raise AIDisabledError(str(self.file))

    def permissions(
        self, *, yolo: bool = False, read_only: bool = False, grants: Sequence[Grant] = ()
    ) -> PermissionSettings:
        """What decides about tool calls in this run: the files, the run's flags, and remembered answers."""
        settings = self.tools.permissions
        return replace(settings, yolo=settings.yolo or yolo, read_only=read_only, grants=tuple(grants))

    @property
    def secret_variables(self) -> frozenset[str]:
        """Environment variables with keys of models; tools never see them."""
        names = {provider.api_key_variable for provider in self.providers.values()}
        return frozenset((names | {"AWS_BEARER_TOKEN_BEDROCK"}) - {""})
