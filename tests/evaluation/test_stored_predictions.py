"""Predictions in files."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ser_stream.corpora.base import Utterance
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.errors import InputError
from ser_stream.evaluation.predictions import StreamedPredictions
from ser_stream.evaluation.stored_predictions import read_predictions, save_predictions
from ser_stream.models.calibration import Calibration
from ser_stream.stream.scoring import ScoredPart

LABELS = ("neutral", "happy", "sad")
INFO = SimpleNamespace(
    labels=LABELS, calibration={INTERVAL: Calibration(), UTTERANCE: Calibration()}
)


def streamed(seed, known_s):
    """Ten recordings of two windows and a turn; the last has no window."""
    rng = np.random.default_rng(seed)
    found = StreamedPredictions(INFO)
    for number in range(10):
        utterance = Utterance(Path("x.wav"), "own", "a", "f", LABELS[number % 3], "en")
        triggers = [UTTERANCE] if number == 9 else [INTERVAL, INTERVAL, UTTERANCE]
        parts = [
            SimpleNamespace(trigger=trigger, speech_s=1.0 + number + len(trigger))
            for trigger in triggers
        ]
        outputs = [ScoredPart(rng.normal(size=3), None, known_s) for _ in parts]
        found.add(utterance, parts, outputs)
    return found


def test_predictions_are_read_as_they_were_saved(tmp_path):
    path = tmp_path / "predictions.npz"
    conditions = [streamed(0, 0.0), streamed(1, 7.5)]
    save_predictions(path, LABELS, conditions)
    found = read_predictions(path)
    assert found.labels == LABELS
    assert [len(found.by_trigger[trigger]["alone"]) for trigger in (INTERVAL, UTTERANCE)] == [
        18,
        10,
    ]
    for name, streamed_ in zip(("alone", "in a row"), conditions, strict=True):
        for trigger in (INTERVAL, UTTERANCE):
            expected = streamed_.predictions(trigger)
            for field in dataclasses.fields(expected):
                np.testing.assert_allclose(
                    getattr(found.by_trigger[trigger][name], field.name),
                    getattr(expected, field.name),
                    rtol=1e-6,
                )


def test_a_network_without_speaker_memory_has_predictions_alone_only(tmp_path):
    save_predictions(tmp_path / "p.npz", LABELS, [streamed(0, 0.0)])
    assert list(read_predictions(tmp_path / "p.npz").by_trigger[UTTERANCE]) == ["alone"]


def test_a_missing_or_damaged_file_is_one_line(tmp_path):
    path = tmp_path / "p.npz"
    with pytest.raises(InputError, match="no such file; ser-stream train writes it"):
        read_predictions(path)
    save_predictions(path, LABELS, [streamed(0, 0.0)])
    whole = path.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="not a file of predictions, or damaged"):
            read_predictions(path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("utterance/alone/targets", np.full(10, 3)),
        ("utterance/alone/targets", np.full(10, -1)),
        ("utterance/alone/logits", np.full((10, 3), np.nan)),
        ("utterance/alone/logits", np.zeros((10, 4))),
        ("interval/alone/voice_known_s", np.zeros(3)),
        ("interval/alone/speech_s", np.array([{}] * 18)),
    ],
)
def test_arrays_of_other_sizes_and_values_are_refused(tmp_path, name, values):
    path = tmp_path / "p.npz"
    save_predictions(path, LABELS, [streamed(0, 0.0)])
    with np.load(path) as arrays:
        content = {**arrays, name: values}
    np.savez(path, **content)
    with pytest.raises(InputError, match=r"p\.npz: not a file of predictions, or damaged"):
        read_predictions(path)
