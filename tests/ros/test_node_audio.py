"""Audio sources of the node, and its diagnostics when the audio cannot be used.

Audio messages come from a real publisher, the sound of the microphone from a PulseAudio server.
Tests of the audio_common_msgs that is not installed are skipped.
"""

from __future__ import annotations

import json
import re
import time
from array import array
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from pulse import PulseServer
from ros_graph import AudioPublisher, SimulatedClock, audio_kinds, diagnosis, node, stamp_s, types
from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import AUDIO_TYPES, message_class

pytestmark = pytest.mark.ros

RATE_HZ = 16_000
TOO_LARGE_MB = 100


@pytest.fixture
def sentence(speech):
    """One turn, and enough silence to end it; (n,)."""
    return np.pad(speech, (0, RATE_HZ))


@pytest.fixture
def received(observer):
    """Utterances, details and diagnostics, as lists that fill with messages."""
    expression, _, string, _, diagnostics = types()
    return (
        observer.subscribe("emotion/utterance", expression),
        observer.subscribe("emotion/details", string),
        observer.subscribe("/diagnostics", diagnostics),
    )


def listening(tmp_path, model, kind=None, **parameters):
    """Run the node on a topic of audio."""
    kind = kind or audio_kinds()[-1]
    return node(tmp_path, source="topic", audio_type=kind, model=str(model), **parameters)


def last_report_has(reports, text, level):
    """Whether the newest report has this level, and a message that contains this text."""
    newest = diagnosis(reports)
    return newest is not None and text in newest[1] and newest[0] == level


@pytest.mark.parametrize("best_effort", [True, False], ids=["best effort", "reliable"])
@pytest.mark.parametrize("kind", ["AudioData", "AudioDataStamped", "AudioStamped"])
def test_emotions_in_audio_messages_are_recognised(
    observer, received, tmp_path, tiny_model, sentence, kind, best_effort
):
    if kind not in audio_kinds():
        pytest.skip(f"the installed audio_common_msgs has {', '.join(audio_kinds())}")
    utterances, details, _ = received
    publisher = AudioPublisher(observer, sentence, kind, best_effort=best_effort)
    with listening(tmp_path, tiny_model, kind):
        before_s = time.time()
        publisher.play()
        observer.wait(lambda: utterances)
    assert before_s < stamp_s(utterances[0]) < time.time()
    utterance = json.loads(details[-1].data)
    assert utterance["trigger"] == "utterance"
    assert stamp_s(utterances[0]) == pytest.approx(utterance["end_s"], abs=0.01)
    assert utterance["end_s"] - utterance["start_s"] == pytest.approx(3.5, abs=0.6)


def test_the_sample_rate_may_change_during_a_stream(
    observer, received, tmp_path, tiny_model, sentence
):
    from audio_common_msgs.msg import AudioInfo

    utterances, details, _ = received
    kind = audio_kinds()[-1]
    resampled = soxr.resample(sentence, RATE_HZ, 48_000)
    slow = AudioPublisher(observer, sentence, kind)
    fast = AudioPublisher(observer, np.stack([resampled] * 2, axis=1), kind, rate_hz=48_000)
    with listening(tmp_path, tiny_model, kind):
        slow.play()
        observer.wait(lambda: len(utterances) == 1)
        if kind != "AudioStamped":  # every message of which holds its format
            announcer = observer.node.create_publisher(AudioInfo, "audio_info", 10)
            observer.wait(lambda: announcer.get_subscription_count() > 0)
            about = dict(sample_rate=48_000, channels=2, sample_format="S16LE")
            announcer.publish(AudioInfo(coding_format="WAVE", **about))
            observer.spin(0.5)
        fast.play()
        observer.wait(lambda: len(utterances) == 2)
    turns = [json.loads(message.data) for message in details]
    first, second = (turn for turn in turns if turn["trigger"] == "utterance")
    lengths = [turn["end_s"] - turn["start_s"] for turn in (first, second)]
    assert lengths[1] == pytest.approx(lengths[0], abs=0.1)
    assert second["level_dbfs"] == pytest.approx(first["level_dbfs"], abs=0.5)


def needs_bytes():
    """Skip where the installed audio_common_msgs announces no format."""
    if "AudioDataStamped" not in audio_kinds():
        pytest.skip("the installed audio_common_msgs holds the format in every message")


