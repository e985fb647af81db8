"""The permission settings of a run: decide and explain."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from atmos_ai_sidecar.application.grants import Grants
from atmos_ai_sidecar.application.validation import validate_input
from atmos_ai_sidecar.domain.grants import Grant, smallest_grant
from atmos_ai_sidecar.domain.permissions import (
    Decision,
    DecisionKind,
    ListEntry,
    PermissionSettings,
    Rule,
    decide,
    unknown_patterns,
)
from atmos_ai_sidecar.domain.tools import Tool, ToolRegistry
from atmos_ai_sidecar.errors import InvalidFieldError, OptionInvalidError, StorageCorruptError


class Permissions:
    """What the configuration, the flags and the remembered answers say together."""

    def __init__(
        self,
        settings: PermissionSettings,
        grants: Grants,
        registry: ToolRegistry,
        *,
        switched_off: Sequence[Tool] = (),
        answers_problem: str = "",
        coming_tools: Sequence[str] = (),
    ) -> None:
        """Wires the permissions.

        Args:
            settings: What files and flags say.
            grants: The remembered answers.
            registry: The tools that there are.
            switched_off: Tools that can be explained, and not run.
            answers_problem: Why what Atmos' own assistant remembers cannot be read; then nothing is remembered here.
            coming_tools: What the names begin with of tools that are found only while the workspace is in use.
        """
        self._answers_problem = answers_problem
        self._coming_tools = tuple(coming_tools)
        self._settings = settings
        self._grants = grants
        self._registry = registry
        self._switched_off = {tool.name: tool for tool in switched_off}

    @property
    def is_read_only(self) -> bool:
        return self._settings.read_only

    @property
    def mode(self) -> str:
        """prompt, allow, deny, yolo or read-only, for people."""
        if self._settings.yolo:
            return "yolo"
        return "read-only" if self._settings.read_only else self._settings.mode.value

    @property
    def settings(self) -> PermissionSettings:
        """The settings as they are now, without remembered answers."""
        return self._settings

    def set_read_only(self, *, read_only: bool) -> None:
        """Switches read-only on or off for the turns that follow."""
        self._settings = dataclasses.replace(self._settings, read_only=read_only)

    def pin(self) -> PermissionSettings:
        """The settings as they are now, with every remembered answer; a turn decides by one such picture.

        Raises:
            StorageCorruptError: The file of remembered answers is broken.
        """
        return dataclasses.replace(self._settings, grants=tuple(self._grants.living()))

    def find(self, name: str) -> Tool:
        """The tool of that name, also when it is switched off.

        Raises:
            ToolNotFoundError: There is no such tool.
        """
        return self._switched_off.get(name) or self._registry.get(name)

    def is_switched_off(self, name: str) -> bool:
        """Whether the settings keep the tool from the model, whatever would be decided."""
        return name in self._switched_off

    def require_known(self, entries: Iterable[ListEntry], option: str) -> None:
        """Returns when each of the patterns matches a tool, switched off or not.

        Raises:
            OptionInvalidError: One does not; the error has the nearest names.
        """
        known = sorted({*(tool.name for tool in self._registry.list()), *self._switched_off})
        for entry in entries:
            if not any(entry.matches(name) for name in known):
                near = difflib.get_close_matches(entry.pattern, known, n=3)
                remedy = f"Did you mean {' or '.join(near)}?" if near else "`atmos-ai tools list` shows their names."
                raise OptionInvalidError(option, f"{entry.pattern!r} matches no tool.", remedy=remedy)

    def unknown_patterns(self) -> Sequence[ListEntry]:
        """The patterns of the settings that match no tool: most likely slips of the pen, and without effect."""
        names = {tool.name for tool in self._registry.list()} | self._switched_off.keys()
        return unknown_patterns(self._settings, names, prefixes=self._coming_tools) if names else ()

    @property
    def warnings(self) -> Sequence[str]:
        """What a person should know about the settings when a run starts."""
        return [
            f"{f'{entry.file}:{entry.line}: ' if entry.file else ''}{entry.pattern!r} is the name of no tool."
            for entry in self.unknown_patterns()
        ]

    def explain(self, tool: str, values: Mapping[str, Any], *, session_id: str = "") -> Decision:
        """The decision for a call, without running it.

        Raises:
            ToolNotFoundError: There is no such tool.
        """
        return decide(self.find(tool), values, self.pin(), session_id=session_id)

    def rules(self) -> Sequence[Rule]:
        """Every rule and list entry of the settings, in the order in which they are asked."""
        settings = self._settings
        lists = {
            "ai.tools.blocked": settings.blocked,
            "ai.tools.allowed": settings.allowed,
            "ai.tools.restricted": settings.restricted,
            "Atmos' answers, deny": settings.atmos_denied,
            "Atmos' answers, allow": settings.atmos_allowed,
        }
        entries = [
            Rule(text=f"{name}: {entry.pattern}", file=entry.file, line=entry.line)
            for name, found in lists.items()
            for entry in found
        ]
        return [*(rule.shown for rule in settings.rules.rules), *entries]

    def grant_for(self, tool: str, values: Mapping[str, Any], *, allow: bool, session_id: str = "") -> Grant:
        """The smallest grant for a call; nothing is stored.

        Raises:
            ToolNotFoundError: There is no such tool.
            InvalidFieldError: The input is none of the tool, or a grant would not let the call through: what asks each
                time, or is denied, cannot be remembered.
        """
        found = self.find(tool)
        validate_input(found, values)
        grant = dataclasses.replace(smallest_grant(found, values, allow=allow), session_id=session_id)
        settings = dataclasses.replace(self._settings, grants=(grant,))
        decision = decide(found, values, settings, session_id=session_id)
        if allow and (decision.kind is not DecisionKind.ALLOW or not decision.can_remember):
            why = decision.reason if decision.kind is not DecisionKind.ALLOW else "such calls ask each time"
            raise InvalidFieldError("input", f"the call cannot be allowed for good: {why} ({decision.rule.text})")
        return grant

    def remember(self, grant: Grant, lifetime: timedelta | None = None) -> Grant:
        """Remembers an answer, durably, and returns it as it was stored.

        Raises:
            StorageCorruptError: A file of remembered answers is broken, ours or that of Atmos; nothing was stored.
        """
        if self._answers_problem:
            raise StorageCorruptError(self._answers_problem)
        return self._grants.remember(grant, lifetime)
