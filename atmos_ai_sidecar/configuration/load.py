"""From the files of a project to its ``Config``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from atmos_ai_sidecar.configuration.answers import Unevaluated, with_answers
from atmos_ai_sidecar.configuration.atmos_answers import AtmosAnswers, read_atmos_answers
from atmos_ai_sidecar.configuration.claims import claims_of
from atmos_ai_sidecar.configuration.folders import folders_of
from atmos_ai_sidecar.configuration.layers import Layers, read_layers
from atmos_ai_sidecar.configuration.mcp import mcp_servers
from atmos_ai_sidecar.configuration.nodes import Origin, Scalar
from atmos_ai_sidecar.configuration.policy import read_policy
from atmos_ai_sidecar.configuration.project import AtmosFlags, Project, find_project
from atmos_ai_sidecar.configuration.reader import Reading, Section
from atmos_ai_sidecar.configuration.rules import Rules, read_rules
from atmos_ai_sidecar.configuration.settings import (
    Budget,
    Config,
    InstructionSettings,
    ProviderSettings,
    SessionSettings,
    Storage,
    ToolSettings,
)
from atmos_ai_sidecar.configuration.spelling import united
from atmos_ai_sidecar.domain.budgets import Limits
from atmos_ai_sidecar.domain.compaction import CompactionSettings
from atmos_ai_sidecar.domain.permissions import Mode, PermissionSettings, Precedence
from atmos_ai_sidecar.domain.prices import Price, PriceTable, price
from atmos_ai_sidecar.domain.rules import RuleBook
from atmos_ai_sidecar.errors import ConfigurationInvalidError

DEFAULT_MAX_STEPS = 25

_TOOLS = (
    "enabled", "require_confirmation", "allowed", "restricted", "blocked", "yolo_mode", "mode", "timeouts", "shell",
)  # fmt: skip
_PROVIDER = ("model", "api_key", "base_url", "max_tokens", "region", "project_id")
_SESSIONS = (
    "enabled", "storage", "path", "max_sessions", "auto_save", "retention_days", "url", "project", "busy_timeout",
    "lease",
)  # fmt: skip


def load_configuration(
    directory: str,
    environment: Mapping[str, str],
    flags: AtmosFlags | None = None,
    *,
    allow_disabled: bool = False,
    allow_unevaluated: bool = False,
    answers: Mapping[str, Any] | None = None,
) -> Config:
    """Everything that the project around ``directory`` says, read afresh; nothing is run and nothing is written.

    It reads files, so callers on an event loop use a thread.

    Args:
        directory: Where the search for the project begins.
        environment: Of the run.
        flags: Atmos' own that decide what is read.
        allow_disabled: Reads it also where the assistant is switched off.
        allow_unevaluated: Leaves values that only Atmos can evaluate at their defaults, and lists them.
        answers: What `atmos describe config` says, for those values.

    Raises:
        ConfigurationInvalidError: There is no project, or a file says something that cannot be used.
        AIDisabledError: The project does not switch the assistant on, unless ``allow_disabled``.
    """
    flags = flags or AtmosFlags()
    project = find_project(directory, environment, flags)
    layers = read_layers(project, environment, flags)
    if answers is not None:
        layers = replace(layers, root=with_answers(layers.root, answers))
    config = _config(project, layers, environment, flags)
    if config.unevaluated and not allow_unevaluated:
        raise config.unevaluated[0].error(was_asked=answers is not None)
    if not allow_disabled:
        config.require_enabled()
    return config


def _config(project: Project, layers: Layers, environment: Mapping[str, str], flags: AtmosFlags) -> Config:
    reading = Reading(directory=project.directory)
    ai = Section(united(layers.root.get("settings.ai"), layers.root.get("ai")), "ai", reading)
    mcp = Section(layers.root.get("mcp"), "mcp", reading)
    rules = _rules(ai, environment, project.directory)
    answers = read_atmos_answers(project.directory)
    permissions = _permissions(ai, rules, answers)
    servers = tuple(mcp_servers(mcp, reading))
    base_path = _base_path(project, layers, environment, flags)
    return Config(
        directory=project.directory,
        file=_main_file(project),
        git_root=project.git_root,
        base_path=base_path,
        folders=folders_of(layers.root, base_path, environment),
        enabled=ai.boolean("enabled", default=False),
        provider=ai.text("provider"),
        providers=MappingProxyType(_providers(ai)),
        sessions=_sessions(ai.section("sessions"), project.directory),
        tools=_tools(ai.section("tools"), permissions),
        rule_examples=rules.examples,
        audit_retention_days=ai.section("permissions").integer("audit_retention_days", 0) or None,
        answers_problem=answers.problem,
        instructions=_instructions(ai.section("instructions"), project.directory),
        budget=_budget(ai),
        prices=_prices(ai.section("prices")),
        compaction=_compaction(ai.section("compaction")),
        timeout_seconds=ai.number("timeout_seconds"),
        mcp_enabled=mcp.boolean("enabled", default=True),
        mcp_servers=servers,
        files=MappingProxyType({reading.relative(str(path)): sha256 for path, sha256 in layers.files.items()}),
        claims=claims_of(ai, permissions, servers, layers.running_functions, reading),
        origins=MappingProxyType(reading.origins),
        values=MappingProxyType(reading.values),
        warnings=(*layers.warnings, *reading.warnings, *([answers.problem] if answers.problem else [])),
        unevaluated=_in_order(reading.unevaluated),
    )


def _in_order(found: Iterable[Unevaluated]) -> Sequence[Unevaluated]:
    return tuple(sorted(set(found), key=lambda one: (one.origin.file, one.origin.line, one.setting)))


def _main_file(project: Project) -> Path:
    return [source.path for source in project.sources if source.is_project][-1]


def _base_path(project: Project, layers: Layers, environment: Mapping[str, str], flags: AtmosFlags) -> Path:
    given = flags.base_path or environment.get("ATMOS_BASE_PATH", "")
    if given:
        return (project.start / given).resolve()
    node = layers.root.get("base_path")
    if isinstance(node, Scalar) and node.tag == "!repo-root" and project.git_root is not None:
        return project.git_root
    written = node.text if isinstance(node, Scalar) and not node.tag else ""
    return (project.directory / written).resolve()


def _providers(ai: Section) -> dict[str, ProviderSettings]:
    providers = {
        name.lower(): _provider(name.lower(), section) for name, section in ai.section("providers").sections().items()
    }
    # The flat spelling of older files speaks of the chosen provider, where its own section says nothing.
    if any(ai.scalar(name) for name in _PROVIDER):
        name = ai.text("provider", "anthropic").lower()
        providers[name] = providers.get(name, ProviderSettings(name=name)).or_else(_provider(name, ai))
    return providers


def _provider(name: str, section: Section) -> ProviderSettings:
    key = section.scalar("api_key")
    return ProviderSettings(
        name=name,
        model=section.text("model"),
        base_url=section.text("base_url"),
        api_key=section.text("api_key"),
        api_key_variable=key.variable if key else "",
        api_key_origin=key.origin if key else None,
        max_tokens=section.integer("max_tokens", 0) or None,
        region=section.text("region"),
        project_id=section.text("project_id"),
    )


def _sessions(section: Section, directory: Path) -> SessionSettings:
    section.hint(_SESSIONS)
    days = section.integer("retention_days", 0)
    return SessionSettings(
        enabled=section.boolean("enabled", default=True),
        storage=section.word("storage", Storage.SQLITE),
        path=directory / section.text("path", ".atmos/sessions"),
        max_sessions=section.integer("max_sessions", 10),
        auto_save=section.boolean("auto_save", default=True),
        retention_days=days or None,
        url=section.text("url"),
        project=section.text("project"),
        busy_timeout_seconds=section.seconds("busy_timeout"),
        lease_seconds=section.seconds("lease"),
    )


def _tools(section: Section, permissions: PermissionSettings) -> ToolSettings:
    section.hint(_TOOLS)
    timeouts = section.section("timeouts")
    seconds = {name: value for name in timeouts.names() if (value := timeouts.seconds(name)) is not None}
    return ToolSettings(
        enabled=section.boolean("enabled", default=True),
        timeouts=MappingProxyType(seconds),
        shell_enabled=section.section("shell").boolean("enabled", default=False),
        permissions=permissions,
    )


def _rules(ai: Section, environment: Mapping[str, str], directory: Path) -> Rules:
    """The rules of the organisation, then those of the project."""
    ours = ai.section("permissions").only("audit_retention_days", "precedence", "rules")
    of_policy = read_policy(environment, directory)
    of_project = read_rules(ours.node_of("rules"), "ai.permissions.rules", directory)
    return Rules(rules=(*of_policy.rules, *of_project.rules), examples=(*of_policy.examples, *of_project.examples))


def _permissions(ai: Section, rules: Rules, answers: AtmosAnswers) -> PermissionSettings:
    tools = ai.section("tools")
    confirms = tools.boolean("require_confirmation", default=True)
    return PermissionSettings(
        mode=tools.word("mode", Mode.PROMPT if confirms else Mode.ALLOW),
        yolo=tools.boolean("yolo_mode", default=False),
        allowed=tools.entries("allowed"),
        restricted=tools.entries("restricted"),
        blocked=tools.entries("blocked"),
        precedence=ai.section("permissions").word("precedence", Precedence.COMPATIBLE),
        rules=RuleBook(rules.rules),
        atmos_allowed=answers.allowed,
        atmos_denied=answers.denied,
    )


def _instructions(section: Section, directory: Path) -> InstructionSettings:
    return InstructionSettings(
        enabled=section.boolean("enabled", default=True), file=directory / section.text("file", "ATMOS.md")
    )


def _budget(ai: Section) -> Budget:
    section = ai.section("budget").only("max_steps", "max_tokens", "max_cost_usd", "run", "session")
    return Budget(
        max_steps=section.integer("max_steps", ai.integer("max_tool_iterations", DEFAULT_MAX_STEPS)),
        max_tokens=section.integer("max_tokens", 0) or None,
        max_cost_usd=section.number("max_cost_usd"),
        run=_limits(section.section("run")),
        session=_limits(section.section("session")),
    )


def _limits(section: Section) -> Limits:
    section.only("max_steps", "max_tokens", "max_cost_usd")
    return Limits(
        max_steps=section.integer("max_steps", 0) or None,
        max_tokens=section.integer("max_tokens", 0) or None,
        max_cost_usd=section.number("max_cost_usd"),
    )


def _prices(section: Section) -> PriceTable:
    return PriceTable(configured=MappingProxyType({name: _price(one) for name, one in section.sections().items()}))


def _price(section: Section) -> Price:
    section.only("input", "output", "cache_read", "cache_write")
    given, taken = section.number("input", or_zero=True), section.number("output", or_zero=True)
    if given is None or taken is None:
        where = section.node.origin if section.node else Origin(file="", line=0)
        problem = f"{section.path} needs `input` and `output`, in US dollars for a million tokens."
        raise ConfigurationInvalidError(problem, file=where.file, line=where.line)
    return price(
        given,
        taken,
        cache_read=section.number("cache_read", or_zero=True),
        cache_write=section.number("cache_write", or_zero=True),
    )


def _compaction(section: Section) -> CompactionSettings:
    section.only("threshold", "preserve_recent", "window")
    default = CompactionSettings()
    return CompactionSettings(
        threshold=section.number("threshold", at_most=1) or default.threshold,
        preserve_recent=section.integer("preserve_recent", default.preserve_recent, least=0),
        window_tokens=section.integer("window", default.window_tokens, least=1000),
    )
