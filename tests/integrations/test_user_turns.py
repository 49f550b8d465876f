"""What the adapters of voice agents share."""

from __future__ import annotations

import asyncio
import logging
import threading

import numpy as np
import pytest

from estimates import estimate
from ser_stream import InputError, StreamPool
from ser_stream.integrations import user_turns
from ser_stream.integrations.user_turns import (
    EXPLANATIONS,
    OMIT,
    PERCEPTION,
    SAY,
    SENTENCE,
    EmotionSettings,
    TurnEmotion,
    UserTurns,
)

RATE = 16_000


def utterance(scores, start_s=0.0, end_s=2.0, reason="", speech_ratio=1.0):
    likeliest = max(scores, key=scores.get)
    return estimate(
        trigger="utterance", start_s=start_s, end_s=end_s, speech_ratio=speech_ratio, reason=reason,
        expression="" if reason else likeliest, confidence=scores[likeliest], scores=scores,
    )  # fmt: skip


SAD = {"sad": 0.7, "neutral": 0.25, "happy": 0.05}
HAPPY = {"sad": 0.1, "neutral": 0.1, "happy": 0.8}


def test_the_emotion_of_a_turn_is_the_mean_of_its_utterances_by_seconds_of_speech():
    found = TurnEmotion.of(
        [utterance(SAD, 0, 6, speech_ratio=0.5), utterance(HAPPY, 7, 8), utterance(HAPPY, 9, 9.5,
         reason="short")]
    )  # fmt: skip
    assert found.scores == pytest.approx({"sad": 0.55, "neutral": 0.2125, "happy": 0.2375})
    assert (found.expression, found.reason) == ("sad", "")
    assert found.confidence == pytest.approx(0.55)
    assert (found.start_s, found.end_s) == (0, 9.5)


def test_no_emotion_is_clear_where_no_utterance_names_one():
    found = TurnEmotion.of(
        [utterance(SAD, 0, 0.5, reason="short"), utterance(HAPPY, 1, 3, reason="unsure")]
    )
    assert (found.expression, found.reason) == ("", "unsure")
    assert found.scores == HAPPY and found.confidence == 0.8
    assert TurnEmotion.of([]) is None


@pytest.mark.parametrize(
    ("form", "clear", "unclear"),
    [
        (PERCEPTION, "([emotion sad=0.70, neutral=0.25])", "([emotion unclear=1.00])"),
        (SENTENCE, "(The user sounded sad, 70% sure.)", "(No clear emotion in the user's voice.)"),
    ],
)
def test_text_at_the_head_of_a_message(form, clear, unclear):
    sad = TurnEmotion.of([utterance(SAD)])
    unsure = TurnEmotion.of([utterance(SAD, reason="unsure")])
    for wanted in (SAY, OMIT):
        settings = EmotionSettings(form=form, unsure=wanted)
        assert sad.text(settings) == clear
        assert unsure.text(settings) == (unclear if wanted == SAY else "")
    assert clear.split()[0] in EXPLANATIONS[form] or form == SENTENCE


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(form="xml"), "form: found 'xml'; accepted are perception and sentence"),
        (dict(unsure=None), "unsure: found None; accepted are omit and say"),
        (dict(mute="no"), "mute: found 'no'; accepted are True and False"),
        (dict(wait_s=0), "wait_s: found 0; accepted are 0.01 to 10 seconds"),
        (dict(wait_s=True), "wait_s: found True; accepted are"),
    ],
)
def test_settings_that_cannot_be_used_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        EmotionSettings(**settings)


@pytest.fixture(scope="module")
def pool():
    with StreamPool("tiny") as pool:
        yield pool


def pcm(samples):
    return (samples * 32767).astype(np.int16).tobytes()


def silence(seconds):
    return pcm(np.zeros(round(seconds * RATE), np.float32))


async def listening(pool, **options):
    settings = EmotionSettings(**{"wait_s": 10, **options})
    turns = UserTurns("user", settings, pool=pool)
    await turns.open()
    return turns


def test_each_turn_has_the_emotion_of_its_own_sound(pool, speech):
    async def talk():
        turns = await listening(pool)
        turns.started()
        turns.push(pcm(speech[: 3 * RATE]), RATE, 1)  # the user is cut off: no pause
        first = await turns.ended()
        nothing = await turns.ended()  # nobody has spoken since
        turns.started()
        turns.push(pcm(np.repeat(speech[3 * RATE :], 2)), RATE, 2)  # two equal channels
        turns.push(silence(1), RATE, 1)
        second = await turns.ended()
        await turns.close()
        return first, nothing, second

    first, nothing, second = asyncio.run(talk())
    assert nothing is None
    assert first.end_s == pytest.approx(3.0, abs=0.05)
    assert first.waited_ms > 0
    assert second.start_s >= 2.9
    assert first.scores != second.scores


def test_a_turn_that_may_go_on_is_joined_with_what_follows(pool, speech):
    async def talk():
        turns = await listening(pool)
        turns.push(pcm(speech[: 2 * RATE]), RATE, 1)
        early = await turns.so_far()
        turns.push(pcm(speech[2 * RATE : 4 * RATE]), RATE, 1)
        all_of_it = await turns.ended()
        await turns.close()
        return early, all_of_it

    early, all_of_it = asyncio.run(talk())
    assert early.start_s == all_of_it.start_s
    assert early.end_s == pytest.approx(2.0, abs=0.05)
    assert all_of_it.end_s == pytest.approx(4.0, abs=0.05)


