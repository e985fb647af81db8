"""Row 11: the memory of a sidecar at rest."""

import psutil

from tests.bench.conversation import conversation
from tests.bench.place import Place
from tests.bench.table import Row, row
from tests.sidecar_process import sidecar_process

_MEGABYTE = 1_000_000


def memory_rows(place: Place) -> list[Row]:
    """Row 11: after the handshake, and after the first turn has loaded the model SDK."""
    before: list[float] = []
    after: list[float] = []
    for _ in range(3):
        with (
            sidecar_process(directory=place.project, environment=place.environment) as sidecar,
            sidecar.channel() as channel,
        ):
            process = psutil.Process(sidecar.process.pid)
            before.append(process.memory_info().rss / _MEGABYTE)
            with conversation(channel, sidecar.metadata) as talk:
                talk.say("hello")
                talk.until("turn_finished")
            after.append(process.memory_info().rss / _MEGABYTE)
    return [
        row("11", "memory after the handshake", before, 60, unit="MB"),
        row("11", "memory after a turn, with the model SDK", after, 130, unit="MB"),
    ]
