"""Answers that are not finite: withheld, counted, logged; and the model that is opened again."""

import json
import logging
import shutil

import numpy as np
import pytest
import soundfile

from faulty import FaultyNetwork
from paths import DEMO
from ser_stream.engines.choose import open_network
from ser_stream.models.calibration import Calibration
from ser_stream.models.info import SHIPPED
from ser_stream.stream import guarded, opening
from ser_stream.stream.pool_core import PoolCore
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.scoring import ScoringSettings, WindowScorer
from ser_stream.stream.settings import RecognizerSettings
from turns import two_turns

RATE = 16_000
SOUND = [soundfile.read(path, dtype="float32")[0] for path in sorted(DEMO.glob("*.flac"))]
TURNS = np.concatenate(SOUND)


def recognizer_of(monkeypatch, model, engine="onnx", **faults):
    """A recogniser whose first network fails; those that are opened after it do not."""
    opened = []

    def open_faulty(*arguments):
        network, info = open_network(*arguments)
        opened.append(network if opened else FaultyNetwork(network, **faults))
        return opened[-1], info

    monkeypatch.setattr(opening, "open_network", open_faulty)
    return Recognizer(model, engine=engine), opened


def push(recognizer, samples=TURNS):
    estimates = recognizer.push(samples, RATE) + recognizer.finish()
    for estimate in estimates:
        fields = json.loads(estimate.to_json(), parse_constant=pytest.fail)
        assert sum(fields["scores"].values()) == pytest.approx(1, abs=1e-3)
    return [(e.trigger, round(e.end_s, 3), [*e.scores.values(), e.valence, e.arousal])
            for e in estimates]  # fmt: skip


def agree(found, expected):
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    np.testing.assert_allclose([e[2] for e in found], [e[2] for e in expected], atol=1e-5)


@pytest.fixture(scope="module", params=["tiny", "default"])
def model(request):
    """A network whose steps look back on their context, and one with a recurrent front end."""
    return request.param


@pytest.fixture(scope="module")
def undisturbed(model):
    return push(Recognizer(model, engine="onnx"))


WARM_UP = 2
"""Windows that are scored when a model is opened."""


def test_one_failed_window_is_withheld_and_the_others_are_as_without_it(
    monkeypatch, model, undisturbed, caplog
):
    recognizer, _ = recognizer_of(monkeypatch, model, scores=lambda n: n == WARM_UP + 1)
    with caplog.at_level(logging.INFO, "ser_stream"):
        found = push(recognizer)
    assert recognizer.status.failed_windows == 1
    assert recognizer.status.windows == len(undisturbed) - 1
    # The turn's own estimate is a mean of its windows: one window is missing there.
    intervals = [e for e in undisturbed if e[0] == "interval"]
    agree([e for e in found if e[0] == "interval"], intervals[:1] + intervals[2:])
    lines = [record.getMessage() for record in caplog.records]
    assert sum("holds NaN or infinite values" in line for line in lines) == 1
    assert f"model {model}: answers again; 1 estimates were withheld" in lines


def test_a_poisoned_state_does_not_outlive_its_window(monkeypatch, model, long_speech):
    """NaN in the steps and the state of a turn: later windows compute them anew."""
    undisturbed = push(Recognizer(model, engine="onnx"), long_speech)
    recognizer, _ = recognizer_of(monkeypatch, model, encodes=lambda n: 12 <= n < 32)
    found = push(recognizer, long_speech)
    assert 1 <= recognizer.status.failed_windows <= guarded.FAILURES_BEFORE_RELOAD
    last = [e for e in undisturbed if e[0] == "interval"][-5:]
    agree([e for e in found if e[0] == "interval"][-5:], last)


def test_a_failed_turn_is_not_remembered(speech):
    """The speaker memory is as if the turn had not been."""
    network = open_network("default", "onnx")[0]
    first, second = two_turns(speech, features=network.features)
    calibration = {"interval": Calibration(), "utterance": Calibration()}
    settings = ScoringSettings(network.framing.window_steps, 0.0, calibration, 0.7)
    faulty = FaultyNetwork(network, scores=lambda n: n == len(first) - 1)
    disturbed, alone = (WindowScorer(each, "", settings) for each in (faulty, network))
    assert [disturbed.score(part) is None for part in first] == [False] * (len(first) - 1) + [True]
    for part in second:
        assert disturbed.score(part).scores == alone.score(part).scores


