"""A sidecar whose time of day jumps by as many seconds as a file says, which the variable JUMP names, while it runs."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from atmos_ai_sidecar.__main__ import main
from atmos_ai_sidecar.adapters.clock import SystemClock

JUMP = Path(os.environ["JUMP"])


def now(_: SystemClock) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=int(JUMP.read_text()))


SystemClock.now = now  # type: ignore[assignment, method-assign]
sys.exit(main())
