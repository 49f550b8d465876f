"""Clients and viewers of `ser-stream serve`, as `serve_load` runs them in processes of their own.

    python -m benchmarks.serve_clients send|watch URL STREAMS VIEWERS SECONDS

Each prints a line when it is ready and waits for one; senders print another one after the warm-up.
The last line is JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import sys
import time
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.measuring import latency_summary
from benchmarks.pool import WARM_UP_S, recorded_sound
from ser_stream.units import SAMPLE_RATE_HZ as RATE

BLOCK = RATE // 25
"""Samples of a message: what the live page sends at once."""
HELLO = {"type": "hello", "rate": RATE}


def name_of(stream: int) -> str:
    """Return the name of a stream."""
    return f"stream{stream}"


class Sender:
    """One client.

    Args:
        sound: samples (n,) that are repeated from the sample `first` on.

    Attributes:
        started: `time.monotonic()` of its first sample.
        latencies_ms: of its interval estimates after the warm-up.
    """

    def __init__(self, connection: ClientConnection, sound: np.ndarray, first: int) -> None:
        self.started = 0.0
        self.latencies_ms: list[float] = []
        self._connection = connection
        self._sound = np.roll(sound, -first)

    async def send(self, number: int) -> None:
        """Send a block."""
        first = number * BLOCK % (len(self._sound) - BLOCK)
        await self._connection.send(self._sound[first : first + BLOCK].tobytes())

    async def finish(self) -> None:
        """End the sound."""
        await self._connection.send(json.dumps({"type": "finish"}))

    async def read(self) -> dict[str, Any]:
        """Take estimates; return the last message."""
        async for text in self._connection:
            now = time.monotonic()
            message = json.loads(text)
            if message["type"] == "finished":
                return message
            if message["type"] == "estimate" and message["trigger"] == "interval":
                sent_s = math.ceil(message["end_s"] * RATE / BLOCK - 1e-6) * BLOCK / RATE
                if sent_s >= WARM_UP_S:
                    self.latencies_ms.append(1e3 * (now - self.started - sent_s))
        raise RuntimeError(f"the connection ended with {self._connection.close_code}")


async def send(url: str, streams: int, seconds: float) -> dict[str, Any]:
    """Send all streams in real time, and return latencies and losses."""
    sound, rng = recorded_sound(), np.random.default_rng(0)
    async with contextlib.AsyncExitStack() as stack:
        senders = []
        for number, first in enumerate(rng.integers(0, len(sound), streams)):
            connection = await stack.enter_async_context(connect(f"{url}/v1/stream"))
            await connection.send(json.dumps({**HELLO, "name": name_of(number)}))
            await connection.recv()  # ready
            senders.append(Sender(connection, sound, int(first)))
        await _wait_for_line("open")
        delays = np.sort(rng.uniform(0, BLOCK / RATE, streams))  # no two send at once
        started = time.monotonic() + 0.1
        for sender, delay in zip(senders, delays, strict=True):
            sender.started = started + float(delay)
        reading = [asyncio.create_task(sender.read()) for sender in senders]
        late_ms = await _send_blocks(senders, seconds)
        ends = [await task for task in reading]
    latencies = latency_summary(ms for sender in senders for ms in sender.latencies_ms)
    return {
        **{name: round(latencies[name], 1) for name in ("p50_ms", "p99_ms", "max_ms")},
        "estimates": latencies["n"],
        "skipped": sum(end["skipped"] for end in ends),
        "dropped_s": round(sum(end["dropped_s"] for end in ends), 2),
        "late_sending_p99_ms": round(float(np.percentile(late_ms, 99)), 1),
        "client_cores": round(time.process_time() / (WARM_UP_S + seconds), 2),
    }


async def _send_blocks(senders: list[Sender], seconds: float) -> list[float]:
    """Send each block when it is due; return how late each was in milliseconds."""
    late_ms = []
    warm = round(WARM_UP_S * RATE / BLOCK)
    for number in range(warm + round(seconds * RATE / BLOCK)):
        if number == warm:
            print("warm", flush=True)
        for sender in senders:
            due = sender.started + (number + 1) * BLOCK / RATE
            if (wait_s := due - time.monotonic()) > 0.001:
                await asyncio.sleep(wait_s)
            await sender.send(number)
            late_ms.append(1e3 * (time.monotonic() - due))
    for sender in senders:
        await sender.finish()
    return late_ms


async def watch(url: str, streams: int, viewers: int) -> dict[str, Any]:
    """Read all that viewers get, with pictures, until their streams end; return how much."""
    await _wait_for_line("")
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for number in range(viewers):
            address = f"{url}/v1/watch?picture=1&stream={name_of(number % streams)}"
            opened.append(await stack.enter_async_context(connect(address)))
        print("watching", flush=True)
        counts = await asyncio.gather(*map(_count, opened))
    return {"viewer_messages": sum(counts)}


async def _count(connection: ClientConnection) -> int:
    """Return how many messages a viewer gets."""
    n = 0
    async for _ in connection:
        n += 1
    return n


async def _wait_for_line(ready: str) -> None:
    """Say that this process is ready, and wait until it is told to go on."""
    if ready:
        print(ready, flush=True)
    await asyncio.to_thread(sys.stdin.readline)


async def main(role: str, url: str, streams: str, viewers: str, seconds: str) -> None:
    if role == "send":
        found = await send(url, int(streams), float(seconds))
    else:
        found = await watch(url, int(streams), int(viewers))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
