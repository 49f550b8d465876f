"""Make the short animation of the live page that README.md and docs/serve.md show.

    python tools/page_animation.py docs/figures/live-page.webp

Takes pictures of the page, as fast as Chromium gives them, while the service hears the demo
recordings at their own speed; see page_screenshot.py. Needs a computer that has little else to do:
what it shows is what happened.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

from PIL import Image
from selenium.webdriver import Chrome

from page_screenshot import SILENCE_S, browser, serving

SIZE = (1120, 880)
WIDTH = 840
"""Width of the animation."""
LEAD_S = 1.0
"""Silence that is shown before the first recording."""
LENGTH_S = 19.5
"""The four recordings."""
FRAME_S = 0.25
LAST_S = 3.0
"""How long the last picture stays."""
MAX_BYTES = 1_000_000


def take(driver: Chrome, seconds: float) -> list[tuple[float, Image.Image]]:
    """Return pictures of so many seconds, each with the time in seconds since the first."""
    frames = []
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        png = driver.get_screenshot_as_png()
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        height = round(WIDTH * picture.height / picture.width)
        frames.append((now, picture.resize((WIDTH, height), Image.Resampling.LANCZOS)))
        time.sleep(max(0.0, FRAME_S - (time.monotonic() - began - now)))
    return frames


def write(frames: list[tuple[float, Image.Image]], path: Path) -> None:
    """Write an animated WebP.

    Raises:
        SystemExit: it is larger than `MAX_BYTES` at any quality that can be looked at.
    """
    times = [time_s for time_s, _ in frames]
    ends = [*times[1:], times[-1] + LAST_S]
    durations = [round(1000 * (end - start)) for start, end in zip(times, ends, strict=True)]
    first, *others = (picture for _, picture in frames)
    for quality in (60, 50, 40, 30, 20):
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
    with browser(*SIZE, still=False) as driver, serving() as address:
        began = time.monotonic()
        driver.get(address)
        time.sleep(max(0.0, SILENCE_S - LEAD_S - (time.monotonic() - began)))
        frames = take(driver, LEAD_S + LENGTH_S)
    write(frames, path)


if __name__ == "__main__":
    main()
