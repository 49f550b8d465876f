"""Make the picture of the live view that README.md shows.

    python tools/screenshot.py docs/figures/screenshot.png

Runs `ser-stream listen` on the demo recordings in a pseudo-terminal, stops in the middle of one of
them, and draws what the terminal shows. Needs pyte, a terminal emulator, of the extra `test`.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pyte
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).parents[1]
COLUMNS, ROWS = 100, 17
FONT_SIZE = 22
MARGIN = 24
BACKGROUND, FOREGROUND = "#1e1f29", "#e6e6e6"
PALETTE = {"default": FOREGROUND}
"""pyte's names of colours that are none of xterm's 256; those are RGB."""


class Terminal(pyte.Screen):
    """A screen that draws faint text too, which pyte leaves out."""

    FAINT, NORMAL = 2, 22

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self._faint = False
        self.faint_cells: set[tuple[int, int]] = set()

    def select_graphic_rendition(self, *attributes: int, **options: bool) -> None:
        for attribute in attributes or (0,):
            if attribute == self.FAINT:
                self._faint = True
            elif attribute in (0, self.NORMAL):
                self._faint = False
        super().select_graphic_rendition(*attributes, **options)

    def draw(self, data: str) -> None:
        for character in data:
            cell = (self.cursor.y, self.cursor.x)
            super().draw(character)
            (self.faint_cells.add if self._faint else self.faint_cells.discard)(cell)


def run_in_terminal(command: list[str], shows: str, then_s: float) -> Terminal:
    """Run a command in a pseudo-terminal and return the screen.

    Args:
        shows: Wait until the screen contains this text...
        then_s: ...and that many seconds longer.

    Raises:
        RuntimeError: The command ended before the text was shown.
    """
    screen = Terminal(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.chdir(ROOT)
        os.execvpe(command[0], command, os.environ | {"TERM": "xterm-256color", "COLORTERM": ""})
    deadline = None
    try:
        while deadline is None or time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.05)[0]:
                stream.feed(os.read(terminal, 65_536))
            if deadline is None and any(shows in line for line in screen.display):
                deadline = time.monotonic() + then_s
    except OSError as error:  # how Linux reports the end of a pseudo-terminal
        text = "\n".join(screen.display)
        raise RuntimeError(f"{command[0]} ended without showing {shows!r}:\n{text}") from error
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)
    return screen


def draw(screen: Terminal) -> Image.Image:
    """Return the picture of a screen, without empty rows at its end."""
    fonts = {
        weight: ImageFont.truetype(
            font_manager.findfont(
                font_manager.FontProperties(family="DejaVu Sans Mono", weight=weight)
            ),
            FONT_SIZE,
        )
        for weight in ("normal", "bold")
    }
    width, height = round(fonts["normal"].getlength("M")), round(FONT_SIZE * 1.3)
    n_rows = max(row for row, line in enumerate(screen.display) if line.strip()) + 1
    size = (COLUMNS * width + 2 * MARGIN, n_rows * height + 2 * MARGIN)
    image = Image.new("RGB", size, BACKGROUND)
    canvas = ImageDraw.Draw(image)
    for row in range(n_rows):
        for column in range(COLUMNS):
            cell = screen.buffer[row][column]
            if not cell.data.strip():
                continue
            colour = PALETTE.get(cell.fg) or f"#{cell.fg}"
            if (row, column) in screen.faint_cells:
                colour = _mix(colour, BACKGROUND, 0.5)
            left, top = MARGIN + column * width, MARGIN + row * height
            if cell.data == "█":  # a bar without gaps between its characters
                canvas.rectangle((left, top + 3, left + width - 1, top + height - 4), colour)
            elif cell.data == "░":
                colour = _mix(FOREGROUND, BACKGROUND, 0.88)
                canvas.rectangle((left, top + 3, left + width - 1, top + height - 4), colour)
            else:
                font = fonts["bold" if cell.bold else "normal"]
                canvas.text((left, top), cell.data, colour, font)
    return image


def _mix(colour: str, other: str, share: float) -> str:
    """Return the colour with a share of another one mixed in."""
    channels = zip(bytes.fromhex(colour[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + bytes(round(a * (1 - share) + b * share) for a, b in channels).hex()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    recordings = sorted(path.relative_to(ROOT) for path in ROOT.glob("ser_stream/demo/*.flac"))
    command = [
        sys.executable, "-m", "ser_stream.cli", "listen", "--realtime", "--input",
        *map(str, recordings),
    ]  # fmt: skip
    screen = run_in_terminal(command, shows=recordings[3].name, then_s=3.1)
    image = draw(screen)
    output.parent.mkdir(parents=True, exist_ok=True)
    image.save(output, optimize=True)
    print(f"{output}: {image.width} x {image.height} pixels, {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
