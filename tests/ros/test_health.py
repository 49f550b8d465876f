import dataclasses
import re

import pytest

from estimates import estimate
from ser_stream.asr.worker import AsrStatus
from ser_stream.ros.health import ERROR, OK, WARN, Health, asr_report
from ser_stream.stream.status import StreamStatus


def levels(*statuses):
    health = Health()
    return [health.report(status)[:2] for status in statuses]


def test_sound_that_arrives_is_ok():
    assert levels(StreamStatus(), StreamStatus(1.0), StreamStatus(2.0)) == [(OK, "listening")] * 3


def test_no_sound_is_an_error_until_there_is_some():
    reports = levels(
        *[StreamStatus(1.0)] * (Health.MAX_REPORTS_WITHOUT_SOUND + 2), StreamStatus(2.0)
    )
    assert reports[-2:] == [(ERROR, "no sound arrives"), (OK, "listening")]


def test_messages_that_last_over_a_second_are_ok():
    statuses = [StreamStatus(position_s) for position_s in (1.0, 1.0, 3.0, 3.0, 3.0, 6.0)]
    assert levels(*statuses) == [(OK, "listening")] * 6


def test_a_muted_stream_is_reported_and_is_a_warning_after_a_minute():
    """The node that published robot_speaking: true may have died."""
    reports = levels(
        *(StreamStatus(float(i), muted=i > 0) for i in range(Health.MAX_MUTED_REPORTS + 2))
    )
    assert reports[0] == (OK, "listening")
    assert reports[1] == (
        OK,
        "does not listen, for 1 s: robot_speaking is true, or enabled is false",
    )
    assert [level for level, _ in reports] == [OK] * (Health.MAX_MUTED_REPORTS + 1) + [WARN]
    assert Health().report(StreamStatus(muted=True))[2]["muted"] == "True"


def test_a_source_that_is_being_opened_is_no_error_for_a_while():
    opening = levels(*[StreamStatus()] * (Health.MAX_REPORTS_BEFORE_SOUND + 2), StreamStatus(1.0))
    assert opening[1:-2] == [(WARN, "no sound yet")] * Health.MAX_REPORTS_BEFORE_SOUND
    assert opening[-2:] == [(ERROR, "no sound arrives"), (OK, "listening")]


def test_messages_that_are_left_out_are_a_warning_once():
    health = Health()
    reports = [health.report(StreamStatus(float(n)), left_out=n // 2) for n in range(5)]
    assert [report[:2] for report in reports[1:]] == [
        (OK, "listening"),
        (WARN, "1 messages of audio left out"),
        (OK, "listening"),
        (WARN, "1 messages of audio left out"),
    ]
    assert reports[-1][2]["messages left out"] == "2"


def test_the_error_of_a_source_is_quoted():
    assert levels(StreamStatus(1.0, source="microphone: unplugged")) == [
        (ERROR, "microphone: unplugged")
    ]


def test_estimates_that_are_withheld_are_an_error():
    failing = StreamStatus(2.0, failed_windows=2)
    assert levels(StreamStatus(1.0), failing, StreamStatus(3.0, failed_windows=2)) == [
        (OK, "listening"),
        (ERROR, "2 estimates withheld: the model fails; the log says how"),
        (OK, "listening"),
    ]


def test_losses_are_a_warning_once():
    lost = StreamStatus(2.0, skipped=2, gaps=1, bad_samples=3)
    _, warning, after = levels(
        StreamStatus(1.0), lost, StreamStatus(3.0, skipped=2, gaps=1, bad_samples=3)
    )
    assert warning[0] == WARN
    assert "2 windows skipped" in warning[1]
    assert "1 gaps" in warning[1]
    assert "3 samples that are NaN or infinite" in warning[1]
    assert after == (OK, "listening")


def test_what_a_microphone_lost_is_a_warning_and_stays_in_the_values():
    health = Health()
    health.report(StreamStatus(1.0))
    lost = StreamStatus(2.0, dropped_s=0.064, dropped_blocks=2, overflows=3, reconnects=1)
    level, message, values = health.report(lost)
    assert level == WARN
    assert "2 blocks of sound dropped" in message
    assert "3 overflows of the microphone" in message
    assert "1 reconnects of the microphone" in message
    assert health.report(dataclasses.replace(lost, position_s=3.0))[:2] == (OK, "listening")
    assert (values["dropped blocks"], values["overflows"], values["reconnects"]) == ("2", "3", "1")


def test_a_microphone_without_signal_is_a_warning_until_it_recovers():
    dead = StreamStatus(2.0, sound="no signal: the microphone is muted", no_signal=True)
    assert levels(StreamStatus(1.0), dead, dataclasses.replace(dead, position_s=3.0)) == [
        (OK, "listening"),
        *[(WARN, "no signal: the microphone is muted")] * 2,
    ]
    assert levels(dead, StreamStatus(3.0))[1] == (OK, "listening")


def test_what_the_sound_has_and_is_dealt_with_is_said_without_a_warning():
    status = StreamStatus(2.0, sound="large DC offset: -20 dBFS")
    assert levels(StreamStatus(1.0), status)[1] == (OK, "listening; large DC offset: -20 dBFS")
    assert Health().report(status)[2]["sound"] == "large DC offset: -20 dBFS"
    assert Health().report(StreamStatus())[2]["sound"] == "good"


def test_a_new_stream_counts_from_zero_without_a_warning():
    assert levels(StreamStatus(9.0, gaps=2), StreamStatus(1.0))[1] == (OK, "listening")


def test_a_report_has_values():
    health = Health()
    for latency_ms in (10.0, 20.0, 30.0):
        health.add(estimate(latency_ms=latency_ms))
    values = health.report(StreamStatus(12.34, -20.0, True, windows=3))[2]
    assert values["latency p50 (ms)"] == "20.0"
    assert values["latency p99 (ms)"] == "29.8"  # 20 + 0.98 * 10
    assert values["audio position (s)"] == "12.3"
    assert values["speaking"] == "True"
    assert re.fullmatch(r"interval, \d+ s ago", values["last estimate"])


def test_latency_is_of_audio_intervals_only():
    health = Health()
    health.add(estimate(latency_ms=10.0))
    health.add(estimate(latency_ms=900.0, modality="audio+text"))
    health.add(estimate(latency_ms=900.0, trigger="utterance"))
    assert health.report(StreamStatus())[2]["latency p99 (ms)"] == "10.0"


@pytest.mark.parametrize(
    ("state", "reason", "level", "message"),
    [
        ("starting", "", OK, "starting"),
        ("ready", "", OK, "ready"),
        ("slow", "slower than speech", WARN, "slow: slower than speech"),
        ("restarting", "exit code 1", ERROR, "restarting: exit code 1"),
    ],
)
def test_the_report_on_speech_recognition(state, reason, level, message):
    found = asr_report(AsrStatus(state, reason, rtf=0.25, restarts=2, skipped=3))
    assert found[:2] == (level, message)
    assert found[2] == {
        "state": state,
        "reason": reason,
        "real-time factor": "0.25",
        "restarts": "2",
        "skipped requests": "3",
    }


def test_a_text_model_that_failed_is_an_error():
    assert asr_report(AsrStatus("ready"), "no memory")[:2] == (ERROR, "text model: no memory")