def test_after_repeated_failures_the_model_is_opened_again(monkeypatch, model, undisturbed, caplog):
    recognizer, opened = recognizer_of(monkeypatch, model, scores=lambda n: n >= WARM_UP)
    with caplog.at_level(logging.INFO, "ser_stream"):
        found = push(recognizer)
    assert len(opened) == 2
    assert recognizer.status.failed_windows == guarded.FAILURES_BEFORE_RELOAD
    assert len(found) == len(undisturbed) - guarded.FAILURES_BEFORE_RELOAD
    agree([e for e in found if e[0] == "interval"][-1:],
          [e for e in undisturbed if e[0] == "interval"][-1:])  # fmt: skip
    levels = [r.levelname for r in caplog.records if "NaN" in r.message or "again" in r.message]
    assert levels == ["ERROR", "WARNING", "INFO"]


def test_a_model_that_cannot_be_opened_again_stays_withheld(monkeypatch, tmp_path, caplog):
    folder = shutil.copytree(SHIPPED / "tiny", tmp_path / "model")
    recognizer, opened = recognizer_of(monkeypatch, folder, scores=lambda n: n >= WARM_UP)
    (folder / "head.onnx").write_bytes(b"damaged")
    with caplog.at_level(logging.INFO, "ser_stream"):
        assert push(recognizer) == []
    assert recognizer.status.failed_windows > guarded.FAILURES_BEFORE_RELOAD
    lines = [record.getMessage() for record in caplog.records]
    assert sum("cannot be opened again" in line for line in lines) == 1
    assert len(opened) == 1


def test_another_model_in_its_place_is_not_used(monkeypatch, tmp_path, caplog):
    folder = shutil.copytree(SHIPPED / "tiny", tmp_path / "model")
    recognizer, _ = recognizer_of(monkeypatch, folder, scores=lambda n: n >= WARM_UP)
    shutil.rmtree(folder)
    shutil.copytree(SHIPPED / "default", folder)
    with caplog.at_level(logging.INFO, "ser_stream"):
        assert push(recognizer) == []
    assert "its files were replaced by another model" in caplog.text


def test_weights_that_are_damaged_in_memory_are_loaded_again(monkeypatch, tiny_model):
    torch = pytest.importorskip("torch")
    opened = []

    def remembering(*arguments):
        opened.append(open_network(*arguments))
        return opened[-1]

    monkeypatch.setattr(opening, "open_network", remembering)
    recognizer = Recognizer(tiny_model, engine="torch")
    expected = push(recognizer)
    with torch.no_grad():
        opened[0][0].model.output.weight[0, 0] = float("nan")
    found = push(recognizer)
    assert len(opened) == 2 and recognizer.status.failed_windows == guarded.FAILURES_BEFORE_RELOAD
    agree(found[-1:], expected[-1:])


def test_a_stream_that_fails_does_not_disturb_the_others_of_a_pool(monkeypatch, model):
    alone = push(Recognizer(model, engine="onnx"), SOUND[1])

    def open_faulty(*arguments):
        network, info = open_network(*arguments)
        return FaultyNetwork(network, scores=lambda n: n >= WARM_UP, rows=0), info

    monkeypatch.setattr(opening, "open_network", open_faulty)
    core = PoolCore(RecognizerSettings(model=model, engine="onnx"), max_streams=2)
    monkeypatch.setattr(core._network, "_reopen", pytest.fail)  # there are answers in between
    found = {"first": [], "second": []}
    streams = {name: core.open(name, lambda n, e: found[n].append(e)) for name in found}
    for start in range(0, len(SOUND[1]), 512):
        for stream in streams.values():
            stream.sound.push(SOUND[1][start : start + 512, None], RATE)
        while core.run_once():
            pass
    for stream in streams.values():
        stream.sound.end()
    while core.run_once():
        pass
    failed = streams["first"].status().failed_windows
    assert failed > 0 and len(found["first"]) == len(alone) - failed
    assert streams["second"].status().failed_windows == 0
    np.testing.assert_allclose(
        [list(e.scores.values()) for e in found["second"]], [e[2][:-2] for e in alone], atol=1e-4
    )
