"""Commands that run in a mount namespace of their own, where a test may mount what it likes."""

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


def can_mount() -> bool:
    """Whether this machine lets us mount; some containers do not."""
    try:
        return subprocess.run((*_UNSHARE, "true"), check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallDisk:
    """A disk of that size at ``place``, with what was there, as long as a command runs."""

    place: Path
    kilobytes: int
    beside: Path
    """An empty folder on another disk."""

    @property
    def command(self) -> Sequence[str]:
        """Runs the command after it; what is on the disk at the end is then in ``kept``."""
        script = (
            'set -e; place=$1 beside=$2; shift 2; cp -a "$place" "$beside/before"; '
            f'mount -t tmpfs -o size={4 * self.kilobytes}k,mode=700 small "$place"; cp -a "$beside/before/." "$place"; '
            f'head -c {3 * self.kilobytes}k /dev/zero > "$place/filler"; mkfifo "$beside/free"; '
            '{ read -r _ < "$beside/free" && rm "$place/filler" && : > "$beside/freed"; } & waiter=$!; '
            'code=0; "$@" <&3 || code=$?; kill $waiter 2>/dev/null || :; cp -a "$place" "$beside/kept"; exit $code'
        )
        return (*_UNSHARE, "sh", "-c", f"exec 3<&0; {script}", "sh", str(self.place), str(self.beside))

    @property
    def kept(self) -> Path:
        return self.beside / "kept"

    def free(self) -> None:
        """Makes the disk larger: somebody has freed some space."""
        with (self.beside / "free").open("w") as waiter:
            waiter.write("\n")
        end = time.monotonic() + 5
        while not (self.beside / "freed").exists():
            assert time.monotonic() < end
            threading.Event().wait(0.01)


def read_only(place: Path) -> Sequence[str]:
    """A command that runs the command after it with ``place`` read-only, for root too."""
    script = 'set -e; mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; shift; exec "$@"'
    return (*_UNSHARE, "sh", "-c", script, "sh", str(place))


def no_programs(place: Path) -> Sequence[str]:
    """A command that runs the command after it with a disk at ``place`` from which nothing may be executed."""
    script = 'set -e; mount -t tmpfs -o noexec,mode=700 none "$1"; shift; exec "$@"'
    return (*_UNSHARE, "sh", "-c", script, "sh", str(place))
