"""What Atmos writes into its columns: times as Go prints them, footers under answers, a stored welcome."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from atmos_ai_sidecar.adapters.storage.values import UnreadableError

WELCOME: Final = "Welcome to Atmos AI Assistant!"
_FOOTER: Final = re.compile(r"\s*\n---\n\*Token usage:[^\n]*\*\s*\Z", re.IGNORECASE)
# Go's Time.String(), the formats of its SQLite drivers, and ISO 8601: only the words around the numbers differ.
_TIME: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d{1,12}))?)?"
    r"\s*(?:Z|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d))?(?:\s+[A-Za-z+-][\w+-]*)?(?:\s+m=[+-][\d.]+)?\s*"
)
_MILLISECONDS_FROM: Final = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds they would be after the year 5000."""


def parsed_time(value: object) -> datetime:
    """The time that a column holds, in UTC; without a zone it is taken as UTC.

    Raises:
        UnreadableError: It is no time.
    """
    try:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS_FROM else value, UTC)
        found = _TIME.fullmatch(str(value))
        if found is None:
            message = f"{str(value)[:60]!r} is no time"
            raise UnreadableError(message)
        moment = datetime.fromisoformat(f"{found['day']}T{found['clock'] or '00:00:00'}")
        moment += timedelta(microseconds=int((found["fraction"] or "0").ljust(6, "0")[:6]))
        return moment.replace(tzinfo=_zone(found)).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableError(str(error)) from error


def without_footer(text: str) -> str:
    """The answer without the line about its tokens."""
    return _FOOTER.sub("", text)


def _zone(found: re.Match[str]) -> timezone:
    if not found["sign"]:
        return UTC
    offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
    return timezone(-offset if found["sign"] == "-" else offset)
