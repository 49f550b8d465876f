"""The Pipecat adapter, in a pipeline of the real package; speech recognition and LLM stand in."""

from __future__ import annotations

import asyncio
import re

import numpy as np
import pytest
import soundfile

pytest.importorskip("pipecat", reason="pipecat-ai is not installed: make test-agents")

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMContextUserTurnFrame,
    LLMRunFrame,
    UserMuteStartedFrame,
    UserMuteStoppedFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.tests.utils import run_test

from paths import ROOT
from pipecat_bot import RATE, Bot
from ser_stream import InputError, StreamPool
from ser_stream.integrations.pipecat import EmotionProcessor
from ser_stream.integrations.user_turns import SAY, SENTENCE, EmotionSettings, TurnEmotion

pytestmark = pytest.mark.pipecat

LONG = EmotionSettings(wait_s=10)  # a busy machine must not lose an emotion
MARK = re.compile(r"\(\[emotion (\w+)=(0\.\d\d)(, \w+=0\.\d\d)*\]\) ")


def demo(name):
    return soundfile.read(ROOT / "ser_stream" / "demo" / name, dtype="float32")[0]


def silence(seconds):
    return np.zeros(round(seconds * RATE), np.float32)


@pytest.fixture
def pool():
    with StreamPool("tiny") as pool:
        yield pool


def test_the_llm_reads_how_each_turn_sounded_before_it_answers():
    """With the shipped model, each turn gets its own emotion."""
    emotion = EmotionProcessor(LONG)
    turns, estimates = [], []

    @emotion.event_handler("on_turn")
    async def on_turn(processor, turn):
        turns.append(turn)

    @emotion.event_handler("on_estimate")
    async def on_estimate(processor, estimate):
        estimates.append(estimate)

    said = ["I do not know what to do.", "This is your fault."]
    bot = Bot(emotion, said)
    asyncio.run(bot.talk(demo("3-sad.flac"), demo("4-angry.flac")))

    messages = [m["content"] for m in bot.llm.asked[-1] if m["role"] == "user"]
    assert [MARK.sub("", message) for message in messages] == said
    assert [MARK.match(message)[1] for message in messages] == ["sad", "angry"]
    first = [m["content"] for m in bot.llm.asked[0] if m["role"] == "user"]
    assert first == messages[:1]  # it was there when the LLM was asked, and stayed
    assert [turn.expression for turn in turns] == ["sad", "angry"]
    assert {estimate.trigger for estimate in estimates} == {"interval"}
    assert len({estimate.turn for estimate in estimates}) == 2


