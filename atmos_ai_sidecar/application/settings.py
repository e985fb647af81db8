"""What the files of a project set, for people."""

from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value and where it is written."""

    key: str
    value: str
    """Never a secret."""
    file: str
    """Relative to the project where it is below it."""
    line: int
