"""Pipecat: the emotion of the user's voice heads the user's message before the LLM answers it.

One line in the pipeline, between the user's context aggregator and the LLM::

    Pipeline([transport.input(), stt, user_aggregator, EmotionProcessor(), llm, tts, ...])

Needs the extra `pipecat`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMContextUserTurnFrame,
    UserMuteStartedFrame,
    UserMuteStoppedFrame,
    UserStartedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup

from ser_stream.emotion import EmotionEstimate
from ser_stream.integrations.user_turns import EmotionSettings, TurnEmotion, UserTurns
from ser_stream.stream.pool import StreamPool

ON_ESTIMATE, ON_TURN = "on_estimate", "on_turn"


class EmotionProcessor(FrameProcessor):
    """Recognises emotions in the user's sound, and tells the LLM how each turn sounded.

    It stands behind the user's context aggregator, whose frames say when a turn has ended and what
    was said; the aggregator passes the sound on. All frames are passed on unchanged, but for the
    user's message in the context, which gets a head in the form of Pipecat's Real-time Context
    Standard.

    Event handlers, which are called with the processor and:

    * `on_estimate`: an `EmotionEstimate` each half second while the user speaks
    * `on_turn`: the `TurnEmotion` of a turn, before the LLM is asked

    Args:
        settings: how the emotion is used.
        pool: recognises this and other streams of the process; None: a pool of its own.
        name: of the processor.
        recognition: settings of the own pool, such as `model` and `hop_s`; see `StreamPool`.

    Raises:
        InputError: there are settings of an own pool together with another one.
    """

    def __init__(
        self,
        settings: EmotionSettings = EmotionSettings(),
        pool: StreamPool | None = None,
        name: str | None = None,
        **recognition: Any,
    ):
        super().__init__(name=name)
        stream = f"{self.name}-{self.id}"  # a pool may have those of several pipelines
        self._turns = UserTurns(stream, settings, self._report_estimate, pool, **recognition)
        self._bot_speaks = self._user_is_muted = False
        self._unmarked: list[tuple[str, asyncio.Task[TurnEmotion | None]]] = []
        self._register_event_handler(ON_ESTIMATE)
        self._register_event_handler(ON_TURN)

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Load the model, while the other processors are set up.

        Raises:
            InputError: the model or a setting cannot be used, or the pool has no room.
        """
        await super().setup(setup)
        await self._turns.open()

    async def cleanup(self) -> None:
        """End the stream."""
        await super().cleanup()
        await self._turns.close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take note of a frame, and pass it on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self._turns.push(frame.audio, frame.sample_rate, frame.num_channels)
        elif isinstance(frame, UserStartedSpeakingFrame):
            self._turns.started()
        elif isinstance(frame, BotStartedSpeakingFrame | BotStoppedSpeakingFrame):
            self._bot_speaks = isinstance(frame, BotStartedSpeakingFrame)
            self._mute()
        elif isinstance(frame, UserMuteStartedFrame | UserMuteStoppedFrame):
            self._user_is_muted = isinstance(frame, UserMuteStartedFrame)
            self._mute()
        elif direction is FrameDirection.DOWNSTREAM and isinstance(frame, LLMContextUserTurnFrame):
            # The aggregator has written a message; the frame that asks the LLM follows.
            emotion = self.create_task(self._turns.ended(), f"{self.name}::emotion")
            self._unmarked.append((frame.text, emotion))
        elif direction is FrameDirection.DOWNSTREAM and isinstance(frame, LLMContextFrame):
            if frame.speculation:  # on a copy of the context: the turn may go on
                self._mark(frame.context, None, await self._turns.so_far())
            else:
                await self._mark_all(frame.context)
        await self.push_frame(frame, direction)

    async def _mark_all(self, context: LLMContext) -> None:
        """Write the emotions of all turns into the context that have not been written yet."""
        while self._unmarked:
            said, task = self._unmarked[0]
            await asyncio.wait({task})  # where this is interrupted, the next context gets it
            del self._unmarked[0]
            emotion = task.result()
            later = sum(text == said for text, _ in self._unmarked)
            self._mark(context, said, emotion, later)
            if emotion is not None:
                await self._call_event_handler(ON_TURN, emotion)

    def _mark(
        self, context: LLMContext, said: str | None, emotion: TurnEmotion | None, later: int = 0
    ) -> None:
        """Write an emotion at the head of a message of the user.

        Args:
            said: the message; None: the newest.
            later: how many newer messages with the same words belong to later turns.
        """
        mark = "" if emotion is None else emotion.text(self._turns.settings)
        for message in reversed(context.messages):
            if not isinstance(message, dict) or message.get("role") != "user":
                continue
            content = message.get("content")
            if isinstance(content, str) and said in (None, content):
                if later:
                    later -= 1
                    continue
                message["content"] = f"{mark} {content}" if mark else content
                return

    def _mute(self) -> None:
        bot_speaks = self._bot_speaks and self._turns.settings.mute
        self._turns.muted = bot_speaks or self._user_is_muted

    def _report_estimate(self, estimate: EmotionEstimate) -> None:
        self.create_task(self._call_event_handler(ON_ESTIMATE, estimate), f"{self.name}::estimate")
