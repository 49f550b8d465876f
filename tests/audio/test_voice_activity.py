import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from paths import ROOT
from ser_stream.audio import voice_activity
from ser_stream.audio.voice_activity import (
    CONTEXT_LENGTH,
    FRAME_LENGTH,
    MODEL,
    DetectSpeech,
    VoiceActivities,
    VoiceActivity,
    detect_together,
)
from ser_stream.errors import InputError


def whole_signal_probabilities(samples):
    """silero-vad's other network file, which takes all frames of a signal at once."""
    found = importlib.util.find_spec("silero_vad")
    if found is None:  # in an environment without the tests' packages
        pytest.skip("no package silero_vad")
    package = found.submodule_search_locations[0]
    path = Path(package) / "data" / "silero_vad_16k_sequence.onnx"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    padded = np.concatenate([np.zeros(CONTEXT_LENGTH, np.float32), samples])
    length = CONTEXT_LENGTH + FRAME_LENGTH
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::FRAME_LENGTH]
    state = np.zeros((1, 1, 128), np.float32)
    feed = {"input": np.ascontiguousarray(frames), "h": state, "c": state}
    return session.run(None, feed)[0]


def frame_probabilities(voice_activity, samples):
    frames = samples.reshape(-1, FRAME_LENGTH)
    return np.array([voice_activity(frame) for frame in frames])


def test_probabilities_frame_by_frame_equal_those_of_the_whole_signal(speech):
    samples = speech[: len(speech) // FRAME_LENGTH * FRAME_LENGTH]
    expected = whole_signal_probabilities(samples)
    np.testing.assert_allclose(
        frame_probabilities(VoiceActivity(), samples), expected.ravel(), atol=1e-5
    )
    assert expected.max() > 0.9  # there is speech in it


def test_channels_together_get_the_probabilities_of_each_alone(speech):
    whole = speech[: len(speech) // FRAME_LENGTH * FRAME_LENGTH]
    channels = np.stack([whole, whole[::-1], np.roll(whole, 40 * FRAME_LENGTH)])
    activities = VoiceActivities(3)
    frames = channels.reshape(3, -1, FRAME_LENGTH).swapaxes(0, 1)
    together = np.array([activities(frame) for frame in frames]).T
    alone = [frame_probabilities(VoiceActivity(), samples) for samples in channels]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_streams_together_get_the_probabilities_of_each_alone(speech):
    whole = speech[: len(speech) // FRAME_LENGTH * FRAME_LENGTH]
    streams = [whole, whole[::-1].copy(), np.roll(whole, 40 * FRAME_LENGTH)]
    activities = [VoiceActivity() for _ in streams]
    together = [
        detect_together(list(map(DetectSpeech, activities, frames)))
        for frames in zip(*(samples.reshape(-1, FRAME_LENGTH) for samples in streams), strict=True)
    ]
    alone = [frame_probabilities(VoiceActivity(), samples) for samples in streams]
    np.testing.assert_allclose(np.transpose(together), alone, atol=1e-5)


def test_reset_clears_the_state_of_the_network(speech):
    voice_activity = VoiceActivity()
    samples = speech[: 20 * FRAME_LENGTH]
    first = frame_probabilities(voice_activity, samples)
    voice_activity.reset_states()
    np.testing.assert_array_equal(frame_probabilities(voice_activity, samples), first)


def test_noise_and_silence_are_no_speech():
    rng = np.random.default_rng(0)
    noise = 0.05 * rng.standard_normal(100 * FRAME_LENGTH).astype(np.float32)
    assert frame_probabilities(VoiceActivity(), noise)[10:].max() < 0.5
    assert frame_probabilities(VoiceActivity(), np.zeros_like(noise)).max() < 0.5


def test_torch_is_not_imported():
    import subprocess
    import sys

    code = (
        "import numpy, sys; from ser_stream.audio.voice_activity import VoiceActivity; "
        "VoiceActivity()(numpy.zeros(512, 'float32')); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/statm")
def test_onnxruntime_leaks_no_memory_over_a_hundred_thousand_frames():
    """Per frame, even the smallest allocation that is not freed (32 bytes) would add 2.9 MB."""
    code = (
        "import resource\n"
        "import numpy\n"
        "from ser_stream.audio.voice_activity import FRAME_LENGTH, VoiceActivity\n"
        "def resident_bytes():\n"
        "    pages = int(open('/proc/self/statm').read().split()[1])\n"
        "    return pages * resource.getpagesize()\n"
        "rng = numpy.random.default_rng(0)\n"
        "frames = 0.1 * rng.standard_normal((100, FRAME_LENGTH)).astype(numpy.float32)\n"
        "voice_activity = VoiceActivity()\n"
        "for i in range(100_000):\n"
        "    if i == 10_000:\n"
        "        before = resident_bytes()\n"
        "    voice_activity(frames[i % 100])\n"
        "print(resident_bytes() - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 1_000_000


def test_the_network_is_the_file_that_its_notice_names():
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert f"SHA-256: {digest}" in (MODEL.parent / "NOTICE").read_text()


def test_another_network_than_the_package_came_with_is_refused(tmp_path, monkeypatch):
    other = tmp_path / "silero_vad_16k.onnx"
    other.write_bytes(MODEL.read_bytes()[:-1])
    monkeypatch.setattr(voice_activity, "MODEL", other)
    voice_activity._session.cache_clear()
    try:
        with pytest.raises(InputError, match=f"{other}: SHA-256 is .*, ser_stream has 56aa50a58d"):
            VoiceActivity()(np.zeros(512, np.float32))
    finally:
        voice_activity._session.cache_clear()


def test_the_network_is_found_without_the_package_silero_vad():
    code = (
        "import sys; sys.modules['silero_vad'] = None\n"
        "from ser_stream.audio.voice_activity import VoiceActivity; VoiceActivity()\n"
        "print('torch' in sys.modules)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert run.stdout == "False\n", run.stderr
