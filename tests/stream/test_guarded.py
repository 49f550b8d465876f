"""Networks that fail: withheld, counted, logged; and the model that is opened again."""

import json
import logging
import shutil

import numpy as np
import pytest
import soundfile

from faulty import FaultyNetwork
from paths import SPOKEN
from ser_stream.engines.choose import open_network
from ser_stream.errors import InferenceError, InputError
from ser_stream.models.calibration import Calibration
from ser_stream.models.info import SHIPPED
from ser_stream.stream import guarded, opening
from ser_stream.stream.pool import StreamPool
from ser_stream.stream.pool_core import PoolCore
from ser_stream.stream.pooled import Receivers
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.scoring import ScoringSettings, WindowScorer
from ser_stream.stream.settings import RecognizerSettings
from turns import two_turns

RATE = 16_000
NOT_FINITE = "its answer holds NaN or infinite values"
SOUND = [soundfile.read(path, dtype="float32")[0] for path in sorted(SPOKEN.glob("*.flac"))]
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


def test_a_model_that_cannot_be_opened_again_ends_recognition(monkeypatch, tmp_path, caplog):
    folder = shutil.copytree(SHIPPED / "tiny", tmp_path / "model")
    recognizer, opened = recognizer_of(monkeypatch, folder, scores=lambda n: n >= WARM_UP)
    (folder / "head.onnx").write_bytes(b"damaged")
    with (
        caplog.at_level(logging.INFO, "ser_stream"),
        pytest.raises(InferenceError, match=NOT_FINITE),
    ):
        push(recognizer)
    assert recognizer.status.failed_windows > guarded.FAILURES_BEFORE_RELOAD
    lines = [record.getMessage() for record in caplog.records]
    assert sum("cannot be opened again" in line for line in lines) == 1
    assert len(opened) == 1


def test_another_model_in_its_place_is_not_used(monkeypatch, tmp_path, caplog):
    folder = shutil.copytree(SHIPPED / "tiny", tmp_path / "model")
    recognizer, _ = recognizer_of(monkeypatch, folder, scores=lambda n: n >= WARM_UP)
    shutil.rmtree(folder)
    shutil.copytree(SHIPPED / "default", folder)
    with (
        caplog.at_level(logging.INFO, "ser_stream"),
        pytest.raises(InferenceError, match=NOT_FINITE),
    ):
        push(recognizer)
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


def test_an_error_of_the_engine_is_withheld_as_an_answer_that_is_not_finite(
    monkeypatch, model, undisturbed, caplog
):
    error = RuntimeError("head.onnx:\n  out of memory")
    faults = {"scores": lambda n: n == WARM_UP + 1, "error": error}
    recognizer, opened = recognizer_of(monkeypatch, model, **faults)
    with caplog.at_level(logging.INFO, "ser_stream"):
        found = push(recognizer)
    assert (recognizer.status.failed_windows, len(opened)) == (1, 1)
    intervals = [e for e in undisturbed if e[0] == "interval"]
    agree([e for e in found if e[0] == "interval"], intervals[:1] + intervals[2:])
    reason = "RuntimeError: head.onnx: out of memory; estimates are withheld until it answers again"
    assert f"model {model}: {reason}" in caplog.messages


def test_an_engine_that_fails_again_and_again_is_opened_again(monkeypatch, model, undisturbed):
    faults = {"scores": lambda n: n >= WARM_UP, "error": RuntimeError("the GPU is lost")}
    recognizer, opened = recognizer_of(monkeypatch, model, **faults)
    found = push(recognizer)
    assert len(opened) == 2
    assert recognizer.status.failed_windows == guarded.FAILURES_BEFORE_RELOAD
    assert len(found) == len(undisturbed) - guarded.FAILURES_BEFORE_RELOAD


def test_an_engine_that_fails_after_it_was_opened_again_ends_recognition(monkeypatch):
    def open_faulty(*arguments):
        network, info = open_network(*arguments)
        faulty = FaultyNetwork(network, scores=lambda n: n >= WARM_UP, error=RuntimeError("lost"))
        opened.append(faulty)
        faulty.n_scores = WARM_UP if len(opened) > 1 else 0  # only the first one is warmed up
        return faulty, info

    opened = []
    monkeypatch.setattr(opening, "open_network", open_faulty)
    recognizer = Recognizer("tiny", engine="onnx")
    with pytest.raises(InferenceError, match=r"^model tiny: RuntimeError: lost; 6 estimates in a"):
        push(recognizer)
    assert len(opened) == 2


def test_a_pool_ends_with_all_its_streams_where_the_engine_cannot_be_revived(monkeypatch, caplog):
    """So that whoever pushes sound is told, and does not wait for estimates that never come."""
    opened = []

    def open_faulty(*arguments):
        network, info = open_network(*arguments)
        after = 0 if opened else WARM_UP
        opened.append(FaultyNetwork(network, scores=lambda n: n >= after, error=RuntimeError()))
        return opened[-1], info

    monkeypatch.setattr(opening, "open_network", open_faulty)
    with StreamPool("tiny", engine="onnx") as pool:
        streams = [pool.open(name, lambda name, estimate: pytest.fail()) for name in "ab"]
        for stream in streams:
            stream.push(SOUND[1], RATE)
        for stream in streams:
            stream.close(60.0)
            with pytest.raises(InputError, match="it has ended"):
                stream.push(SOUND[1], RATE)
    assert len(opened) == 2
    assert "the pool ends, with all of its streams" in caplog.text


def test_a_batch_that_fails_is_answered_stream_by_stream(monkeypatch):
    """As where the memory of a GPU is enough for one stream, and not for two."""

    def open_faulty(*arguments):
        network, info = open_network(*arguments)
        return FaultyNetwork(network, *[lambda n: True] * 2, rows=0, error=MemoryError()), info

    alone = push(Recognizer("tiny", engine="onnx"), SOUND[1])
    monkeypatch.setattr(opening, "open_network", open_faulty)
    core = PoolCore(RecognizerSettings(model="tiny", engine="onnx"), max_streams=2)
    found = {"first": [], "second": []}
    streams = [core.open(name, Receivers(lambda n, e: found[n].append(e))) for name in found]
    for start in range(0, len(SOUND[1]), 512):
        for stream in streams:
            stream.sound.push(SOUND[1][start : start + 512, None], RATE)
        while core.run_once():
            pass
    for stream in streams:
        stream.sound.end()
    while core.run_once():
        pass
    assert [stream.status().failed_windows for stream in streams] == [0, 0]
    assert [len(estimates) for estimates in found.values()] == [len(alone)] * 2


def test_a_stream_that_fails_does_not_disturb_the_others_of_a_pool(monkeypatch, model):
    alone = push(Recognizer(model, engine="onnx"), SOUND[1])

    def open_faulty(*arguments):
        network, info = open_network(*arguments)
        return FaultyNetwork(network, scores=lambda n: n >= WARM_UP, rows=0), info

    monkeypatch.setattr(opening, "open_network", open_faulty)
    core = PoolCore(RecognizerSettings(model=model, engine="onnx"), max_streams=2)
    monkeypatch.setattr(core._network, "_reopen", pytest.fail)  # there are answers in between
    found = {"first": [], "second": []}
    streams = {name: core.open(name, Receivers(lambda n, e: found[n].append(e))) for name in found}
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