@pytest.mark.parametrize(
    ("remaps", "audio", "audio_info"),
    [
        (["audio:=/robot/mic/audio_stamped"], "/robot/mic/audio_stamped", "/robot/mic/audio_info"),
        (["audio:=/mic/audio", "audio_info:=/format"], "/mic/audio", "/format"),
        (["audio_info:=format"], "/audio", "/format"),
        (["__ns:=/robot1"], "/robot1/audio", "/robot1/audio_info"),
    ],
)
def test_the_format_is_announced_beside_the_topic_wherever_that_is(
    observer, tmp_path, tiny_model, sentence, remaps, audio, audio_info
):
    """audio_capture with six channels of 24 bits at 48 kHz: speech is on channel 4."""
    needs_bytes()
    from audio_common_msgs.msg import AudioInfo

    namespace = "/robot1" if "__ns:=/robot1" in remaps else ""
    utterances = observer.subscribe(f"{namespace}/emotion/utterance", types()[0])
    channels = np.zeros((3 * len(sentence), 6), np.float32)
    channels[:, 4] = soxr.resample(sentence, RATE_HZ, 48_000)
    whole = np.round(channels * (2**23 - 1)).astype("<i4")
    packed = whole.view(np.uint8).reshape(len(whole), 6, 4)[:, :, :3]
    publisher = AudioPublisher(observer, sentence, "AudioDataStamped", topic=audio)
    with node(tmp_path, *remaps, source="topic", model=str(tiny_model), channel="4"):
        publisher.wait_for_subscriber()
        announcer = observer.node.create_publisher(AudioInfo, audio_info, 1)
        observer.wait(lambda: announcer.get_subscription_count() > 0)
        about = dict(sample_rate=48_000, channels=6, sample_format="S24LE")
        announcer.publish(AudioInfo(coding_format="wave", **about))
        observer.spin(0.5)
        started = time.monotonic()
        for start in range(0, len(packed), 1536):
            observer.spin(max(0.0, started + start / 48_000 - time.monotonic()))
            publisher.send(packed[start : start + 1536].tobytes())
        observer.wait(lambda: utterances)
    assert "no whole number" not in (tmp_path / "log").read_text()


def test_channels_above_8_of_a_topic_can_be_chosen_and_auto_finds_them(
    observer, received, tmp_path, tiny_model, sentence
):
    utterances, _, reports = received
    kind = audio_kinds()[-1]
    sound = np.random.default_rng(0).standard_normal((len(sentence), 16)) * 0.05
    sound[:, 12] = sentence
    publisher = AudioPublisher(observer, sound.astype(np.float32), kind)
    parameters = dict(audio_channels=16) if kind != "AudioStamped" else {}
    for count, channel in enumerate(("12", "auto"), start=1):
        with listening(tmp_path, tiny_model, kind, channel=channel, **parameters):
            publisher.play(block_s=0.01)
            observer.wait(lambda n=count: len(utterances) == n)
            observer.wait(lambda: values(reports)["channel"] == "12")
    assert "channel 12 of 16 selected" in (tmp_path / "log").read_text()


def values(reports):
    """Values of the newest report on speech emotion."""
    statuses = [status for report in reports for status in report.status]
    newest = [status for status in statuses if "speech emotion" in status.name][-1]
    return {value.key: value.value for value in newest.values}


def test_a_buffer_of_naoqi_is_recognised(observer, received, tmp_path, tiny_model, sentence):
    """Four microphones of a Pepper at 48 kHz, in blocks of 85 ms; speech is on the third."""
    messages = pytest.importorskip("naoqi_bridge_msgs.msg")
    utterances, details, _ = received
    sound = np.zeros((3 * len(sentence), 4), np.int16)
    sound[:, 2] = soxr.resample(sentence, RATE_HZ, 48_000) * 2**15
    publisher = observer.node.create_publisher(messages.AudioBuffer, "audio", 10)
    with listening(tmp_path, tiny_model, "AudioBuffer", channel="2"):
        observer.wait(lambda: publisher.get_subscription_count() > 0)
        started = time.monotonic()
        for start in range(0, len(sound), 4096):
            part = sound[start : start + 4096]
            observer.spin(max(0.0, started + (start + len(part)) / 48_000 - time.monotonic()))
            message = messages.AudioBuffer(frequency=48_000, channel_map=[3, 5, 0, 2])
            message.header.stamp = observer.node.get_clock().now().to_msg()
            message.data = array("h", part.tobytes())
            publisher.publish(message)
        observer.wait(lambda: utterances)
    utterance = json.loads(details[-1].data)
    assert utterance["end_s"] - utterance["start_s"] == pytest.approx(3.5, abs=0.6)


def test_a_message_type_that_is_not_installed_fails_activation_with_one_line(
    observer, tmp_path, tiny_model
):
    missing = next(kind for kind in AUDIO_TYPES if not is_installed(kind))
    with listening(tmp_path, tiny_model, missing) as process:
        observer.wait(lambda: "[ERROR]" in (tmp_path / "log").read_text())
        assert process.poll() is None
    errors = [line for line in (tmp_path / "log").read_text().splitlines() if "[ERROR]" in line]
    assert len(errors) == 1
    assert f"audio_type: {missing} needs" in errors[0] or f"found {missing}; acc" in errors[0]
    assert "Traceback" not in (tmp_path / "log").read_text()


