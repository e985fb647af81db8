"""`python -I -m atmos_ai_sidecar`: `serve`, or a command on this process's own terminal."""

import gc
import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # Without `-I` the current folder comes first, and a project in it could bring a json.py of its own.
    del sys.path[0]

from typing import TYPE_CHECKING

from atmos_ai_sidecar.sidecar.streams import claim_streams

if TYPE_CHECKING:
    from atmos_ai_sidecar.sidecar.serve import StartSidecar


YOUNG_OBJECTS = 10_000
"""So many are made between two looks for garbage. Importing makes a quarter of a million that stay, and with Python's
own 700 the looks were a tenth of the start."""


def main() -> int:
    """Runs the process and returns its exit code."""
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    if sys.argv[1:2] == ["serve"]:
        streams = claim_streams()
        from atmos_ai_sidecar.sidecar.serve import serve

        return serve(sys.argv[2:], streams, _load)
    from atmos_ai_sidecar import app

    return app.main(sys.argv[1:])


def _load() -> "StartSidecar":
    from atmos_ai_sidecar import app

    return app.start_sidecar


if __name__ == "__main__":
    sys.exit(main())
