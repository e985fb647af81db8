"""The workspace that the services share: opened by the first call that needs it, in the sidecar's own directory."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.errors import ShuttingDownError

Open = Callable[[], AbstractAsyncContextManager[Workspace]]


class SharedWorkspace:
    """One workspace for all calls.

    Guarantees: it is open at most once; an error in opening it is raised to whoever needed it, and the next call tries
    again; entering and leaving happen in one task of its own, so that no call's cancellation reaches into it.
    """

    def __init__(self, open_workspace: Open) -> None:
        self._open = open_workspace
        self._holder: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[Workspace] | None = None
        self._leave = asyncio.Event()

    @property
    def current(self) -> Workspace | None:
        """The workspace, when it is open."""
        opened = self._opened
        if opened is None or not opened.done() or opened.cancelled() or opened.exception() is not None:
            return None
        return opened.result()

    async def get(self) -> Workspace:
        """The workspace.

        Raises:
            ConfigurationInvalidError, AIDisabledError, ProjectUntrustedError, StorageUnavailableError and their kin
            ShuttingDownError: It was closed.
        """
        if self._leave.is_set():
            raise ShuttingDownError
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._holder = asyncio.create_task(self._hold(self._opened), name="shared workspace")
        return await asyncio.shield(self._opened)

    async def close(self) -> None:
        """Ends its turns and releases it; closing it twice does nothing."""
        self._leave.set()
        if self._holder is not None:
            await asyncio.shield(self._holder)

    async def _hold(self, opened: asyncio.Future[Workspace]) -> None:
        try:
            async with self._open() as workspace:
                opened.set_result(workspace)
                await self._leave.wait()
        except BaseException as error:
            if opened.done():  # an error in closing, which nobody awaits but ``close``
                raise
            self._opened = None
            opened.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))
            opened.exception()  # whoever waits raises it; that nobody does is no event of its own
