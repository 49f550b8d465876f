"""Make the short animation of the live page that README.md and docs/serve.md show.

    python tools/page_animation.py docs/figures/live-page.webp

Takes pictures of the page while the service hears the demo recordings at their own speed; see
page_screenshot.py. Needs a computer that has little else to do: what it shows is what happened.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from selenium.webdriver import Chrome

from page_screenshot import N_TURNS, TIMEOUT_S, TURNS, browser, serving

SIZE = (1200, 835)
WIDTH = 840
"""Width of the animation."""
FRAME_S = 0.3
LEAD_S = 0.8
"""Silence that is shown before the first recording."""
LAST_S = 4.0
"""How long the last picture stays."""
MAX_BYTES = 1_000_000
NICENESS = 10
"""Added to that of the browser: its pictures take more of the processor than recognition does."""
SPEAKING = "return document.querySelector('#speaking')?.dataset.on === 'true'"


class Frame(NamedTuple):
    """A picture, and the time in seconds when it was taken."""

    time_s: float
    picture: Image.Image


def take(driver: Chrome) -> list[Frame]:
    """Return pictures from shortly before the first turn to the end of the last."""
    frames: list[Frame] = []
    began_s = None
    ends_at = time.monotonic() + TIMEOUT_S
    complete = False
    while not complete and time.monotonic() < ends_at:
        if complete := driver.execute_script(TURNS) >= N_TURNS:
            time.sleep(FRAME_S)  # a last picture, with the last turn
        now_s = time.monotonic()
        if began_s is None and driver.execute_script(SPEAKING):
            began_s = now_s
        picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
        height = round(WIDTH * picture.height / picture.width)
        frames.append(Frame(now_s, picture.resize((WIDTH, height), Image.Resampling.LANCZOS)))
        time.sleep(max(0.0, now_s + FRAME_S - time.monotonic()))
    first_s = (began_s or 0.0) - LEAD_S
    return [frame for frame in frames if frame.time_s >= first_s]


def write(frames: list[Frame], path: Path) -> None:
    """Write an animated WebP.

    Raises:
        SystemExit: it is larger than `MAX_BYTES` at any quality that can be looked at.
    """
    times = [frame.time_s for frame in frames]
    ends = [*times[1:], times[-1] + LAST_S]
    durations = [round(1000 * (end - start)) for start, end in zip(times, ends, strict=True)]
    first, *others = (frame.picture for frame in frames)
    for quality in (75, 60, 45, 30):
        first.save(
            path, save_all=True, append_images=others, duration=durations, loop=0,
            quality=quality, method=6, minimize_size=True,
        )  # fmt: skip
        if path.stat().st_size <= MAX_BYTES:
            print(f"{len(frames)} frames, {path.stat().st_size / 1e3:.0f} kB, quality {quality}")
            return
    raise SystemExit(f"{path}: {path.stat().st_size} bytes; take fewer pictures")


def main() -> None:
    """Serve, take the pictures, and write the animation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("animation", type=Path, metavar="FILE")
    path = parser.parse_args().animation
    with serving() as address:
        os.nice(NICENESS)
        with browser(*SIZE, still=False) as driver:
            driver.get(address)
            frames = take(driver)
    write(frames, path)


if __name__ == "__main__":
    main()
