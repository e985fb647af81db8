"""The user's warm sidecars, for the commands about them."""

from collections.abc import Mapping, Sequence

from atmos_ai_sidecar.sidecar.foreground import instructions
from atmos_ai_sidecar.sidecar.warm_places import WarmSidecar, stop_warm_sidecar, warm_sidecars
from atmos_ai_sidecar.terminal.services import StayingSidecar


class OwnStayingSidecars:
    """See ``StayingSidecars``."""

    def __init__(self) -> None:
        self._found: dict[int, WarmSidecar] = {}

    def list(self, environment: Mapping[str, str]) -> Sequence[StayingSidecar]:
        found = warm_sidecars(environment)
        self._found = {item.process_id: item for item in found}
        return [
            StayingSidecar(project=item.project, process_id=item.process_id, version=item.version) for item in found
        ]

    def instructions(self, sidecar: StayingSidecar) -> str:
        warm = self._found[sidecar.process_id]
        return instructions(warm.socket_path, warm.token)

    async def stop(self, sidecar: StayingSidecar, *, force: bool) -> bool:
        return await stop_warm_sidecar(self._found[sidecar.process_id], force=force)
