"""A Python client of the sidecar, for programs: sync (``Client``) and async (``AsyncClient``).

Both launch a sidecar of their own for a project, or attach to one that runs, and speak the contract's own messages
(``atmos_ai_sidecar.v1``). See docs/clients.md.
"""

from atmos_ai_sidecar.client.async_hosting import AsyncHosting
from atmos_ai_sidecar.client.asynchronous import AsyncClient
from atmos_ai_sidecar.client.failures import CallFailedError, ClientClosedError, LaunchFailedError
from atmos_ai_sidecar.client.hosted import HostedTool
from atmos_ai_sidecar.client.sync_hosting import Hosting
from atmos_ai_sidecar.client.synchronous import Client

__all__ = [
    "AsyncClient",
    "AsyncHosting",
    "CallFailedError",
    "Client",
    "ClientClosedError",
    "HostedTool",
    "Hosting",
    "LaunchFailedError",
]
