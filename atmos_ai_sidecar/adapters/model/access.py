"""What proves to a cloud who asks: found as the cloud's own programs find it, in the environment of the run."""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import field
from typing import Any

from atmos_ai_sidecar.adapters.model.settings import ModelSettings
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.errors import ModelNotConfiguredError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_PROGRAM = "atmos_ai_sidecar.adapters.model.find_access"
_KEPT_SECONDS = 240.0
"""The clouds' libraries renew what ends within five minutes or more, so what they gave is good for so long."""
_LONGEST_SEARCH_SECONDS = 30.0
_MAX_PROBLEM_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Credentials as they are now."""

    key: str = ""
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class CloudAccess:
    """Finds credentials, keeps them for some minutes, and finds them again."""

    def __init__(self, settings: ModelSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._found: Access | None = None
        self._end = 0.0
        self._searching = asyncio.Lock()

    async def get(self) -> Access:
        """Credentials that are good for this request.

        Raises:
            ModelNotConfiguredError: There are none, or they could not be renewed.
        """
        async with self._searching:
            if self._found is None or self._clock.monotonic() >= self._end:
                self._found = self._of_environment() or await self._search()
                self._end = self._clock.monotonic() + _KEPT_SECONDS
            return self._found

    def forget(self) -> None:
        """Has the next request find them again, because these were refused."""
        self._found = None

    def _of_environment(self) -> Access | None:
        """Keys in variables come first for AWS too, and need no search."""
        environment = self._settings.environment
        key, secret = environment.get("AWS_ACCESS_KEY_ID", ""), environment.get("AWS_SECRET_ACCESS_KEY", "")
        if self._settings.provider != "bedrock" or not key or not secret:
            return None
        return Access(key=key, secret=secret, token=environment.get("AWS_SESSION_TOKEN", ""))

    async def _search(self) -> Access:
        cloud = "aws" if self._settings.provider == "bedrock" else "google"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-X", "utf8", "-m", _PROGRAM, cloud,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(self._settings.environment),
            start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_LONGEST_SEARCH_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError as error:
            raise self._missing(f"the search took longer than {_LONGEST_SEARCH_SECONDS:g} s") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # and what it has started
                await process.wait()
        return self._read(output)

    def _read(self, output: bytes) -> Access:
        try:
            values: dict[str, Any] = json.loads(output)
        except ValueError as error:
            raise self._missing("the search for them broke off") from error
        if problem := str(values.get("problem", "")):
            raise self._missing(problem)
        return Access(key=str(values["key"]), secret=str(values["secret"]), token=str(values["token"]))

    def _missing(self, problem: str) -> ModelNotConfiguredError:
        settings = self._settings
        words = problem.partition("\n")[0][:_MAX_PROBLEM_CHARACTERS].rstrip(".")
        return ModelNotConfiguredError(
            f"There are no {settings.key_source} for the provider {settings.provider} at {settings.shown_url}: "
            f"{words}.",
            remedy=REMEDIES[settings.provider],
            provider=settings.provider,
            url=settings.shown_url,
        )


REMEDIES = {
    "bedrock": """Give this shell credentials, for example one of:

export AWS_PROFILE=NAME && aws sso login
atmos auth login
export AWS_BEARER_TOKEN_BEDROCK=KEY
""",
    "vertex": """Give this shell credentials, for example one of:

gcloud auth application-default login
export GOOGLE_APPLICATION_CREDENTIALS=FILE
""",
}
"""What to do when a cloud knows nobody; each line can be pasted."""
