"""How much later a voice agent asks its LLM because of the emotion: the table of docs/agents.md.

    make test-agents                       # makes the environment with Pipecat and LiveKit
    .venv-agents/bin/python -m benchmarks.agents --output benchmarks/results/agents.json

The package's demo recordings are played at the speed of a microphone, in frames of 20 ms, as turns
of a user. Each turn ends `PAUSES_S` after its last word, when a framework's voice activity
detection may say so. Measured is the time from there until the emotion is in the context of the
LLM: of what the adapters share, and of each adapter whose framework is installed. Speech
recognition, the LLM and the frameworks' own end-of-turn detection take no part.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.measuring import DEFAULT, ROOT, Result, latency_summary, run_part, version
from ser_stream import StreamPool
from ser_stream.integrations.user_turns import EmotionSettings, UserTurns

RATE = 16_000
FRAME = RATE // 50
PAUSES_S = (0.2, 0.8)
"""The first is before our own end of a turn, 0.6 s after speech, the second behind it."""
ROUNDS = 6
"""How often each recording is played with each pause."""
DEMO = ROOT / "ser_stream" / "demo"
SETTINGS = EmotionSettings(wait_s=10)

Push = Callable[[bytes], Awaitable[None]]
EndTurn = Callable[[], Awaitable[float | None]]
"""Ends the turn, and returns the seconds until its emotion was in the context; None: none was."""


def measure(arguments: argparse.Namespace) -> Result:
    """Measure what the adapters share, and each adapter that is installed."""
    rounds = 1 if arguments.quick else ROUNDS
    recordings = sorted(DEMO.glob("*.flac"))[: 1 if arguments.quick else None]
    parts = {"shared": _shared}
    if find_spec("pipecat"):
        parts["pipecat"] = _pipecat
    if find_spec("livekit"):
        parts["livekit"] = _livekit
    results: Result = {}
    with StreamPool(DEFAULT) as pool:
        for name, part in parts.items():
            results[name] = {}
            for pause_s in PAUSES_S:
                waited_s = asyncio.run(part(pool, recordings * rounds, pause_s))
                summary = latency_summary(1e3 * seconds for seconds in waited_s)
                results[name][f"{pause_s:g}"] = summary
                print(f"{name}, {pause_s:g} s after speech: {summary}", flush=True)
    versions = {name: version(name) for name in ("pipecat-ai", "livekit-agents")}
    return {"model": DEFAULT, "versions": versions, "by_adapter": results}


async def _play_all(
    recordings: list[Path], pause_s: float, push: Push, end_turn: EndTurn
) -> list[float]:
    """Play recordings as turns; return the times of those that have an emotion."""
    waited_s = []
    for path in recordings:
        pcm = _spoken(path, pause_s)
        due = time.monotonic()
        for start in range(0, len(pcm), FRAME):
            await push(pcm[start : start + FRAME].tobytes())
            due += FRAME / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        if (seconds := await end_turn()) is not None:
            waited_s.append(seconds)
    return waited_s


def _spoken(path: Path, pause_s: float) -> np.ndarray:
    """Return int16 samples (n,) of a recording that end so long after its last word."""
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE
    loud = np.flatnonzero(np.abs(samples.astype(float)) > 0.02 * np.abs(samples).max())
    end = loud[-1] + round(pause_s * RATE)
    return np.concatenate([samples, np.zeros(RATE, np.int16)])[:end]


async def _shared(pool: StreamPool, recordings: list[Path], pause_s: float) -> list[float]:
    turns = UserTurns("shared", SETTINGS, pool=pool)
    await turns.open()

    async def push(pcm: bytes) -> None:
        turns.push(pcm, RATE, 1)

    async def end_turn() -> float | None:
        started = time.monotonic()
        emotion = await turns.ended()
        return None if emotion is None else time.monotonic() - started

    try:
        return await _play_all(recordings, pause_s, push, end_turn)
    finally:
        await turns.close()


async def _pipecat(pool: StreamPool, recordings: list[Path], pause_s: float) -> list[float]:
    """Time from the frame that asks the LLM before the processor to the same frame behind it."""
    from pipecat.frames.frames import (
        EndFrame,
        Frame,
        InputAudioRawFrame,
        LLMContextFrame,
        LLMContextUserTurnFrame,
    )
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineWorker
    from pipecat.processors.aggregators.llm_context import LLMContext
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
    from pipecat.workers.runner import WorkerRunner

    from ser_stream.integrations.pipecat import EmotionProcessor

    class Probe(FrameProcessor):
        def __init__(self) -> None:
            super().__init__()
            self.passed: asyncio.Queue[float] = asyncio.Queue()

        async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            if isinstance(frame, LLMContextFrame):
                self.passed.put_nowait(time.monotonic())
            await self.push_frame(frame, direction)

    before, behind = Probe(), Probe()
    pipeline = Pipeline([before, EmotionProcessor(SETTINGS, pool), behind])
    worker = PipelineWorker(pipeline, enable_rtvi=False, cancel_on_idle_timeout=False)
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_start(_worker: object, _frame: object) -> None:
        started.set()

    async def push(pcm: bytes) -> None:
        await worker.queue_frame(InputAudioRawFrame(pcm, RATE, 1))

    async def end_turn() -> float | None:
        context = LLMContext([{"role": "user", "content": "words"}])
        await worker.queue_frames([LLMContextUserTurnFrame("words", ""), LLMContextFrame(context)])
        seconds = -await before.passed.get() + await behind.passed.get()
        return seconds if context.messages[0]["content"] != "words" else None

    async def play() -> list[float]:
        await started.wait()
        waited_s = await _play_all(recordings, pause_s, push, end_turn)
        await worker.queue_frame(EndFrame())
        return waited_s

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    _, waited_s = await asyncio.gather(runner.run(), play())
    return waited_s


async def _livekit(pool: StreamPool, recordings: list[Path], pause_s: float) -> list[float]:
    """Duration of `on_user_turn_completed`, after which LiveKit asks the LLM."""
    from livekit.agents import llm

    from ser_stream.integrations.livekit import EmotionAgent

    emotions: list[Any] = []

    class Assistant(EmotionAgent):
        def on_turn_emotion(self, emotion: Any) -> None:
            emotions.append(emotion)

    agent = Assistant(instructions="", emotion=SETTINGS, pool=pool)
    await agent.turns.open()

    async def push(pcm: bytes) -> None:
        agent.turns.push(pcm, RATE, 1)

    async def end_turn() -> float | None:
        emotions.clear()
        message = llm.ChatMessage(role="user", content=["words"])
        started = time.monotonic()
        await agent.on_user_turn_completed(llm.ChatContext(), message)
        return time.monotonic() - started if emotions else None

    try:
        return await _play_all(recordings, pause_s, push, end_turn)
    finally:
        await agent.turns.close()


if __name__ == "__main__":
    run_part(measure)