def is_installed(kind):
    try:
        return bool(message_class(kind))
    except InputError:
        return False


def test_a_bag_that_is_replayed_twice_is_recognised_twice(
    observer, received, tmp_path, tiny_model, sentence
):
    utterances, *_ = received
    clock = SimulatedClock(observer)
    publisher = AudioPublisher(observer, sentence, clock=clock.now_s)
    with listening(tmp_path, tiny_model, use_sim_time=True):
        publisher.wait_for_subscriber()
        for count in (1, 2):
            clock.start_at(1000.0)
            publisher.play()
            observer.wait(lambda n=count: len(utterances) == n)
    stamps = [stamp_s(message) for message in utterances]
    assert stamps[0] == pytest.approx(1000.0 + len(sentence) / RATE_HZ, abs=2.0)
    assert stamps[1] == pytest.approx(stamps[0], abs=0.2)


def test_mp3_bytes_are_reported_once_and_the_node_continues(
    observer, received, tmp_path, tiny_model, sentence
):
    if "AudioDataStamped" not in audio_kinds():
        pytest.skip("the installed audio_common_msgs carries no bytes")
    utterances, _, reports = received
    mp3 = tmp_path / "speech.mp3"
    soundfile.write(mp3, sentence, RATE_HZ)
    publisher = AudioPublisher(observer, sentence)
    with listening(tmp_path, tiny_model) as process:
        publisher.wait_for_subscriber()
        for _ in range(25):
            publisher.send(mp3.read_bytes()[:2000])
            observer.spin(0.1)
        observer.wait(lambda: last_report_has(reports, "MP3", level=2))
        publisher.play()
        observer.wait(lambda: utterances)
        observer.wait(lambda: last_report_has(reports, "", level=0))
        assert process.poll() is None
    assert (tmp_path / "log").read_text().count("MP3") == 1


def test_a_message_that_is_too_large_is_left_out_and_takes_little_memory(
    observer, received, tmp_path, tiny_model, sentence
):
    needs_bytes()
    utterances, _, reports = received
    publisher = AudioPublisher(observer, sentence, best_effort=False)
    reliable = {"qos_overrides./audio.subscription.reliability": "reliable"}
    # glibc keeps the memory in which DDS has received the parts of large messages otherwise.
    given_back = {"MALLOC_MMAP_THRESHOLD_": "131072"}
    with listening(tmp_path, tiny_model, environment=given_back, **reliable) as process:
        publisher.wait_for_subscriber()
        publisher.send(sentence[:RATE_HZ].astype("<i2").tobytes())
        observer.wait(lambda: "sound arrives" in (tmp_path / "log").read_text())
        before_mb = memory_mb(process, "VmRSS")
        publisher.send(bytes(TOO_LARGE_MB * 2**20))
        observer.wait(lambda: last_report_has(reports, "audio: found a message of ", level=2))
        # What DDS receives, and its copy for rclpy; the rest is what listening allocates.
        assert memory_mb(process, "VmHWM") - before_mb < 2.6 * TOO_LARGE_MB
        publisher.play()
        observer.wait(lambda: utterances)
        observer.wait(lambda: last_report_has(reports, "", level=0))
    log = (tmp_path / "log").read_text()
    assert log.count(f"audio: found a message of {TOO_LARGE_MB}.0 MiB; accepted are up to") == 1


