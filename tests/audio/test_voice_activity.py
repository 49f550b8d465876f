import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime

from paths import ROOT
from ser_stream.audio.voice_activity import (
    CONTEXT_LENGTH,
    FRAME_LENGTH,
    MODEL,
    DetectSpeech,
    VoiceActivity,
    detect_together,
)


def whole_signal_probabilities(samples):
    """silero-vad's other network file, which takes all frames of a signal at once."""
    package = importlib.util.find_spec("silero_vad").submodule_search_locations[0]
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


def test_onnxruntime_writes_nothing_to_the_users_home(tmp_path):
    """Its telemetry would write a device id and a queue of events to the cache directory."""
    code = (
        "import numpy\n"
        "from ser_stream.audio.voice_activity import VoiceActivity\n"
        "print(VoiceActivity()(numpy.zeros(512, numpy.float32)))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    environment |= {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_network_is_the_file_that_its_notice_names():
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert f"SHA-256: {digest}" in (MODEL.parent / "NOTICE").read_text()


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