def test_speech_long_before_a_turn_is_no_part_of_it(pool, speech):
    async def talk(pause_s):
        turns = await listening(pool)
        turns.push(pcm(speech), RATE, 1)
        turns.push(silence(pause_s), RATE, 1)
        turns.push(silence(pause_s), RATE, 1)
        await turns.so_far()  # all of that has been analysed
        turns.started()
        found = await turns.ended()
        await turns.close()
        return found

    assert asyncio.run(talk(0.2)) is not None
    assert asyncio.run(talk(2.0)) is None


def test_sound_is_ignored_while_muted(pool, speech):
    async def talk():
        turns = await listening(pool)
        turns.muted = True
        turns.push(pcm(speech), RATE, 1)
        turns.muted = False
        found = await turns.ended()
        await turns.close()
        return found

    assert asyncio.run(talk()) is None


def test_an_emotion_that_comes_too_late_is_no_part_of_the_next_turn(pool, speech, caplog):
    """The pool's thread is held up by another stream's receiver, as by a slow network."""
    held = threading.Event()
    with StreamPool("tiny") as slow:
        other = slow.open("other", lambda name, found: held.wait(60))

        async def talk():
            turns = await listening(slow, wait_s=0.05)
            other.push(speech, RATE)  # its first estimate holds up the pool
            other.end_turn(lambda: held.wait(60))
            turns.push(pcm(speech), RATE, 1)
            late = await turns.ended()
            held.set()
            turns.settings = EmotionSettings(wait_s=10)
            following = await turns.ended()
            await turns.close()
            return late, following

        assert asyncio.run(talk()) == (None, None)
    assert "user: the emotion of a turn was not known within 0.05 s; the agent answers" in (
        caplog.text
    )


def test_sound_that_cannot_be_used_is_left_out_and_logged_once(pool, caplog):
    async def talk():
        turns = await listening(pool)
        for _ in range(3):
            turns.push(silence(0.02), 1_000, 1)
        turns.push(b"123", RATE, 1)
        found = await turns.ended()
        await turns.close()
        turns.push(silence(0.02), RATE, 1)  # nobody listens any more
        return found, await turns.ended()

    with caplog.at_level(logging.WARNING, "ser_stream"):
        assert asyncio.run(talk()) == (None, None)
    assert caplog.text.count("user: sound of the user is left out: samples: sample rate 1000") == 1
    assert "buffer size must be a multiple" in caplog.text


def test_the_agent_goes_on_where_the_pool_has_ended(speech, caplog):
    async def talk(pool):
        turns = await listening(pool)
        pool.close()
        turns.push(pcm(speech), RATE, 1)
        found = await turns.ended()
        await turns.close()
        return found

    assert asyncio.run(talk(StreamPool("tiny"))) is None
    assert "it has ended" in caplog.text


def test_interval_estimates_are_reported_in_the_event_loop(speech):
    found = []

    async def talk():
        loop = asyncio.get_running_loop()
        turns = UserTurns(
            "user", EmotionSettings(wait_s=10),
            lambda estimate: found.append((estimate, asyncio.get_running_loop() is loop)),
            model="tiny",
        )  # fmt: skip
        await turns.open()
        turns.push(pcm(speech), RATE, 1)
        await turns.ended()
        await turns.close()

    asyncio.run(talk())
    assert found and all(in_loop for _, in_loop in found)
    assert {estimate.trigger for estimate, _ in found} == {"interval"}


def test_a_pool_and_settings_of_another_one_exclude_each_other(pool):
    with pytest.raises(InputError, match="hop_s: found together with a pool; accepted is one"):
        UserTurns("user", EmotionSettings(), pool=pool, hop_s=1.0)


def test_turns_that_are_opened_again_begin_anew(pool, speech):
    """The new stream has another clock; what was said before is no part of its turns."""

    async def talk():
        turns = await listening(pool)
        turns.push(pcm(speech), RATE, 1)
        await turns.so_far()
        await turns.close()
        await turns.open()
        turns.push(silence(0.5), RATE, 1)
        turns.started()
        found = await turns.ended()
        turns.push(pcm(speech), RATE, 1)
        turns.started()
        of_new_stream = await turns.ended()
        await turns.close()
        return found, of_new_stream

    nothing, found = asyncio.run(talk())
    assert nothing is None
    assert found.end_s == pytest.approx(0.5 + len(speech) / RATE, abs=1.0)


def test_an_opening_that_is_cancelled_leaves_nothing_behind_and_can_be_repeated(monkeypatch):
    """As LiveKit does where an agent is replaced while its model is loaded."""
    go_on, loaded = threading.Event(), []

    def slow(**settings):
        assert go_on.wait(60)
        loaded.append(StreamPool(**settings))
        return loaded[-1]

    monkeypatch.setattr(user_turns, "StreamPool", slow)

    async def talk():
        turns = UserTurns("user", EmotionSettings(), model="tiny")
        opening = asyncio.create_task(turns.open())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        go_on.set()
        await turns.open()
        turns.muted = True
        assert turns.muted  # there is a stream
        await turns.close()
        await turns.close()  # as where the opening failed: nothing happens

    asyncio.run(talk())
    assert len(loaded) == 2
    assert all(each.ended for each in loaded)
