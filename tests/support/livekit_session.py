"""A session of LiveKit Agents without a server: its own VAD, stand-ins for its STT and LLM.

The voice activity detection (Silero) comes with livekit-agents. There is no room and no TTS:
recordings are played into the session's audio input, and it answers in text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, TurnHandlingOptions, inference, llm, stt, utils
from livekit.agents.voice.io import AudioInput

RATE = 16_000
FRAME = RATE // 50
"""Samples of an audio frame: 20 ms."""


class PlayedSound(AudioInput):
    """The microphone of the session, into which frames are put."""

    def __init__(self) -> None:
        super().__init__(label="recordings")
        self._frames = utils.aio.Chan[rtc.AudioFrame]()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.__anext__()

    def put(self, pcm: np.ndarray) -> None:
        """Put int16 samples (n,)."""
        self._frames.send_nowait(rtc.AudioFrame(pcm.tobytes(), RATE, 1, len(pcm)))


class KnownWords(stt.STT):
    """Stands in for speech recognition: it knows what is said in each stretch of speech."""

    def __init__(self, words: Sequence[str]):
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._words = iter(words)

    async def _recognize_impl(self, buffer: Any, **options: Any) -> stt.SpeechEvent:
        words = stt.SpeechData(language="en", text=next(self._words, "and so on"))
        return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[words])


class RecordingLLM(llm.LLM):
    """Stands in for an LLM: it keeps the user's messages that it is asked with."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []

    def chat(self, *, chat_ctx: llm.ChatContext, tools: Any = None, **options: Any) -> Any:
        messages = [item for item in chat_ctx.items if isinstance(item, llm.ChatMessage)]
        self.asked.append([str(m.text_content) for m in messages if m.role == "user"])
        return _Answer(
            self, chat_ctx=chat_ctx, tools=tools or [], conn_options=options["conn_options"]
        )


class _Answer(llm.LLMStream):
    """Says "I see."."""

    async def _run(self) -> None:
        delta = llm.ChoiceDelta(role="assistant", content="I see.")
        self._event_ch.send_nowait(llm.ChatChunk(id="answer", delta=delta))


class Conversation:
    """A session with an agent, to which recordings are played.

    Args:
        preemptive: whether the LLM may be asked before the turn has surely ended.
    """

    def __init__(self, agent: Agent, words: Sequence[str], preemptive: bool = False):
        self.llm = RecordingLLM()
        self._agent = agent
        self._words = words
        self._preemptive = preemptive
        self._answered = asyncio.Event()

    async def talk(self, *recordings: np.ndarray, timeout_s: float = 120.0) -> None:
        """Play recordings (n,) float32 at 16 kHz, and silence after each until it is answered."""
        self.session = AgentSession(
            vad=inference.VAD(model="silero", min_silence_duration=0.8),
            stt=KnownWords(self._words),
            llm=self.llm,
            tts=None,
            aec_warmup_duration=None,
            turn_handling=TurnHandlingOptions(
                turn_detection="vad",
                endpointing={"min_delay": 0.5, "max_delay": 2.0},
                preemptive_generation={"enabled": self._preemptive, "max_speech_duration": 600},
            ),
        )
        self._sound = PlayedSound()
        self.session.input.audio = self._sound
        self.session.on("conversation_item_added", self._note)
        await self.session.start(self._agent)
        for samples in recordings:
            self._answered.clear()
            await self._play(samples)
            noise = np.random.default_rng(0).standard_normal(round(timeout_s * RATE))
            await self._play((1e-4 * noise).astype(np.float32), until=self._answered)
            assert self._answered.is_set()
        await self.session.aclose()

    def _note(self, event: Any) -> None:
        if getattr(event.item, "role", "") == "assistant":
            self._answered.set()

    async def _play(self, samples: np.ndarray, until: asyncio.Event | None = None) -> None:
        """Play samples at the speed of a microphone, or until something has happened."""
        pcm = (samples * 32767).astype(np.int16)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for start in range(0, len(pcm), FRAME):
            if until is not None and until.is_set():
                return
            self._sound.put(pcm[start : start + FRAME])
            due = max(due + FRAME / RATE, loop.time() + 0.002)
            await asyncio.sleep(due - loop.time())
