from datetime import timedelta

import pytest

from atmos_ai_sidecar.domain.ages import parsed_age
from atmos_ai_sidecar.errors import InvalidFieldError


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("30d", 720), ("2w", 336), ("6m", 4320), (" 1d ", 24)])
def test_an_age_is_a_number_and_a_unit(text: str, hours: int) -> None:
    assert parsed_age(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5d", "1y", "999999d", "1d2h"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidFieldError, match="older_than"):
        parsed_age(text)
