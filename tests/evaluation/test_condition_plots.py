"""Accuracy in noise and rooms, and by language and sex, as it is drawn."""

import numpy as np

from figures import texts
from ser_stream.evaluation.condition_plots import condition_curves
from ser_stream.evaluation.draw import draw_conditions
from ser_stream.evaluation.group_plots import accuracy_by_group
from ser_stream.evaluation.streamed import IN_A_ROW

UA = {"room-0.6s": 0.5, "noise-10dB": 0.6, "clean": 0.8, "noise-20dB": 0.7, "opus": 0.75}
CONDITIONS = {
    name: {
        "ravdess": {"n": 2, "ua": ua, IN_A_ROW: {"ua": ua + 0.1}},
        "own": {"n": 3, "ua": ua - 0.2, IN_A_ROW: {"ua": ua + 0.1}},
    }
    for name, ua in UA.items()
}


def test_noise_is_drawn_from_clean_to_loud_and_rooms_from_dry_to_reverberant():
    noise, room = condition_curves(CONDITIONS, "default").axes
    assert texts(noise.get_xticklabels()) == ["clean", "20 dB", "10 dB"]
    assert texts(room.get_xticklabels()) == ["clean", "0.6 s"]
    lines = {line.get_label(): line.get_ydata() for line in noise.lines}
    assert list(lines) == ["RAVDESS", "own clips", "mean", f"mean, {IN_A_ROW}"]
    np.testing.assert_allclose(lines["RAVDESS"], [0.8, 0.7, 0.6])
    np.testing.assert_allclose(lines["mean"], [0.7, 0.6, 0.5])
    np.testing.assert_allclose(lines[f"mean, {IN_A_ROW}"], [0.9, 0.8, 0.7])
    np.testing.assert_allclose(room.lines[0].get_ydata(), [0.8, 0.5])


def test_one_corpus_and_a_model_without_memory_have_no_mean():
    conditions = {name: {"own": {"n": 3, "ua": ua}} for name, ua in UA.items()}
    for axes in condition_curves(conditions, "tiny").axes:
        assert [line.get_label() for line in axes.lines] == ["own clips"]


def test_a_file_is_written_where_there_is_noise_or_a_room(tmp_path):
    report = {"model": "superb/wav2vec2", "conditions": CONDITIONS}
    (path,) = draw_conditions(report, "clips", tmp_path)
    assert path == tmp_path / "superb-wav2vec2-conditions.png"
    assert path.is_file()
    report["conditions"] = {"opus": CONDITIONS["opus"]}
    assert draw_conditions(report, "clips", tmp_path / "none") == []


def test_groups_have_a_row_per_corpus_with_its_language():
    entry = {
        "title": "nEMO",
        "utterance": {"ua": 0.5, "ua_ci95": [0.4, 0.6]},
        IN_A_ROW: {"ua": 0.7, "ua_ci95": [0.6, 0.8]},
        "by_sex": {"f": {"n": 4, "ua": 0.45}, "m": {"n": 4, "ua": 0.55}},
    }
    own = {"title": "clips.csv", "utterance": {"ua": 0.3, "ua_ci95": [0.2, 0.4]}, "by_sex": {}}
    figure = accuracy_by_group({"nemo": entry, "own": own}, "default", "a protocol")
    (axes,) = figure.axes
    assert texts(axes.get_yticklabels()) == ["nEMO\nPolish", "clips.csv"]
    assert texts(axes.get_legend().get_texts()) == ["alone", IN_A_ROW, "women, alone", "men, alone"]
    points = [container.lines[0].get_xdata().tolist() for container in axes.containers]
    assert points == [[0.5, 0.3], [0.7], [0.45], [0.55]]


def test_the_legend_is_where_something_is_drawn():
    noise, room = condition_curves({"room-0.6s": CONDITIONS["room-0.6s"]}, "default").axes
    assert noise.get_legend() is None
    assert "RAVDESS" in texts(room.get_legend().get_texts())
