"""LiveKit Agents: the emotion of the user's voice heads the user's message to the LLM.

One word in the agent, which extends `EmotionAgent` instead of `Agent`::

    class Assistant(EmotionAgent):
        def __init__(self):
            super().__init__(instructions="You are kind. " + EXPLANATIONS[PERCEPTION])

Needs the extra `livekit`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from livekit import rtc
from livekit.agents import (
    Agent,
    AgentStateChangedEvent,
    ModelSettings,
    UserStateChangedEvent,
    llm,
    stt,
)

from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.integrations.user_turns import EmotionSettings, TurnEmotion, UserTurns
from ser_stream.stream.pool import StreamPool

logger = logging.getLogger("ser_stream")


class EmotionAgent(Agent):
    """An agent that tells its LLM how the user sounded in each turn.

    The sound is that of `stt_node`: the session needs an STT, and no speech-to-speech model. The
    LLM reads the emotion; the history and the transcripts of the session do not have it. It is
    there also where LiveKit asks the LLM before it is sure that the turn has ended (preemptive
    generation): the emotion is that of the turn so far then.

    A class that overrides `stt_node`, `llm_node` or `on_user_turn_completed` calls the method of
    this class.

    Args:
        emotion: how the emotion is used.
        pool: recognises this and other streams of the process; None: a pool of its own.
        recognition: settings of the own pool, such as `model` and `hop_s`; see `StreamPool`.
        turns: those of the agent that hands its user over to this one, instead of the three above.
        agent: what `Agent` takes.

    Attributes:
        turns: the turns of the user.

    Raises:
        InputError: there are settings of an own pool together with another one.
    """

    def __init__(
        self,
        *,
        emotion: EmotionSettings = EmotionSettings(),
        pool: StreamPool | None = None,
        recognition: dict[str, Any] | None = None,
        turns: UserTurns | None = None,
        **agent: Any,
    ):
        super().__init__(**agent)
        self.turns = turns or UserTurns(
            f"{self.id}-{id(self):x}", emotion, self._report_estimate, pool, **(recognition or {})
        )
        self._marks: dict[str, str] = {}  # by the message's id
        self._last_words = ""

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        """Take an estimate, each half second while the user speaks; for classes that extend this.

        Called in the event loop: it must not wait.
        """

    def on_turn_emotion(self, emotion: TurnEmotion) -> None:
        """Take the emotion of a turn, before the LLM is asked; otherwise as `on_estimate`."""

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], model_settings: ModelSettings
    ) -> AsyncIterator[stt.SpeechEvent]:
        """Recognise words, and emotions in the same sound.

        Where the model or a setting cannot be used, or the pool has no room, that is logged, and
        the agent goes on without emotions: an error here would cost it the words.
        """
        session = self.session
        opened = False
        self.turns.on_interval = self._report_estimate  # the turns may be those of another agent
        try:
            await self.turns.open()
            opened = True
        except InputError as error:
            logger.error("%s: %s; it goes on without emotions", self.id, error)
        session.on("agent_state_changed", self._note_agent)
        session.on("user_state_changed", self._note_user)
        self._mute(session.agent_state)
        try:
            async for event in Agent.default.stt_node(self, self._heard(audio), model_settings):
                if event.alternatives and event.type in (
                    stt.SpeechEventType.FINAL_TRANSCRIPT,
                    stt.SpeechEventType.PREFLIGHT_TRANSCRIPT,
                ):
                    self._last_words = event.alternatives[0].text
                yield event
        finally:
            session.off("agent_state_changed", self._note_agent)
            session.off("user_state_changed", self._note_user)
            if opened:
                await self.turns.close()

    async def on_user_turn_completed(
        self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage
    ) -> None:
        """End the turn, and keep its emotion for the message."""
        emotion = await self.turns.ended()
        self._last_words = ""
        self._keep(new_message, emotion)
        if emotion is not None:
            self.on_turn_emotion(emotion)

    async def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncIterator[Any]:
        """Ask the LLM with the emotions at the head of the user's messages."""
        newest = chat_ctx.items[-1] if chat_ctx.items else None
        if isinstance(newest, llm.ChatMessage) and self._is_of_turn_in_progress(newest):
            self._keep(newest, await self.turns.so_far())
        context = chat_ctx.copy()
        context.items = [self._marked(item) for item in context.items]
        async for chunk in Agent.default.llm_node(self, context, tools, model_settings):
            yield chunk

    def _is_of_turn_in_progress(self, message: llm.ChatMessage) -> bool:
        """Return whether a message is what the user has said so far: not typed, nor of a tool."""
        words = self._last_words
        said = message.role == "user" and words and (message.text_content or "").endswith(words)
        return bool(said) and message.id not in self._marks

    def _keep(self, message: llm.ChatMessage, emotion: TurnEmotion | None) -> None:
        self._marks[message.id] = "" if emotion is None else emotion.text(self.turns.settings)

    def _marked(self, item: llm.ChatItem) -> llm.ChatItem:
        """Return an item of the context; of a message whose emotion is known, a copy with it."""
        mark = self._marks.get(item.id, "")
        if not mark or not isinstance(item, llm.ChatMessage):
            return item
        first, *rest = item.content or [""]
        head = [f"{mark} {first}"] if isinstance(first, str) else [mark, first]
        return item.model_copy(update={"content": [*head, *rest]})

    async def _heard(self, audio: AsyncIterable[rtc.AudioFrame]) -> AsyncIterator[rtc.AudioFrame]:
        async for frame in audio:
            self.turns.push(frame.data, frame.sample_rate, frame.num_channels)
            yield frame

    def _note_agent(self, event: AgentStateChangedEvent) -> None:
        self._mute(event.new_state)

    def _mute(self, agent_state: str) -> None:
        self.turns.muted = agent_state == "speaking" and self.turns.settings.mute

    def _note_user(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self.turns.started()

    def _report_estimate(self, estimate: EmotionEstimate) -> None:
        self.on_estimate(estimate)
