"""What a call of a file tool demands, by the path that its own path leads to."""

import os
import stat
from collections.abc import Callable, Mapping
from typing import Any

from atmos_ai_sidecar.adapters.local_tools.files.contents import read_whole
from atmos_ai_sidecar.adapters.local_tools.files.places import opened_place, resolved
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import Demand, Effect, Execution
from atmos_ai_sidecar.errors import (
    ConfigurationInvalidError,
    InvalidFieldError,
    SidecarError,
    ToolExecutionDeniedError,
)
from atmos_ai_sidecar.lazy_dataclasses import dataclass

After = Callable[[Mapping[str, Any], str], str]
"""What a call's input makes of the text of a file; raises when it cannot be done."""

_LARGEST_CONFIGURATION = 1 << 18
"""What YAML can be read from without being noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Decides by resolved path; makes sure that what is touched is what was decided about."""

    territory: Territory
    own_settings: Callable[[str], str]
    """The settings in a YAML text that are not for tools to change, in one form.

    Raises ConfigurationInvalidError for a text that cannot be understood.
    """

    def read_demand(self, values: Mapping[str, Any]) -> Demand:
        """What reading the file or folder of a call demands."""
        path = self._path(values)
        return Demand(
            effect=Effect.READ,
            requires_permission=False,
            forbidden=path and self._sentence(path, self.territory.why_not_read(path)),
            must_ask=path and (self.territory.why_asked(path, writes=False) or _why_linked(path)),
            target=path and self.territory.shown(path),
        )

    def write_demand(self, values: Mapping[str, Any], *, after: After) -> Demand:
        """What changing the file of a call demands."""
        path = self._path(values)
        why_not = path and (self.territory.why_not_read(path) or self.territory.why_not_written(path))
        if path and not why_not and self.territory.is_configuration(path):
            why_not = self._why_not_configured(path, values, after)
        return Demand(
            effect=Effect.WRITE,
            requires_permission=True,
            forbidden=path and self._sentence(path, why_not),
            must_ask=path and self.territory.why_asked(path, writes=True),
            target=path and self.territory.shown(path),
        )

    def target(self, values: Mapping[str, Any]) -> str:
        """The resolved path of a call.

        Raises:
            InvalidFieldError: It is the path of nothing.
        """
        return resolved(self.territory.absolute(values.get("path", ".")))

    def checked_target(self, values: Mapping[str, Any], execution: Execution, demand: Demand) -> str:
        """The resolved path of a call that runs now.

        Raises:
            InvalidFieldError: It is the path of nothing.
            ToolExecutionDeniedError: It leads elsewhere than when it was decided about, or is forbidden by now.
        """
        path = self.target(values)
        if demand.forbidden or (execution.target and self.territory.shown(path) != execution.target):
            raise ToolExecutionDeniedError(
                demand.forbidden or f"{values.get('path', '.')} leads elsewhere than when the call was permitted.",
                remedy="Nothing was done.",
                path=self.territory.shown(path),
            )
        return path

    def _path(self, values: Mapping[str, Any]) -> str:
        """The resolved path; empty for an input that will be refused anyway."""
        path = values.get("path", ".")
        try:
            return resolved(self.territory.absolute(path)) if isinstance(path, str) and path else ""
        except InvalidFieldError:
            return ""

    def _sentence(self, path: str, reason: str) -> str:
        return reason and f"no tool may touch {self.territory.shown(path)}: {reason}"

    def _why_not_configured(self, path: str, values: Mapping[str, Any], after: After) -> str:
        """Why a change of a configuration file is out of the question; empty when it leaves our settings alone."""
        shown = self.territory.shown(path)
        try:
            before = _text(path, shown)
            if len(before) > _LARGEST_CONFIGURATION:
                return "it configures Atmos and is too large to be checked"
        except SidecarError as error:
            return f"it configures Atmos and cannot be read ({error.message})"
        try:
            changed = after(values, before)
        except (SidecarError, KeyError):
            return ""  # nothing will be changed, and the call itself says why
        try:
            is_same = self.own_settings(before) == self.own_settings(changed)
        except ConfigurationInvalidError as error:
            return f"it configures Atmos, and the change cannot be checked ({error.message})"
        return (
            "" if is_same else "ai, settings.ai, mcp, commands, import and commands of components are for people to set"
        )


def _text(path: str, shown: str) -> str:
    """What is there now; nothing where there is no file yet."""
    if not os.path.lexists(path):
        return ""
    with opened_place(path, shown) as place:
        content = read_whole(place)
        return content.text(shown) if content else ""


def _why_linked(path: str) -> str:
    """A second name of a file may be outside the project, where nobody asked about it."""
    try:
        status = os.lstat(path)
    except OSError:
        return ""
    return (
        "the file has another name elsewhere (a hard link)"
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1
        else ""
    )
