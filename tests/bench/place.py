"""Where the benchmark runs: a fresh copy of the demo project, a home of its own, and a model that answers at once."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess, start_offline_model

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "atmos_ai_sidecar" / "demo"
SHIM = Path(sys.prefix, "bin", "atmos-ai")
WRAPPER = SHIM.with_name("atmos-ai-wrapper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A project to measure in. Everything that is started there ends with it."""

    project: Path
    environment: Mapping[str, str]
    model: OfflineModelProcess
    real_atmos: str
    """The Atmos to compare with; see ``real_atmos``."""

    def with_environment(self, **variables: str) -> dict[str, str]:
        return {**self.environment, **variables}


def real_atmos() -> str:
    """The Atmos that ATMOS_AI_TEST_ATMOS names, or ATMOS_AI_ATMOS as for everything else; empty for none."""
    return os.environ.get("ATMOS_AI_TEST_ATMOS", "") or os.environ.get("ATMOS_AI_ATMOS", "")


@contextmanager
def place() -> Iterator[Place]:
    """Makes a place that is gone afterwards."""
    atmos = real_atmos()
    with tempfile.TemporaryDirectory(prefix="b") as folder, start_offline_model() as model:
        project, home, runtime = (Path(folder, name) for name in ("project", "home", "run"))
        shutil.copytree(DEMO / "project", project)
        home.mkdir()
        runtime.mkdir(mode=0o700)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "bench",
            "ATMOS_AI_ATMOS": atmos or str(DEMO / "bin" / "atmos"),
            "ATMOS_AI_TRUST_PROJECT": "1",
            "ATMOS_TELEMETRY_ENABLED": "false",  # as our tools set it: beside us it shall not wait for the network
        }
        yield Place(project=project, environment=environment, model=model, real_atmos=atmos)


def timed(call: Callable[[], object]) -> float:
    """Milliseconds that the call took."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def repeat(times: int, measure: Callable[[], float]) -> Sequence[float]:
    """That many samples, after one that warms up caches and is thrown away."""
    measure()
    return [measure() for _ in range(times)]
