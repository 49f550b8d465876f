"""Memory of the service and of its live page in Chromium, over 30 minutes of sound.

    python -m benchmarks.bench --only page_memory

A client streams a programme of speech, pauses and silences as fast as the service reads it, and the
page watches, with waveform and spectrogram. After each minute of sound, when the page has drawn
it: the proportional memory of the service, and the JavaScript heap of the page after a garbage
collection, its nodes and its event listeners.
"""

from __future__ import annotations

import argparse
import json
import threading
import time

import numpy as np
from websockets.sync.client import ClientConnection, connect

from benchmarks.measuring import Result, SkippedError, memory_mb, run_part
from benchmarks.service import serving
from benchmarks.sound import programme
from browser import browser, missing
from ser_stream.units import SAMPLE_RATE_HZ

BLOCK = SAMPLE_RATE_HZ // 10
WARM_UP_MINUTES = 10
"""Growth is fitted to what follows: the page keeps its last 100 turns, which have come by then."""
NAME = "soak"
PATIENCE_S = 300.0


def measure(arguments: argparse.Namespace) -> Result:
    """Stream the programme, and measure after each minute."""
    if reason := missing():
        raise SkippedError(reason)
    minutes, minute_s = (2, 6) if arguments.quick else (arguments.minutes, 60)
    length = minute_s * SAMPLE_RATE_HZ
    sound = np.round(32_767 * programme(float(minute_s * minutes))).astype("<i2")
    found: list[Result] = []
    with (
        serving() as service,
        browser() as driver,
        connect(f"{service.websocket_url}/v1/stream") as connection,
    ):
        client = Client(connection)
        driver.get(f"{service.url}/?watch={NAME}")
        for minute in range(1, minutes + 1):
            began = time.monotonic()
            client.send(sound[(minute - 1) * length : minute * length])
            found.append(
                {
                    "minute": minute,
                    "took_s": round(time.monotonic() - began, 1),
                    "estimates": client.estimates,
                    **memory_mb(service.pid),
                    **_page(driver),
                }
            )
            print(found[-1], flush=True)
    return {"minutes": found, "growth": growth(found)}


class Client:
    """A client of `/v1/stream` that reads in a thread of its own.

    Attributes:
        estimates: number of estimates so far.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self.estimates = 0
        self._sent_s = self._position_s = 0.0
        self._changed = threading.Condition()
        self._connection = connection
        hello = {"rate": SAMPLE_RATE_HZ, "name": NAME, "live": False, "status": True}
        connection.send(json.dumps({"type": "hello", **hello}))
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, samples: np.ndarray) -> None:
        """Send samples, and wait until the service has analysed them."""
        for start in range(0, len(samples), BLOCK):
            self._connection.send(samples[start : start + BLOCK].tobytes())
        self._sent_s += len(samples) / SAMPLE_RATE_HZ
        with self._changed:
            # The rest of a block may still wait for more.
            if not self._changed.wait_for(
                lambda: self._position_s >= self._sent_s - 0.2, PATIENCE_S
            ):
                raise RuntimeError(f"the service stands at {self._position_s} s")

    def _read(self) -> None:
        for text in self._connection:
            message = json.loads(text)
            with self._changed:
                self.estimates += message["type"] == "estimate"
                self._position_s = message.get("position_s", self._position_s)
                self._changed.notify()


def _page(driver) -> Result:
    """Return what the page holds after a garbage collection."""
    for command in ("HeapProfiler.enable", "HeapProfiler.collectGarbage", "Performance.enable"):
        driver.execute_cdp_cmd(command, {})
    metrics = {
        each["name"]: each["value"]
        for each in driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    }
    return {
        "js_heap_mb": round(metrics["JSHeapUsedSize"] / 1e6, 3),
        "nodes": int(metrics["Nodes"]),
        "listeners": int(metrics["JSEventListeners"]),
        "turns": driver.execute_script("return document.querySelectorAll('#turns li').length"),
    }


def growth(minutes: list[Result]) -> Result:
    """Return the growth in MB per 10 minutes after the warm-up, fitted by a line."""
    steady = [each for each in minutes if each["minute"] > WARM_UP_MINUTES]
    if len(steady) < 3:
        return {}
    times = [each["minute"] / 10 for each in steady]
    return {
        name: round(float(np.polyfit(times, [each[name] for each in steady], 1)[0]), 4)
        for name in ("pss_mb", "js_heap_mb")
    }


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=int, default=30)


if __name__ == "__main__":
    run_part(measure, _add_options)
