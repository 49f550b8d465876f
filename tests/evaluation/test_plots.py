"""Confusion matrices, coverage and reliability as they are drawn."""

import itertools
import subprocess
import sys
import threading

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from figures import cells, texts
from ser_stream.emotion import EMOTIONS
from ser_stream.errors import InputError
from ser_stream.evaluation.confidence import confidence_scores
from ser_stream.evaluation.draw import draw_evaluation
from ser_stream.evaluation.metrics import Scores
from ser_stream.evaluation.plots import (
    COLOURS,
    confusion,
    coverage_curves,
    reliability_diagrams,
    save,
)
from ser_stream.papers.embedding_plots import MARKERS

SCORES = Scores(
    ("neutral", "happy", "sad", "angry"),
    np.array([[6, 2, 0, 0], [1, 3, 0, 0], [0, 0, 0, 0], [0, 1, 2, 7]]),
    no_speech=np.array([0, 0, 0, 0]),
)


# Colours


def as_seen(colour: str, vision: np.ndarray) -> np.ndarray:
    """CIE L*a*b*."""
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = to_xyz @ np.clip(vision @ linear, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), 841 / 108 * xyz + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", 2009: severity 1.0.
@pytest.mark.parametrize(
    "vision",
    [
        pytest.param(np.eye(3), id="normal"),
        pytest.param(
            [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
             [-0.003882, -0.048116, 1.051998]], id="protanopia",
        ),
        pytest.param(
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
             [-0.011820, 0.042940, 0.968881]], id="deuteranopia",
        ),
        pytest.param(
            [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
             [0.004733, 0.691367, 0.303900]], id="tritanopia",
        ),
    ],
)  # fmt: skip
def test_colours_of_emotions_differ_for_colour_blind_viewers(vision):
    """A difference of 2.3 is just noticeable; small markers need several times as much."""
    for one, other in itertools.combinations(COLOURS.values(), 2):
        difference = as_seen(one, np.array(vision)) - as_seen(other, np.array(vision))
        assert np.linalg.norm(difference) > 15


def test_each_emotion_has_a_colour_and_a_marker_of_its_own():
    assert set(COLOURS) == set(MARKERS) == set(EMOTIONS)
    assert len(set(COLOURS.values())) == len(set(MARKERS.values())) == len(EMOTIONS)


# Files


def test_save_writes_both_files_and_makes_the_folder(tmp_path):
    figure = confusion(SCORES, "CAT")
    png, svg = save(figure, tmp_path / "new" / "CAT, v1.2")
    assert sorted(path.name for path in png.parent.iterdir()) == ["CAT, v1.2.png", "CAT, v1.2.svg"]
    with Image.open(png) as image:
        assert image.size == tuple(int(150 * inches) for inches in figure.get_size_inches())
    assert "<svg" in svg.read_text(encoding="utf-8")


def test_save_fails_with_one_message_where_the_folder_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"figure: cannot write .*file/figure: "):
        save(confusion(SCORES, "CAT"), tmp_path / "file" / "figure")