def memory_mb(process, name):
    """Memory of a process: VmRSS, what it holds, or VmHWM, the most that it has held."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024


def test_stereo_declared_as_mono_is_reported(observer, received, tmp_path, tiny_model, sentence):
    needs_bytes()
    *_, reports = received
    stereo = np.repeat(np.tile(sentence, 2), 2)  # interleaved: twice the samples each second
    publisher = AudioPublisher(observer, stereo, rate_hz=2 * RATE_HZ)
    with listening(tmp_path, tiny_model) as process:
        publisher.play()
        observer.wait(lambda: last_report_has(reports, "stereo declared as mono", level=2))
        assert process.poll() is None


def test_a_topic_of_another_type_is_reported(observer, received, tmp_path, tiny_model):
    from std_msgs.msg import String

    *_, reports = received
    observer.node.create_publisher(String, "audio", 10)
    with listening(tmp_path, tiny_model):
        observer.wait(lambda: last_report_has(reports, "std_msgs/msg/String", level=2))
    assert audio_kinds()[-1] in diagnosis(reports)[1]


def test_a_publisher_that_dies_is_reported_and_may_come_back(
    observer, received, tmp_path, tiny_model, sentence
):
    utterances, _, reports = received
    publisher = AudioPublisher(observer, sentence)
    with listening(tmp_path, tiny_model):
        publisher.play()
        observer.wait(lambda: last_report_has(reports, "is its publisher alive", level=2))
        observer.spin(2.0)
        publisher.play()
        observer.wait(lambda: len(utterances) == 2)
        observer.wait(lambda: last_report_has(reports, "", level=0))
    log = (tmp_path / "log").read_text()
    assert log.count("is its publisher alive") == 1


def test_a_publisher_that_dies_during_speech_ends_the_turn(
    observer, received, tmp_path, tiny_model, sentence
):
    utterances, *_ = received
    speaking = observer.subscribe("is_speaking", types()[3], latched=True)
    cut = AudioPublisher(observer, sentence[: round(2.5 * RATE_HZ)])
    whole = AudioPublisher(observer, sentence)
    with listening(tmp_path, tiny_model):
        cut.play()
        died_s = time.time()
        assert speaking[-1].data and not utterances
        observer.wait(lambda: utterances)
        observer.wait(lambda: not speaking[-1].data)
        assert time.time() - died_s < 6.0
        assert stamp_s(utterances[0]) == pytest.approx(died_s, abs=0.3)
        whole.play()
        observer.wait(lambda: len(utterances) == 2)
    assert stamp_s(utterances[1]) > died_s + 3.0


def test_a_channel_that_is_missing_for_a_while_is_waited_for(
    observer, received, tmp_path, tiny_model, sentence
):
    """A topic may be mono until its publisher announces another format."""
    from audio_common_msgs.msg import AudioInfo

    utterances, _, reports = received
    kind = audio_kinds()[-1]
    mono = AudioPublisher(observer, sentence, kind)
    stereo = AudioPublisher(observer, np.stack([sentence] * 2, axis=1), kind)
    with listening(tmp_path, tiny_model, kind, channel="1"):
        mono.play()
        observer.wait(
            lambda: last_report_has(reports, "channel 1: number of channels found: 1", level=2)
        )
        if kind != "AudioStamped":
            announcer = observer.node.create_publisher(AudioInfo, "audio_info", 10)
            observer.wait(lambda: announcer.get_subscription_count() > 0)
            about = dict(sample_rate=RATE_HZ, channels=2, sample_format="S16LE")
            announcer.publish(AudioInfo(coding_format="WAVE", **about))
            observer.spin(0.5)
        assert not utterances
        stereo.play()
        observer.wait(lambda: utterances)


def test_nothing_is_recognised_while_the_robot_speaks(
    observer, received, tmp_path, tiny_model, sentence
):
    from std_msgs.msg import Bool

    _, details, reports = received
    robot = observer.node.create_publisher(Bool, "robot_speaking", 10)
    publisher = AudioPublisher(observer, sentence)
    with listening(tmp_path, tiny_model):
        observer.wait(lambda: robot.get_subscription_count() > 0)
        robot.publish(Bool(data=True))
        publisher.play()
        assert details == []
        observer.wait(lambda: last_report_has(reports, "does not listen", level=0))
        robot.publish(Bool(data=False))
        publisher.play()
        observer.wait(lambda: details)


def test_without_a_microphone_the_node_is_active_and_reports_an_error(
    observer, received, tmp_path, tiny_model
):
    *_, reports = received
    nowhere = {"PULSE_SERVER": "none", "HOME": str(tmp_path)}
    with node(tmp_path, environment=nowhere, model=str(tiny_model)) as process:
        observer.wait(
            lambda: any(last_report_has(reports, part, 2) for part in ("microphone", "PortAudio"))
        )
        assert process.poll() is None


@pytest.mark.microphone
def test_a_microphone_that_is_lost_is_reported_and_may_come_back(
    observer, received, tmp_path, tiny_model, speech_path
):
    utterances, _, reports = received
    with PulseServer() as server:
        server.add_sink("robot")
        with node(tmp_path, environment=server.env, model=str(tiny_model)):
            observer.wait(lambda: last_report_has(reports, "", level=0))
            server.play(speech_path)
            observer.wait(lambda: len(utterances) == 1)
            server.remove_sinks()
            observer.wait(lambda: last_report_has(reports, "microphone", level=2))
            server.add_sink("robot")
            observer.wait(lambda: last_report_has(reports, "", level=0))
            server.play(speech_path)
            observer.wait(lambda: len(utterances) == 2)
    log = (tmp_path / "log").read_text()
    assert log.count("[ERROR]") == 1
    assert log.count("sound is back") == 1
