"""Draws pictures of the chat from a real run of the demo: docs/images/*.svg.

The chat runs behind the real shim in a pseudo-terminal; what stands on its screen becomes text in an SVG, cell by cell.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from atmos_ai_sidecar.demo.offline_model.process import start_offline_model  # noqa: E402
from tests.e2e.screen import Screen  # noqa: E402

IMAGES = ROOT / "docs" / "images"
DEMO = ROOT / "atmos_ai_sidecar" / "demo"
COLUMNS, ROWS = 96, 34
_CELL_WIDTH, _LINE_HEIGHT, _MARGIN = 8.4, 18, 16
_FONT = "ui-monospace, Menlo, Consolas, monospace"
_INK, _PAPER = "#d8dee9", "#1d2129"
_COLORS = {
    "black": "#3b4252",
    "red": "#e06c75",
    "green": "#98c379",
    "brown": "#e5c07b",
    "blue": "#61afef",
    "magenta": "#c678dd",
    "cyan": "#56b6c2",
    "white": "#d8dee9",
    "brightblack": "#7f8796",
}


def svg(screen: Screen) -> str:
    """The screen as a picture whose text can be searched and copied."""
    lines = [[line[x] for x in range(COLUMNS)] for line in (screen.buffer[y] for y in range(ROWS))]
    while lines and not "".join(cell.data for cell in lines[-1]).strip():
        lines.pop()
    width, height = COLUMNS * _CELL_WIDTH + 2 * _MARGIN, len(lines) * _LINE_HEIGHT + 2 * _MARGIN
    rows = "\n".join(_row(line, number) for number, line in enumerate(lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">\n'
        f'<rect width="100%" height="100%" rx="8" fill="{_PAPER}"/>\n'
        f'<g font-family="{_FONT}" font-size="14" fill="{_INK}" xml:space="preserve">\n'
        f"{rows}\n</g>\n</svg>\n"
    )


def _row(cells: list[Any], number: int) -> str:
    baseline, pieces, column = _MARGIN + (number + 0.75) * _LINE_HEIGHT, list[str](), 0
    boxes: list[str] = []
    for look, group in groupby(cells, key=_look):
        run = list(group)
        text = "".join(cell.data for cell in run)
        if text.strip():
            x, length = _MARGIN + column * _CELL_WIDTH, len(run) * _CELL_WIDTH
            pieces.append(f'<tspan x="{x:.1f}" textLength="{length:.1f}"{look}>{escape(text)}</tspan>')
            if run[0].reverse:
                top = baseline - _LINE_HEIGHT * 0.75
                box = f'x="{x:.1f}" y="{top:.1f}" width="{length:.1f}" height="{_LINE_HEIGHT}"'
                boxes.append(f'<rect {box} fill="{_INK}"/>')
        column += len(run)
    return f'{"".join(boxes)}<text y="{baseline:.1f}">{"".join(pieces)}</text>'


def _look(cell: Any) -> str:
    color = _COLORS.get(cell.fg, f"#{cell.fg}" if len(cell.fg) == 6 else "")  # noqa: PLR2004 - digits of a colour
    weight = ' font-weight="bold"' if cell.bold else ""
    slant = ' font-style="italic"' if cell.italics else ""
    line = ' text-decoration="underline"' if cell.underscore else ""
    color = _PAPER if cell.reverse else color
    return (f' fill="{color}"' if color else "") + weight + slant + line


@contextmanager
def chat() -> Iterator[Screen]:
    """The chat on a copy of the demo project, below a home of its own."""
    with tempfile.TemporaryDirectory() as home, start_offline_model() as model:
        shutil.copytree(DEMO / "project", Path(home, "fleet"))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "XDG_RUNTIME_DIR": home,
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "none",
            "ATMOS_AI_ATMOS": str(DEMO / "bin" / "atmos"),
            "ATMOS_AI_TRUST_PROJECT": "1",
        }
        command = [Path(sys.prefix, "bin", "atmos-ai"), "chat", "--session", "vpc-refactor"]
        with Screen(
            command, environment=environment, directory=Path(home, "fleet"), columns=COLUMNS, rows=ROWS
        ) as screen:
            screen.wait_for("3 stacks")
            yield screen


def save(screen: Screen, name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / f"{name}.svg").write_text(svg(screen), encoding="utf-8")
    sys.stdout.write(f"docs/images/{name}.svg\n")


def main() -> None:
    """Talks to the demo and keeps three pictures of it."""
    with chat() as screen:
        screen.submit("What is the CIDR of the VPC in ue1-prod?")
        screen.wait_for(r"describe vpc in ue1-prod · ")
        screen.wait_for("ready, /help")
        screen.submit("Plan the database in ue1-prod.")
        screen.wait_for("may this run")
        screen.wait_for("1 question")
        save(screen, "question")
        seen = time.monotonic() + 0.5  # an answer counts when the question could be read
        screen.wait_until(lambda _: time.monotonic() > seen, "for the question to be read")
        screen.type("y")
        screen.wait_for("Nothing was applied")
        screen.wait_for("ready, /help")
        save(screen, "chat")
        screen.submit("/new database-plan")
        screen.wait_for(r"session database-plan \(new\)")
        screen.type("\x0c")
        screen.wait_for(r"Sessions \(2 of 2\)")
        screen.wait_for(r"\$0\.0\d+")
        save(screen, "sessions")
        screen.type("\x1b")
        screen.type("\x04")


if __name__ == "__main__":
    main()
