from datetime import UTC, datetime, timedelta

import pytest

from atmos_ai_sidecar.domain.ages import of_days, parsed_age, time_before
from atmos_ai_sidecar.errors import InvalidFieldError


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("30d", 720), ("2w", 336), ("6m", 4320), (" 1d ", 24)])
def test_an_age_is_a_number_and_a_unit(text: str, hours: int) -> None:
    assert parsed_age(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5d", "1y", "999999d", "1d2h"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidFieldError, match="older_than"):
        parsed_age(text)


def test_a_time_before_is_so_long_ago() -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)
    assert time_before(now, of_days(30)) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("age", [timedelta(0), -timedelta(days=1), of_days(10**12), parsed_age("99999m")])
def test_an_age_that_leads_out_of_the_calendar_is_refused(age: timedelta) -> None:
    with pytest.raises(InvalidFieldError, match="older_than"):
        time_before(datetime(2026, 1, 31, tzinfo=UTC), age)
