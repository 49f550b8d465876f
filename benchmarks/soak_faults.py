"""A microphone with simulated time and random faults, for `benchmarks.soak`.

Its sound is made here, because 24 hours of a real microphone take 24 hours. Faults of real devices,
processes and files are what tests/faults/ and `benchmarks.repeats` are for.
"""

from __future__ import annotations

import bisect
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.sound import recordings
from faulty import FaultyNetwork
from ser_stream import Recognizer
from ser_stream.audio.block import AudioBlock
from ser_stream.stream import opening
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

BLOCK_S: Seconds = 0.032
NOISE_DBFS = -60.0
"""Level of the room's noise."""
SPEECH_SHARE = 0.25
"""Share of the time between faults that is speech."""
FAULT_EVERY_S: Seconds = 180.0
"""Mean time from one fault to the next."""


@dataclasses.dataclass
class Fault:
    """One fault that was injected.

    Attributes:
        kind: a key of `KINDS`.
        at_s, ended_s: when it began and ended, in simulated time.
        recovered_s: simulated time from its end to the next interval estimate, whose speech begins
            at that end; None while there was none.
    """

    kind: str
    at_s: Seconds
    ended_s: Seconds = 0.0
    recovered_s: Seconds | None = None


class SimulatedMicrophone:
    """An `AudioSource` whose time runs `speed` times as fast as real time.

    Right after the end of each fault someone speaks, so that the time to the next estimate shows
    how long recovery takes.

    Args:
        recognizer: the one that hears this source; some faults change its settings.
        network: switch for faults of the network.
        hours: simulated time after which the source ends.
        seed: of the random faults.
    """

    live = True
    settle_s: Seconds = 0.5
    waits = True
    connected = True
    last_error = ""
    name = "simulated microphone"

    def __init__(
        self, recognizer: Recognizer, network: NetworkSwitch, hours: float, speed: float, seed: int
    ):
        self.recognizer, self.network = recognizer, network
        self.rng = np.random.default_rng(seed)
        self.position_s: Seconds = 0.0
        """Simulated time so far."""
        self.clock_offset_s: Seconds = 0.0
        """What the source's own clock is ahead of simulated time."""
        self.faults: list[Fault] = []
        self.ended = False
        """Whether all the hours are over."""
        self._length_s, self._speed = 3600 * hours, speed
        self._clips = recordings()
        self._started = time.monotonic()
        self._closed = threading.Event()
        self._captured: deque[tuple[float, Seconds]] = deque(maxlen=20_000)

    def close(self) -> None:
        """End `blocks()`; the next call of it goes on from there."""
        self._closed.set()

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Yield the sound of a day, with faults."""
        self._closed.clear()
        while not self._closed.is_set():
            if self.position_s >= self._length_s:
                self.ended = True
                return
            until_s = self.position_s + self.rng.exponential(FAULT_EVERY_S)
            while self.position_s < until_s:
                clip = self._clips[self.rng.integers(len(self._clips))]
                yield from self.play(clip)
                silence_s = len(clip) / SAMPLE_RATE_HZ * (1 / SPEECH_SHARE - 1)
                yield from self.play(self.noise(silence_s * self.rng.uniform(0.5, 1.5)))
            fault = Fault(str(self.rng.choice(list(KINDS))), round(self.position_s, 3))
            self.faults.append(fault)
            yield from KINDS[fault.kind](self)
            fault.ended_s = round(self.position_s, 3)
            yield from self.play(self._clips[0])
            yield from self.play(self.noise(3.0))

    def note_estimate(self, latency_ms: float) -> None:
        """Note an estimate that came just now, as the recovery from the last fault."""
        if not self.faults or self.faults[-1].recovered_s is not None:
            return
        fault, heard_at = self.faults[-1], time.monotonic() - latency_ms / 1e3
        captured = list(self._captured)
        index = bisect.bisect_left(captured, (heard_at - 1e-4, 0.0))
        position_s = captured[min(index, len(captured) - 1)][1]
        if fault.ended_s and position_s >= fault.ended_s:
            fault.recovered_s = round(position_s - fault.ended_s + latency_ms / 1e3, 3)

    def noise(self, seconds: Seconds) -> np.ndarray:
        """Return the noise of a room, (n,) float32."""
        n = round(seconds * SAMPLE_RATE_HZ)
        return (10 ** (NOISE_DBFS / 20) * self.rng.standard_normal(n)).astype(np.float32)

    def speech(self) -> np.ndarray:
        """Return a recording, (n,) float32."""
        return self._clips[self.rng.integers(len(self._clips))].copy()

    def play(
        self, samples: np.ndarray, rate_hz: int = SAMPLE_RATE_HZ, block_s: Seconds = BLOCK_S
    ) -> Iterator[AudioBlock]:
        """Yield samples (n,) or (n, channels) in blocks, each when it is due."""
        length = max(1, round(block_s * rate_hz))
        for start in range(0, len(samples), length):
            block = samples[start : start + length]
            self.pass_time(len(block) / rate_hz)
            now = time.monotonic()
            self._captured.append((now, self.position_s))
            yield AudioBlock(block, rate_hz, self.position_s + self.clock_offset_s, now)

    def pass_time(self, seconds: Seconds) -> None:
        """Wait until so much simulated time has passed."""
        self.position_s += seconds
        due_in = self._started + self.position_s / self._speed - time.monotonic()
        if due_in > 0:
            time.sleep(due_in)
        elif due_in < -1.0:  # the machine was busy: that time is not caught up
            self._started -= due_in


class NetworkSwitch:
    """Makes the networks that are opened from now on answer NaN when asked to.

    A `FaultyNetwork` is a double: damaged memory and drivers cannot be had on demand.
    """

    def __init__(self) -> None:
        self.failures = 0
        """How many of the next answers fail."""
        opened = opening.open_network

        def open_faulty(*arguments):  # type: ignore[no-untyped-def]
            network, info = opened(*arguments)
            return FaultyNetwork(network, scores=lambda n: self._fails()), info

        opening.open_network = open_faulty

    def _fails(self) -> bool:
        if self.failures:
            self.failures -= 1
            return True
        return False


Blocks = Iterator[AudioBlock | None]


def _none(mic: SimulatedMicrophone) -> Blocks:
    yield from mic.play(mic.noise(3.0))


def _device_lost(mic: SimulatedMicrophone) -> Blocks:
    yield from mic.play(mic.speech()[: SAMPLE_RATE_HZ // 2])
    yield None
    mic.pass_time(float(mic.rng.uniform(1.0, 120.0)))


def _samples_lost(mic: SimulatedMicrophone) -> Blocks:
    yield from mic.play(mic.speech())
    mic.pass_time(float(mic.rng.uniform(0.1, 4.0)))
    yield from mic.play(mic.noise(3.0))


def _not_finite(mic: SimulatedMicrophone) -> Blocks:
    samples = mic.speech()
    samples[mic.rng.random(len(samples)) < 0.1] = mic.rng.choice([np.nan, np.inf, -np.inf, 1e30])
    yield from mic.play(samples)
    yield from mic.play(mic.noise(3.0))


def _loud(mic: SimulatedMicrophone) -> Blocks:
    yield from mic.play(100 * mic.speech() + 0.3)
    yield from mic.play(mic.noise(3.0))


def _noise(mic: SimulatedMicrophone) -> Blocks:
    yield from mic.play(1000 * mic.noise(20.0))
    yield from mic.play(mic.noise(5.0))


def _digital_silence(mic: SimulatedMicrophone) -> Blocks:
    yield from mic.play(np.zeros(round(mic.rng.uniform(60, 600)) * SAMPLE_RATE_HZ, np.float32))


def _other_format(mic: SimulatedMicrophone) -> Blocks:
    rate_hz = int(mic.rng.choice([8_000, 22_050, 44_100, 48_000, 96_000]))
    channels = int(mic.rng.integers(1, 9))
    yield from mic.play(np.repeat(mic.speech()[:, None], channels, axis=1), rate_hz)
    yield from mic.play(mic.noise(3.0))


def _refused_format(mic: SimulatedMicrophone) -> Blocks:
    yield from mic.play(mic.speech()[:8000], rate_hz=1_000)
    yield from mic.play(mic.noise(3.0))


def _odd_blocks(mic: SimulatedMicrophone) -> Blocks:
    for _ in range(20):
        block_s = float(mic.rng.choice([1 / SAMPLE_RATE_HZ * 16, 0.01, 0.5, 4.0]))
        yield from mic.play(mic.speech()[: 2 * SAMPLE_RATE_HZ], block_s=block_s)
    yield from mic.play(mic.noise(3.0))


def _clock_set(mic: SimulatedMicrophone) -> Blocks:
    mic.clock_offset_s += float(mic.rng.choice([-60.0, -1.0, 1.0, 3600.0]))
    yield from mic.play(mic.speech())
    yield from mic.play(mic.noise(3.0))


def _network_fails(mic: SimulatedMicrophone) -> Blocks:
    mic.network.failures = int(mic.rng.integers(1, 6))
    while mic.network.failures and not mic._closed.is_set():
        yield from mic.play(mic.speech())
        yield from mic.play(mic.noise(2.0))


def _robot_speaks(mic: SimulatedMicrophone) -> Blocks:
    mic.recognizer.muted = True
    yield from mic.play(mic.speech())
    yield from mic.play(mic.noise(3.0))
    mic.recognizer.muted = False


def _settings_changed(mic: SimulatedMicrophone) -> Blocks:
    mic.recognizer.change(
        window_s=float(mic.rng.choice([3.0, 4.0, 5.0])), min_confidence=float(mic.rng.random() / 2)
    )
    yield from mic.play(mic.speech())
    yield from mic.play(mic.noise(3.0))
    mic.recognizer.change(window_s=5.0, min_confidence=0.0)


def _source_ends(mic: SimulatedMicrophone) -> Blocks:
    yield from mic.play(mic.speech()[:SAMPLE_RATE_HZ])
    mic.close()


KINDS: dict[str, Callable[[SimulatedMicrophone], Blocks]] = {
    "none, for comparison": _none,
    "the microphone is lost for 1 to 120 s": _device_lost,
    "0.1 to 4 s of samples are lost": _samples_lost,
    "a tenth of the samples is NaN, infinite or 1e30": _not_finite,
    "gain 100, and an offset": _loud,
    "noise at 0 dBFS for 20 s": _noise,
    "digital silence for 1 to 10 minutes": _digital_silence,
    "another sample rate and other channels": _other_format,
    "a sample rate that is refused": _refused_format,
    "blocks of 1 ms to 4 s": _odd_blocks,
    "the source's clock is set by -60 s to 1 h": _clock_set,
    "1 to 5 answers of the network are NaN": _network_fails,
    "the robot itself speaks": _robot_speaks,
    "settings are changed": _settings_changed,
    "the stream ends, and another begins": _source_ends,
}
"""Name of a fault -> the sound while it lasts."""
