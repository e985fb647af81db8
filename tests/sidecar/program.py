"""A sidecar that is as small as can be, to start as a process: the real launch and the real server.

``SMALL_SIDECAR`` picks what goes wrong: a comma-separated list of words.
"""

import asyncio
import importlib
import os
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from atmos_ai_sidecar.sidecar.streams import claim_streams

SAID_BEFORE_ANYTHING = "noise from an import"
FAULTS = os.environ.get("SMALL_SIDECAR", "").split(",")


def no_workspace() -> AbstractAsyncContextManager[NoReturn]:
    raise NotImplementedError


async def no_command(arguments: Sequence[str], console: object) -> int:
    raise NotImplementedError


def main() -> int:
    streams = claim_streams()
    print(SAID_BEFORE_ANYTHING, flush=True)  # noqa: T201 - this is what must not reach the handshake
    from atmos_ai_sidecar.sidecar.serve import Launch, StartSidecar, serve

    def load() -> StartSidecar:
        from atmos_ai_sidecar.adapters.clock import SystemClock
        from atmos_ai_sidecar.application.approvals import Approvals
        from atmos_ai_sidecar.errors import ConfigurationInvalidError
        from atmos_ai_sidecar.rpc.auth import Tokens
        from atmos_ai_sidecar.rpc.parts import Identity, ServerParts
        from atmos_ai_sidecar.rpc.server import Server, start_server

        if "no_module" in FAULTS:
            importlib.import_module("there_is_no_such_module")

        @dataclass
        class Running:
            server: Server
            client_token: str
            instance_id: str = "small"
            server_version: str = "1.2.3"
            capabilities: Sequence[str] = ("terminal",)

            async def wait_unused(self, seconds: float) -> None:
                await self.server.wait_unused(seconds)

            async def stop(self, grace_seconds: float) -> None:
                if "hang" in FAULTS:
                    time.sleep(60)  # noqa: ASYNC251 - hangs on purpose
                await self.server.stop(grace_seconds)

        async def start(launch: Launch) -> Running:
            if "configuration" in FAULTS:
                raise ConfigurationInvalidError("bad key", file="atmos.yaml", line=7)
            if "bug" in FAULTS:
                raise ZeroDivisionError
            clock = SystemClock()
            parts = ServerParts(
                identity=Identity(instance_id="small", server_version="1", start_time=clock.now(), directory="/"),
                clock=clock,
                approvals=Approvals(clock=clock, owner="small"),
                open_workspace=no_workspace,
                run_command=no_command,
                resume_command=lambda token: (),
                request_shutdown=launch.request_shutdown,
            )
            tokens = Tokens(launch.token)
            server = await start_server(parts, launch.socket_path, tokens)
            if "modules" in FAULTS:
                sys.stderr.write(f"modules: {' '.join(sys.modules)}\n")
                sys.stderr.flush()
            if "block" in FAULTS:
                asyncio.get_running_loop().call_soon(time.sleep, 60)
            return Running(server, tokens.mint_client())

        return start

    return serve(sys.argv[1:], streams, load)


if __name__ == "__main__":
    sys.exit(main())
