"""`python -I -m atmos_ai_sidecar.demo.offline_model`: prints its URL and serves until stdin ends."""

import argparse
import asyncio
import signal
import sys
import threading
from pathlib import Path

from atmos_ai_sidecar.demo.offline_model.replies import Script
from atmos_ai_sidecar.demo.offline_model.server import offline_model


async def serve(script: Script | None, piece_delay_seconds: float) -> None:
    """Serve until whoever started this closes our stdin, which its death does too."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def wait_for_end_of_input() -> None:
        while sys.stdin.buffer.read(1 << 16):
            pass
        loop.call_soon_threadsafe(stopped.set)

    async with offline_model(script, piece_delay_seconds=piece_delay_seconds) as server:
        print(server.url, flush=True)  # noqa: T201 - the URL is what the caller reads
        threading.Thread(target=wait_for_end_of_input, daemon=True).start()
        await stopped.wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="atmos_ai_sidecar.demo.offline_model", description=__doc__)
    parser.add_argument("--script", type=Path, help="JSON file with the answers to give instead of the rules'")
    parser.add_argument("--piece-delay", type=float, default=0.0, help="seconds after each piece of a stream")
    arguments = parser.parse_args()
    # A Ctrl-C in the terminal is for the program that started this; the end of stdin is for us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    script = Script.from_json(arguments.script.read_text("utf-8")) if arguments.script else None
    asyncio.run(serve(script, arguments.piece_delay))


if __name__ == "__main__":
    main()
