"""Sound and models that several tests share.

Fixtures import what they need themselves: in ROS's own Python, tests that need none of it run.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from paths import SPOKEN


@pytest.fixture(scope="session")
def speech_path() -> Path:
    """A recording: one sentence between 0.8 s of silence on both sides; 16 kHz, mono."""
    return SPOKEN / "2-happy.flac"


@pytest.fixture(scope="session")
def speech(speech_path) -> np.ndarray:
    soundfile = pytest.importorskip("soundfile")
    return soundfile.read(speech_path, dtype="float32")[0]


@pytest.fixture(scope="session")
def long_speech() -> np.ndarray:
    """Eleven seconds in which someone speaks without a pause that would end the turn."""
    soundfile = pytest.importorskip("soundfile")
    parts = [soundfile.read(path, dtype="float32")[0] for path in sorted(SPOKEN.glob("*.flac"))]
    silence = round(0.7 * 16_000)
    return np.concatenate([part[silence:-silence] for part in parts if len(part) < 6 * 16_000])


@pytest.fixture(scope="session")
def corpora(tmp_path_factory) -> Path:
    """RAVDESS in miniature: four actors, each at a speed of their own, say four sentences once."""
    soundfile, soxr = pytest.importorskip("soundfile"), pytest.importorskip("soxr")
    codes = {"neutral": "01", "happy": "03", "sad": "04", "angry": "05"}
    root = tmp_path_factory.mktemp("corpora")
    for actor in (1, 2, 3, 4):
        folder = root / "ravdess" / f"Actor_{actor:02d}"
        folder.mkdir(parents=True)
        for path in sorted(SPOKEN.glob("*.flac")):
            samples = soundfile.read(path, dtype="float32")[0][: 4 * 16_000]
            samples = soxr.resample(samples, 16_000, 14_000 + 1000 * actor)
            code = codes[path.stem.split("-")[1]]
            soundfile.write(folder / f"03-01-{code}-01-01-01-{actor:02d}.flac", samples, 16_000)
    return root


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A folder with a small, untrained model of the default architecture."""
    torch = pytest.importorskip("torch")

    from ser_stream.emotion import BASIC_EMOTIONS
    from ser_stream.features.log_mel import LogMelConfig
    from ser_stream.models.checkpoint import save_model
    from ser_stream.models.info import ModelInfo
    from ser_stream.models.registry import build_model

    torch.manual_seed(0)
    options = {"channels": [4, 4, 8, 8], "encoding": 16, "hidden": 8}
    features = LogMelConfig()
    model = build_model("causal_crnn", BASIC_EMOTIONS, features, options)
    info = ModelInfo(
        "tiny", "causal_crnn", BASIC_EMOTIONS, features, (-30.0,) * 64, (20.0,) * 64, options
    )
    folder = tmp_path_factory.mktemp("tiny")
    save_model(folder, model, info)
    return folder


@pytest.fixture(scope="session")
def tiny_can(tmp_path_factory) -> Path:
    """A folder with a small, untrained CAN."""
    torch = pytest.importorskip("torch")

    from ser_stream.emotion import BASIC_EMOTIONS
    from ser_stream.features.segments import SegmentConfig
    from ser_stream.models.base import BimodalModel
    from ser_stream.models.checkpoint import save_model
    from ser_stream.models.info import ModelInfo
    from ser_stream.models.registry import build_model

    torch.manual_seed(0)
    options = {"vocabulary": ["he", "is", "gone", "nobody"], "word_dimension": 12, "hidden": 8}
    features = SegmentConfig()
    model = build_model("can", BASIC_EMOTIONS, features, options, BimodalModel)
    info = ModelInfo(
        "tiny-can", "can", BASIC_EMOTIONS, features, (0.0,) * 40, (20.0,) * 40, options
    )
    folder = tmp_path_factory.mktemp("tiny-can")
    save_model(folder, model, info)
    return folder


@pytest.fixture(scope="session")
def grammar(tmp_path_factory) -> Path:
    """What is said in the recordings of the tests, a sentence a line."""
    from make_test_recordings import RECORDINGS

    said = " ".join(text for text, *_ in RECORDINGS.values())
    sentences = re.split(r"(?<=[.!])\s", said)
    path = tmp_path_factory.mktemp("grammar") / "demo.txt"
    path.write_text("\n".join(sentences))
    return path


@pytest.fixture(scope="session")
def two_turns_path() -> Path:
    """A recording of two turns: he is gone now; I sit here, and nobody calls."""
    return SPOKEN / "3-sad.flac"


@pytest.fixture(scope="session")
def two_turns_and_silence_path(two_turns_path, tmp_path_factory) -> Path:
    """The same, and time for slow machines to understand the second turn."""
    soundfile = pytest.importorskip("soundfile")
    samples, rate_hz = soundfile.read(two_turns_path, dtype="float32")
    path = tmp_path_factory.mktemp("sound") / "two-turns.flac"
    soundfile.write(path, np.pad(samples, (0, 4 * rate_hz)), rate_hz)
    return path


def _is_opinion_on(turn: dict, estimate: dict) -> bool:
    same = estimate["start_s"] == turn["start_s"]
    return same and bool(turn["words"]) and estimate["modality"] == "audio+text"


def deciding(estimates: list[dict]) -> list[dict]:
    """Of each turn, the estimate that stands for it: with words, where they came in time."""
    turns = [e for e in estimates if e["trigger"] == "utterance"]
    return [
        next((e for e in turns if _is_opinion_on(turn, e)), turn)
        for turn in turns
        if turn["modality"] == "audio"
    ]


@pytest.fixture
def observer(monkeypatch):
    """A node of the test's own in the graph of the node that is tested."""
    from ros_graph import ENVIRONMENT, Observer

    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    observer = Observer()
    yield observer
    observer.close()


@pytest.fixture(scope="session")
def feature_cache(tmp_path_factory) -> Path:
    """An empty folder at first, in which experiments keep the features of the miniature corpus."""
    return tmp_path_factory.mktemp("feature-cache")


@pytest.fixture(scope="session")
def recipe_path(tmp_path_factory) -> Path:
    """A recipe that trains a small network of speech on the miniature of RAVDESS."""
    from training_data import RECIPE

    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="session")
def run_folder(corpora, recipe_path, tmp_path_factory) -> Path:
    """A training run of that recipe: `cache` holds its features, `out` its results and model."""
    from ser_stream.recipes.load import load_recipe
    from ser_stream.training.speech import train

    folder = tmp_path_factory.mktemp("run")
    train(load_recipe(recipe_path), corpora, folder / "cache", folder / "out", seed=3)
    return folder


@pytest.fixture(scope="session")
def distillation_recipe(recipe_path, tmp_path_factory):
    """The same recipe with teachers, and weights stored in eight bits."""
    from training_data import extended_recipe

    folder = tmp_path_factory.mktemp("distillation")
    return extended_recipe(recipe_path, folder, teachers_share=0.7, eight_bit="true")
