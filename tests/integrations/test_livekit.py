"""The LiveKit adapter, in a session of the real package; STT and LLM stand in, there is no server.

Not exercised: rooms, tracks and echo cancellation, which need a LiveKit server; the agent's voice.
"""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace

import pytest
import soundfile

pytest.importorskip("livekit.agents", reason="livekit-agents is not installed: make test-agents")

from livekit.agents import llm
from livekit.agents.voice.events import AgentStateChangedEvent

from livekit_session import Conversation
from paths import ROOT
from ser_stream import InputError, StreamPool
from ser_stream.integrations.livekit import EmotionAgent
from ser_stream.integrations.user_turns import SENTENCE, EmotionSettings

pytestmark = pytest.mark.livekit

LONG = EmotionSettings(wait_s=10)  # a busy machine must not lose an emotion
MARK = re.compile(r"\(\[emotion (\w+)=(0\.\d\d)(, \w+=0\.\d\d)*\]\) ")
SAID = ["I do not know what to do.", "This is your fault."]


def demo(name):
    return soundfile.read(ROOT / "ser_stream" / "demo" / name, dtype="float32")[0]


class Assistant(EmotionAgent):
    """Keeps what it is told."""

    def __init__(self, **options):
        super().__init__(instructions="Be kind.", **options)
        self.estimates, self.emotions, self.asked_before = [], [], []

    def on_estimate(self, estimate):
        self.estimates.append(estimate)

    def on_turn_emotion(self, emotion):
        self.emotions.append(emotion)
        self.asked_before.append(len(self.session.llm.asked))


def test_the_llm_reads_how_each_turn_sounded_before_it_answers():
    """With the shipped model, each turn gets its own emotion; the history is as people spoke."""
    agent = Assistant(emotion=LONG)
    conversation = Conversation(agent, SAID)
    asyncio.run(conversation.talk(demo("3-sad.flac"), demo("4-angry.flac")))

    first, second = conversation.llm.asked
    assert second[:1] == first  # it was there when the LLM was asked, and stayed
    assert [MARK.sub("", message) for message in second] == SAID
    assert [MARK.match(message)[1] for message in second] == ["sad", "angry"]
    assert [emotion.expression for emotion in agent.emotions] == ["sad", "angry"]
    assert agent.asked_before == [0, 1]
    assert {estimate.trigger for estimate in agent.estimates} == {"interval"}
    history = [item for item in conversation.session.history.items if item.type == "message"]
    assert [item.text_content for item in history if item.role == "user"] == SAID


def test_an_answer_that_is_prepared_before_the_turn_is_over_has_its_emotion_so_far():
    agent = Assistant(emotion=LONG)
    conversation = Conversation(agent, SAID, preemptive=True)
    asyncio.run(conversation.talk(demo("4-angry.flac")))
    assert agent.asked_before == [1]
    (messages,) = conversation.llm.asked  # the answer was used
    assert MARK.match(messages[0])[1] == "angry"


def test_an_agent_whose_model_cannot_be_used_goes_on_without_emotions(caplog):
    agent = Assistant(recognition={"model": "nope"})
    conversation = Conversation(agent, SAID)
    asyncio.run(conversation.talk(demo("4-angry.flac")))
    assert conversation.llm.asked == [SAID[:1]]
    assert agent.emotions == agent.estimates == []
    assert "assistant: model 'nope': no such folder" in caplog.text
    assert "it goes on without emotions" in caplog.text


@pytest.fixture
def pool():
    with StreamPool("tiny") as pool:
        yield pool


def test_sound_is_ignored_while_the_agent_speaks(pool):
    """The session's states are given to the agent: without TTS it never speaks."""
    agent = Assistant(emotion=EmotionSettings(form=SENTENCE, wait_s=10), pool=pool)
    message = llm.ChatMessage(role="user", content=["Go!"])

    async def talk():
        agent._activity = SimpleNamespace()  # not in a session
        await agent.turns.open()
        agent._note_agent(AgentStateChangedEvent(old_state="listening", new_state="speaking"))
        agent.turns.push((demo("4-angry.flac") * 32767).astype("int16").tobytes(), 16_000, 1)
        await agent.on_user_turn_completed(llm.ChatContext(), message)
        assert agent.emotions == []
        agent._note_agent(AgentStateChangedEvent(old_state="speaking", new_state="listening"))
        assert not agent.turns.muted
        await agent.turns.close()

    asyncio.run(talk())
    assert agent._marked(message) is message


def test_agents_that_hand_over_their_user_share_its_turns(pool):
    first = Assistant(pool=pool)
    second = Assistant(turns=first.turns)

    async def hand_over():
        await first.turns.open()
        await second.turns.open()
        await first.turns.close()
        assert pool.streams
        await second.turns.close()
        assert not pool.streams

    asyncio.run(hand_over())


def test_settings_that_cannot_be_used_are_named(pool):
    with pytest.raises(InputError, match="model: found together with a pool"):
        Assistant(pool=pool, recognition={"model": "tiny"})
