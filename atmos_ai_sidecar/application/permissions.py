"""The permission settings of a run: decide and explain."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from atmos_ai_sidecar.application.grants import Grants
from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.permissions import Decision, ListEntry, PermissionSettings, decide, unknown_patterns
from atmos_ai_sidecar.domain.tools import Tool, ToolRegistry
from atmos_ai_sidecar.errors import StorageCorruptError


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

    def remember(self, grant: Grant, lifetime: timedelta | None = None) -> Grant:
        """Remembers an answer, durably, and returns it as it was stored.

        Raises:
            StorageCorruptError: A file of remembered answers is broken, ours or that of Atmos; nothing was stored.
        """
        if self._answers_problem:
            raise StorageCorruptError(self._answers_problem)
        return self._grants.remember(grant, lifetime)
