"""A Pipecat bot without a network: a real pipeline, with stand-ins for its STT and LLM services.

Its turns are found by Pipecat's own voice activity detection, whose model comes with pipecat-ai.
There is no transport: recordings are played into it.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
from collections.abc import AsyncGenerator, Callable, Sequence

import numpy as np
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

LLM_SETTINGS = {field.name for field in dataclasses.fields(LLMSettings)} - {"extra"}
RATE = 16_000
FRAME = RATE // 50
"""Samples of an audio frame: 20 ms."""


class KnownWords(SegmentedSTTService):
    """Stands in for speech recognition: it knows what is said in each stretch of speech."""

    def __init__(self, words: Sequence[str]):
        super().__init__(ttfs_p99_latency=2.0, settings=STTSettings(model=None, language=None))
        self._words = iter(words)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        yield TranscriptionFrame(next(self._words, "and so on"), "", time_now_iso8601())


class RecordingLLM(LLMService):
    """Stands in for an LLM: it keeps the messages that it is asked with, and says "I see."."""

    def __init__(self) -> None:
        super().__init__(settings=LLMSettings(**dict.fromkeys(LLM_SETTINGS)))
        self.asked: list[list[dict]] = []
        self.was_asked = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self.asked.append(copy.deepcopy(frame.context.messages))
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame("I see."))
        await self.push_frame(LLMFullResponseEndFrame())
        self.was_asked.set()


class Bot:
    """A pipeline with an emotion processor, to which recordings are played.

    Attributes:
        llm: what it asks.
        context: its conversation.
    """

    def __init__(self, emotion: FrameProcessor, words: Sequence[str]):
        self.llm = RecordingLLM()
        self.context = LLMContext()
        user, assistant = LLMContextAggregatorPair(
            self.context,
            user_params=LLMUserAggregatorParams(
                # One segment for each recording, whatever pauses are in it.
                vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=0.8)),
                user_turn_strategies=UserTurnStrategies(
                    stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.1)]
                ),
                user_turn_stop_timeout=60.0,
            ),
        )
        user.add_event_handler("on_after_process_frame", self._note_analysed)
        self._analysed = asyncio.Event()
        pipeline = Pipeline([KnownWords(words), user, emotion, self.llm, assistant])
        self._worker = PipelineWorker(pipeline, enable_rtvi=False, cancel_on_idle_timeout=False)

    async def talk(self, *recordings: np.ndarray, timeout_s: float = 120.0) -> None:
        """Play recordings (n,) float32 at 16 kHz, and silence after each until the LLM is asked."""

        async def play() -> None:
            for samples in recordings:
                self.llm.was_asked.clear()
                await self._play(samples, lambda: False)
                noise = np.random.default_rng(0).standard_normal(round(timeout_s * RATE))
                silence = (1e-4 * noise).astype(np.float32)
                await self._play(silence, self.llm.was_asked.is_set)
            await self._worker.queue_frame(EndFrame())

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        await asyncio.wait_for(asyncio.gather(runner.run(), play()), 2 * timeout_s)

    async def _play(self, samples: np.ndarray, over: Callable[[], bool]) -> None:
        """Play samples at the speed of a microphone, or slower on a busy machine.

        Args:
            over: returns whether to stop.
        """
        pcm = (samples * 32767).astype(np.int16)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for start in range(0, len(pcm), FRAME):
            if over():
                return
            frame = InputAudioRawFrame(pcm[start : start + FRAME].tobytes(), RATE, 1)
            self._analysed.clear()
            await self._worker.queue_frame(frame)
            await self._analysed.wait()  # frames that wait would delay words on a busy machine
            due = max(due + FRAME / RATE, loop.time() + 0.002)
            await asyncio.sleep(due - loop.time())

    async def _note_analysed(self, _: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, InputAudioRawFrame):
            self._analysed.set()