def test_figures_drawn_in_threads_are_identical(tmp_path):
    def draw(name: str) -> None:
        save(confusion(SCORES, "CAT"), tmp_path / name)

    threads = [threading.Thread(target=draw, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    draw("alone")
    assert len({(tmp_path / f"{name}.png").read_bytes() for name in ("one", "other", "alone")}) == 1


def test_pyplot_is_not_used():
    """Pyplot needs a display and keeps every figure in memory."""
    modules = (
        "ser_stream.evaluation.plots, ser_stream.papers.embedding_plots, "
        "ser_stream.papers.attention_plots"
    )
    code = f"import sys, {modules}; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Confusion


def test_confusion_shows_recalls_and_counts_of_labels_that_occur():
    axes = confusion(SCORES, "CAT").axes[0]
    assert texts(axes.get_yticklabels()) == ["neutral", "happy", "angry"]
    assert texts(axes.get_xticklabels()) == ["neutral", "happy", "sad", "angry"]
    found = cells(axes)
    assert len(found) == 12
    assert found["neutral", "neutral"] == "75 %\n6"
    assert found["happy", "happy"] == "75 %\n3"
    assert found["angry", "angry"] == "70 %\n7"
    assert found["angry", "sad"] == "20 %\n2"
    np.testing.assert_allclose(axes.images[0].get_array().sum(axis=1), 1)


def heading(figure):
    """The figure's text that is highest up."""
    return max(figure.texts, key=lambda text: text.get_position()[1])


def caption_of(figure):
    """The figure's text that is lowest down."""
    return min(figure.texts, key=lambda text: text.get_position()[1])


def test_confusion_has_wa_ua_and_n_in_its_title():
    title = heading(confusion(SCORES, "CAT")).get_text()
    assert title == "CAT\nWA 72.7 %, UA 73.3 %, 22 utterances"


def test_confusion_has_a_column_for_utterances_without_detected_speech():
    scores = Scores(("sad", "angry"), np.array([[3, 0], [0, 1]]), no_speech=np.array([1, 0]))
    found = cells(confusion(scores, "CAT").axes[0])
    assert found["sad", "sad"] == "75 %\n3"
    assert found["sad", "no answer"] == "25 %\n1"
    assert found["angry", "no answer"] == "0 %\n0"


def test_long_titles_are_wrapped_inside_the_figure():
    figure = confusion(SCORES, "the cross attention network of Lee, Yoon and Jung on session 5")
    figure.draw_without_rendering()
    box = heading(figure).get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width


def test_an_empty_confusion_matrix_is_refused():
    nothing = Scores(("sad", "angry"), np.zeros((2, 2), int), np.zeros(2, int))
    with pytest.raises(InputError, match="found no utterance"):
        confusion(nothing, "CAT")


# Coverage and reliability

CONFIDENCE = np.array([0.32, 0.46, 0.46, 0.96])
RIGHT = np.array([False, True, False, True])
ENTRY = {
    "n": 4,
    **confidence_scores(CONFIDENCE, RIGHT, 0.35),
    **{name: SCORES.to_dict()[name] for name in ("labels", "confusion", "no_speech")},
}


def test_coverage_is_drawn_against_the_floor_and_accuracy_against_coverage():
    left, right = coverage_curves({"RAVDESS": ENTRY, "nEMO": ENTRY}, "default", "a protocol").axes
    assert len(left.lines) == len(right.lines) == 2
    curve = left.lines[0].get_xydata()
    assert [0.35, 0.75] in curve.tolist()
    assert [0.9, 0.25] in curve.tolist()
    assert [0.25, 1.0] in right.lines[0].get_xydata().tolist()
    assert texts(right.get_legend().get_texts()) == ["RAVDESS (n = 4)", "nEMO (n = 4)"]


def test_reliability_has_accuracy_above_and_counts_below():
    figure = reliability_diagrams({"RAVDESS": ENTRY}, "default", "a protocol")
    above, below = figure.axes
    assert "n = 4" in above.get_title()
    points = next(line for line in above.lines if line.get_marker() == "o").get_xydata()
    np.testing.assert_allclose(points, [[0.32, 0.0], [0.46, 0.5], [0.96, 1.0]])
    counts = {round(bar.get_center()[0], 3): bar.get_height() for bar in below.patches}
    assert {x: n for x, n in counts.items() if n} == {0.325: 1, 0.475: 2, 0.975: 1}


def test_a_caption_is_inside_the_figure_and_below_everything_else():
    for draw in (coverage_curves, reliability_diagrams):
        figure = draw({"RAVDESS": ENTRY}, "default", "test speakers; " * 12)
        figure.draw_without_rendering()
        caption = caption_of(figure).get_window_extent()
        assert 0 <= caption.x0 < caption.x1 <= figure.bbox.width
        assert caption.y1 <= min(axes.xaxis.label.get_window_extent().y0 for axes in figure.axes
                                 if axes.get_xlabel())  # fmt: skip


def test_file_names_hold_no_slash_of_a_models_name(tmp_path):
    scores = {**ENTRY, "ua": 0.5, "ua_ci95": [0.3, 0.7]}
    corpora = {"own": {"title": "clips.csv", "utterance": scores, "by_sex": {}}}
    paths = draw_evaluation({"model": "superb/wav2vec2", "corpora": corpora}, "clips", tmp_path)
    assert [path.name for path in paths] == [
        "superb-wav2vec2-confusion-own.png",
        "superb-wav2vec2-coverage.png",
        "superb-wav2vec2-reliability.png",
        "superb-wav2vec2-groups.png",
    ]
    assert all(path.parent == tmp_path and path.is_file() for path in paths)
