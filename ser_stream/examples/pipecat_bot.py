"""A Pipecat bot whose language model reads how the user sounded.

    pip install 'ser_stream[pipecat,asr]'
    llama-server -m MODEL.gguf --port 8080       # or another server with the API of OpenAI
    python -m ser_stream.examples.pipecat_bot speech.wav

Recordings take the place of a transport: they are played at the speed of a microphone. Words come
from PocketSphinx, which needs no network and gets many wrong. The emotion needs one line, in the
pipeline. What the language model reads and answers is printed.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator

import numpy as np
import pocketsphinx
import soundfile
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, TranscriptionFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from ser_stream.integrations.pipecat import EmotionProcessor
from ser_stream.integrations.user_turns import EXPLANATIONS, PERCEPTION

INSTRUCTIONS = f"You are a kind companion. Answer in one sentence. {EXPLANATIONS[PERCEPTION]}"
RATE = 16_000
FRAME = RATE // 50
ANSWER_S = 60.0
SLOW_WORDS_S = 30.0
"""How long PocketSphinx may take on a slow computer. The bot waits no longer than it takes."""


class PocketSphinx(SegmentedSTTService):
    """Speech recognition on this computer, for English."""

    wants_wav_segments = False

    def __init__(self) -> None:
        settings = STTSettings(model=None, language=None)
        super().__init__(ttfs_p99_latency=SLOW_WORDS_S, settings=settings)
        self._decoder = pocketsphinx.Decoder(loglevel="FATAL")

    async def run_stt(self, audio: bytes) -> AsyncIterator[Frame]:
        text = await asyncio.to_thread(self._decoded, audio)
        if text:
            yield TranscriptionFrame(text, "", time_now_iso8601())

    def _decoded(self, audio: bytes) -> str:
        self._decoder.start_utt()
        self._decoder.process_raw(audio, full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""


async def run(recordings: list[str], url: str, model: str) -> None:
    """Play recordings to the bot, one after another, and print the conversation."""
    context = LLMContext()
    user, assistant = LLMContextAggregatorPair(
        context,
        user_params=LLMUserAggregatorParams(
            vad_analyzer=SileroVADAnalyzer(),
            user_turn_stop_timeout=SLOW_WORDS_S,
            empty_user_turn=None,  # words that are not there yet are no empty turn
        ),
    )
    llm = OpenAILLMService(
        api_key="none",
        base_url=url,
        settings=OpenAILLMService.Settings(model=model, system_instruction=INSTRUCTIONS),
    )
    emotion = EmotionProcessor()
    pipeline = Pipeline([PocketSphinx(), user, emotion, llm, assistant])
    worker = PipelineWorker(
        pipeline, params=PipelineParams(audio_in_sample_rate=RATE), enable_rtvi=False
    )
    heard, answered = asyncio.Event(), asyncio.Event()

    @user.event_handler("on_after_process_frame")
    async def on_frame(_: object, frame: Frame) -> None:
        if isinstance(frame, InputAudioRawFrame):
            heard.set()

    @assistant.event_handler("on_assistant_turn_stopped")
    async def on_answer(_: object, message: object) -> None:
        answered.set()

    async def play() -> None:
        for recording in recordings:
            samples, rate = soundfile.read(recording, dtype="int16", always_2d=True)
            if rate != RATE:
                raise SystemExit(f"{recording}: found {rate} Hz; this example plays {RATE} Hz")
            answered.clear()
            silence = np.zeros(round(ANSWER_S * RATE), np.int16)
            for start, chunk in enumerate(frames(np.concatenate([samples[:, 0], silence]))):
                if answered.is_set() and start * FRAME > len(samples):
                    break
                heard.clear()
                await worker.queue_frame(InputAudioRawFrame(chunk.tobytes(), RATE, 1))
                await asyncio.sleep(FRAME / RATE)
                await heard.wait()  # sound that waits would hold up words on a busy computer
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner()
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), play())
    for message in context.messages:
        print(f"{message['role']}: {message['content']}")


def frames(samples: np.ndarray) -> list[np.ndarray]:
    """Return int16 samples (n,) in frames of 20 ms."""
    return np.split(samples, range(FRAME, len(samples), FRAME))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="+", metavar="FILE", help="16 kHz, wav or flac")
    parser.add_argument("--url", default="http://127.0.0.1:8080/v1", help="of the language model")
    parser.add_argument("--llm", default="default", metavar="NAME", help="of the language model")
    arguments = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    asyncio.run(run(arguments.recordings, arguments.url, arguments.llm))


if __name__ == "__main__":
    main()