def sound(samples):
    pcm = (samples * 32767).astype(np.int16)
    chunks = np.array_split(pcm, max(1, len(pcm) // 320))
    return [InputAudioRawFrame(chunk.tobytes(), RATE, 1) for chunk in chunks]


def asked(*frames, settings=LONG, context=None, pool=None, **recognition):
    """Send frames to a processor alone; return the context and the frames that it passed on."""
    context = context or LLMContext()
    processor = EmotionProcessor(settings, pool, **recognition)
    passed, _ = asyncio.run(run_test(processor, frames_to_send=list(frames), start_timeout=120))
    assert [type(frame) for frame in passed] == [type(frame) for frame in frames]
    return [message["content"] for message in context.messages]


def said(context, text, speculation=False):
    """What an aggregator sends when it has written what the user said."""
    context.add_message({"role": "user", "content": text})
    return [LLMContextUserTurnFrame(text, ""), LLMContextFrame(context)]


def test_the_text_may_be_a_sentence(pool):
    context = LLMContext()
    settings = EmotionSettings(form=SENTENCE, wait_s=10)
    turn = [*sound(demo("4-angry.flac")), *said(context, "Go!")]
    (found,) = asked(*turn, settings=settings, context=context, pool=pool)
    assert re.fullmatch(r"\(The user sounded \w+, \d\d% sure\.\) Go!", found)


def test_a_turn_that_is_too_short_to_be_judged_gets_no_emotion(pool):
    shout = demo("4-angry.flac")[round(0.5 * RATE) : round(1.0 * RATE)]
    for settings, expected in (
        (LONG, "Hey!"),
        (EmotionSettings(unsure=SAY, wait_s=10), "([emotion unclear=1.00]) Hey!"),
    ):
        context = LLMContext()
        turn = [*sound(np.concatenate([silence(1), shout, silence(0.3)])), *said(context, "Hey!")]
        assert asked(*turn, settings=settings, context=context, pool=pool) == [expected]


def test_typed_text_and_the_answers_of_tools_get_no_emotion(pool):
    context = LLMContext()
    settings = EmotionSettings(unsure=SAY, wait_s=10)
    typed = said(context, "typed")
    found = asked(*typed, LLMContextFrame(context), LLMRunFrame(), settings=settings,
                  context=context, pool=pool)  # fmt: skip
    assert found == ["typed"]


def test_the_emotion_of_a_turn_waits_for_the_message_of_that_turn(pool):
    """An LLM that is asked for another reason meanwhile, as after a tool, gets no emotion."""
    context = LLMContext([{"role": "user", "content": "before"}])
    turn = sound(demo("4-angry.flac"))
    found = asked(*turn, LLMContextFrame(context), context=context, pool=pool)
    assert found == ["before"]


def test_an_answer_that_is_prepared_before_the_turn_is_over_has_its_emotion_so_far(pool):
    """The copy of the context that Pipecat asks with, and later the context itself."""
    copy = LLMContext([{"role": "user", "content": "Go!"}])
    context = LLMContext()
    turn = sound(demo("4-angry.flac"))
    early = LLMContextFrame(copy, speculation=True)
    (found,) = asked(*turn, early, *said(context, "Go!"), context=context, pool=pool)
    assert MARK.match(found)
    assert copy.messages[0]["content"] == found


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (BotStartedSpeakingFrame, BotStoppedSpeakingFrame),
        (UserMuteStartedFrame, UserMuteStoppedFrame),
    ],
)
def test_sound_is_ignored_while_the_bot_speaks_or_the_user_is_muted(start, stop, pool):
    context = LLMContext()
    spoken = sound(demo("4-angry.flac"))
    turn = [start(), *spoken, stop(), *said(context, "Go!")]
    processor = EmotionProcessor(LONG, pool)
    estimates = []
    processor.add_event_handler("on_estimate", lambda _, estimate: estimates.append(estimate))

    async def talk():
        # Frames are sent one after another, but muting acts on what is analysed from now on.
        await run_test(processor, frames_to_send=[*turn], start_timeout=120)

    asyncio.run(talk())
    assert not any(MARK.match(message["content"]) for message in context.messages)
    assert estimates == []


def test_settings_that_cannot_be_used_are_named(pool):
    with pytest.raises(InputError, match="form: found 'json'; accepted are perception and sent"):
        EmotionSettings(form="json")
    with pytest.raises(InputError, match="model: found together with a pool"):
        EmotionProcessor(LONG, pool, model="tiny")


def test_two_turns_with_the_same_words_keep_their_own_emotions(pool):
    """The first was answered by speculation, so that the second's answer marks both."""
    context = LLMContext()
    said(context, "Yes.")
    said(context, "Yes.")

    async def emotion(label):
        return TurnEmotion(label, 0.9, {label: 0.9}, "", 0.0, 1.0)

    async def mark():
        processor = EmotionProcessor(LONG, pool)
        for label in ("sad", "angry"):
            task = asyncio.create_task(emotion(label))
            processor._unmarked.append(("Yes.", task))
        await processor._mark_all(context)

    asyncio.run(mark())
    found = [message["content"] for message in context.messages]
    assert found == ["([emotion sad=0.90]) Yes.", "([emotion angry=0.90]) Yes."]
