"""Ages as people write them: 12h, 30d, 2w, 6m."""

import re
from datetime import datetime, timedelta
from typing import Final

from atmos_ai_sidecar.errors import InvalidFieldError

_AGE: Final = re.compile(r"([1-9][0-9]{0,4})([hdwm])")
_UNITS: Final = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "m": timedelta(days=30),
}


def parsed_age(text: str) -> timedelta:
    """The length of time; a month has 30 days.

    Raises:
        InvalidFieldError: It is not a whole number with h, d, w or m.
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise InvalidFieldError(
            "older_than", f"{text[:20]!r} is no age", remedy="Write hours, days, weeks or months: 12h, 30d, 2w or 6m."
        )
    return int(found.group(1)) * _UNITS[found.group(2)]


def of_days(days: int) -> timedelta:
    """So many days, or as many as there can be."""
    return timedelta(days=min(days, timedelta.max.days))


def time_before(now: datetime, age: timedelta) -> datetime:
    """When it was so long ago.

    Raises:
        InvalidFieldError: The age is not positive, or longer than the calendar.
    """
    if age <= timedelta(0):
        raise InvalidFieldError("older_than", "must be positive")
    try:
        return now - age
    except OverflowError as error:
        raise InvalidFieldError("older_than", "is longer than the calendar") from error
