"""The permission settings of a run: decide and explain."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.application.grants import Grants
from atmos_ai_sidecar.domain.permissions import Decision, PermissionSettings, decide
from atmos_ai_sidecar.domain.tools import Tool, ToolRegistry


class Permissions:
    """What the configuration, the flags and the remembered answers say together."""

    def __init__(
        self,
        settings: PermissionSettings,
        grants: Grants,
        registry: ToolRegistry,
        *,
        switched_off: Sequence[Tool] = (),
    ) -> None:
        """Wires the permissions; tools that are switched off can be explained, and not run."""
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

    def explain(self, tool: str, values: Mapping[str, Any], *, session_id: str = "") -> Decision:
        """The decision for a call, without running it.

        Raises:
            ToolNotFoundError: There is no such tool.
        """
        return decide(self.find(tool), values, self.pin(), session_id=session_id)
