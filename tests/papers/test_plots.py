import itertools
import subprocess
import sys
import threading
from collections import Counter

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from ser_stream.emotion import EMOTIONS
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import Scores
from ser_stream.evaluation.plots import (
    COLOURS,
    ablation_bars,
    confusion,
    save,
    training_curves,
)
from ser_stream.features.log_mel import JALAL, log_mel
from ser_stream.papers.attention_plots import attention_over_spectrogram, word_weights
from ser_stream.papers.embedding_plots import MARKERS, embedding_map, embedding_maps
from ser_stream.words import Word

SCORES = Scores(
    ("neutral", "happy", "sad", "angry"),
    np.array([[6, 2, 0, 0], [1, 3, 0, 0], [0, 0, 0, 0], [0, 1, 2, 7]]),
    no_speech=np.array([0, 0, 0, 0]),
)
RUN = [
    {"epoch": 1, "loss": 1.5, "validation_wa": 0.4, "validation_ua": 0.3},
    {"epoch": 2, "loss": 0.9, "validation_wa": 0.6, "validation_ua": 0.5},
]


def cells(axes) -> dict[tuple[str, str], str]:
    """(row, column), both as labelled -> text of the cell."""
    rows, columns = texts(axes.get_yticklabels()), texts(axes.get_xticklabels())
    return {(rows[y], columns[x]): t.get_text() for t in axes.texts for x, y in [t.get_position()]}


def texts(artists) -> list[str]:
    return [artist.get_text() for artist in artists]


def panel(figure, name: str):
    """The axes whose y label starts with that."""
    return next(axes for axes in figure.axes if axes.get_ylabel().startswith(name))


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
def test_the_colour_blind_can_tell_emotions_apart(vision):
    """A difference of 2.3 is just noticeable; on small marks it takes several times that."""
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


def test_save_where_a_file_is_in_the_way(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"figure: cannot write .*file/figure: "):
        save(confusion(SCORES, "CAT"), tmp_path / "file" / "figure")


def test_threads_draw_what_one_alone_draws(tmp_path):
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
    """It would look for a display, and keep every figure."""
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


def test_confusion_says_how_good_it_is():
    title = confusion(SCORES, "CAT")._suptitle.get_text()
    assert title == "CAT\nWA 72.7 %, UA 73.3 %, 22 utterances"


def test_confusion_has_a_column_for_what_got_no_answer():
    scores = Scores(("sad", "angry"), np.array([[3, 0], [0, 1]]), no_speech=np.array([1, 0]))
    found = cells(confusion(scores, "CAT").axes[0])
    assert found["sad", "sad"] == "75 %\n3"
    assert found["sad", "no answer"] == "25 %\n1"
    assert found["angry", "no answer"] == "0 %\n0"


def test_long_titles_are_broken():
    figure = confusion(SCORES, "the cross attention network of Lee, Yoon and Jung on session 5")
    figure.draw_without_rendering()
    box = figure._suptitle.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width


def test_confusion_of_nothing():
    nothing = Scores(("sad", "angry"), np.zeros((2, 2), int), np.zeros(2, int))
    with pytest.raises(InputError, match="found no utterance"):
        confusion(nothing, "CAT")


# Maps


def clusters() -> tuple[np.ndarray, list[str]]:
    """Three far apart, of 20, 12 and 8 points."""
    labels = ["sad"] * 20 + ["angry"] * 12 + ["neutral"] * 8
    rng = np.random.default_rng(0)
    centres = {"sad": 0.0, "angry": 50.0, "neutral": -50.0}
    return rng.normal(0, 1, (40, 6)) + np.array([[centres[label]] for label in labels]), labels


def test_a_map_has_each_point_in_the_colour_of_its_label():
    points, labels = clusters()
    figure = embedding_maps([("features", points), ("embeddings", 2 * points)], labels)
    assert [axes.get_title() for axes in figure.axes] == ["features", "embeddings"]
    for axes in figure.axes:
        drawn = {c.get_label(): c for c in axes.collections}
        assert {name: len(c.get_offsets()) for name, c in drawn.items()} == Counter(labels)
        for name, collection in drawn.items():
            assert tuple(collection.get_facecolor()[0][:3]) == to_rgb(COLOURS[name])
    assert texts(figure.legends[0].get_texts()) == ["neutral", "sad", "angry"]


def test_a_map_keeps_clusters_apart_and_is_the_same_each_time():
    points, labels = clusters()
    maps = [embedding_map(points, labels, "CAT", seed=3).axes[0] for _ in range(2)]
    first, second = ([c.get_offsets() for c in axes.collections] for axes in maps)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    radius = max(np.linalg.norm(c - c.mean(axis=0), axis=1).max() for c in first)
    for one, other in itertools.combinations(first, 2):
        assert np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) > 2 * radius


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        (np.zeros((5, 2)), ["sad"] * 4, r"found points \(5, 2\) and 4 labels"),
        (np.zeros((3, 2)), ["sad"] * 3, "4 points and more"),
        (np.zeros((4, 1)), ["sad"] * 4, "d 2 and more"),
        (np.zeros((4, 2)), ["sad"] * 4, "all the same"),
        (np.full((4, 2), np.nan), ["sad"] * 4, "not finite"),
        (np.eye(4), np.array(["sad", "bored", "sad", "sad"]), "found labels 'bored'; accepted are"),
    ],
)
def test_maps_that_cannot_be_drawn(points, labels, message):
    with pytest.raises(InputError, match=message):
        embedding_map(points, labels, "CAT")


def test_a_map_without_panels():
    with pytest.raises(InputError, match="found no panel"):
        embedding_maps([], ["sad"] * 4)


# Training curves


def test_curves_are_the_records():
    loss, accuracy = training_curves({"seed 0": RUN}, "CAT").axes
    (line,) = loss.lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 1.5], [2, 0.9]])
    wa, ua = accuracy.lines
    np.testing.assert_array_equal(wa.get_ydata(), [0.4, 0.6])
    np.testing.assert_array_equal(ua.get_ydata(), [0.3, 0.5])
    assert wa.get_linestyle() != ua.get_linestyle()
    assert texts(accuracy.get_legend().get_texts()) == ["WA", "UA"]


def test_runs_differ_by_colour_and_may_know_different_things():
    known = [{**record, "learning_rate": 1e-3, "validation_loss": 2.0} for record in RUN]
    figure = training_curves({"seed 0": RUN, "seed 1": known}, "CAT")
    loss, accuracy, rate = figure.axes
    assert len(loss.lines) == 3
    assert len({line.get_color() for line in accuracy.lines}) == 2
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), [1e-3, 1e-3])
    assert texts(figure.legends[0].get_texts()) == ["seed 0", "seed 1"]


def test_of_an_epoch_trained_twice_the_last_line_counts():
    figure = training_curves({"seed 0": [*RUN, {**RUN[1], "loss": 0.8}]}, "CAT")
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [1.5, 0.8])


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({}, "found no run"),
        ({"seed 0": []}, "no epochs"),
        ({"seed 0": [{"epoch": 1}]}, "without loss"),
    ],
)
def test_curves_that_cannot_be_drawn(runs, message):
    with pytest.raises(InputError, match=message):
        training_curves(runs, "CAT")


# Ablations


def test_bars_and_the_papers_figures_are_at_their_rows():
    figure = ablation_bars(
        ["CAN", "- L_align", "Yoon et al."],
        {"- L_align": (0.55, 0.02), "CAN": (0.57, 0.01)},
        {"CAN": 0.579, "- L_align": None, "Yoon et al.": 0.564},
        "WA",
        "Table 4",
    )
    axes = figure.axes[0]
    assert texts(axes.get_yticklabels()) == ["CAN", "- L_align", "Yoon et al."]

    def rows(heights):
        return [round(height) for height in heights]

    assert [bar.get_width() for bar in axes.patches] == [0.55, 0.57]
    assert rows(bar.get_y() + bar.get_height() / 2 for bar in axes.patches) == [1, 0]
    (errors,) = axes.collections
    np.testing.assert_allclose(
        [segment[:, 0] for segment in errors.get_segments()], [[0.53, 0.57], [0.56, 0.58]]
    )
    (paper,) = (line for line in axes.lines if line.get_label() == "paper")
    np.testing.assert_array_equal(paper.get_xdata(), [0.579, 0.564])
    assert rows(paper.get_ydata()) == [0, 2]
    assert texts(axes.texts) == ["57.0 ± 1.0\npaper 57.9", "55.0 ± 2.0", "paper 56.4"]


@pytest.mark.parametrize(
    ("ours", "paper", "message"),
    [
        ({"ILT": (0.5, 0.0)}, {}, r"found \['ILT'\]; accepted are the rows \['CAN'\]"),
        ({"CAN": (57.0, 1.0)}, {}, r"found 57.0; accepted are shares in \[0, 1\]"),
        ({}, {"CAN": float("nan")}, "found nan"),
        ({}, {"CAN": None}, "found no figure"),
    ],
)
def test_bars_that_cannot_be_drawn(ours, paper, message):
    with pytest.raises(InputError, match=message):
        ablation_bars(["CAN"], ours, paper, "WA", "Table 4")


# Attention over sound

WORDS = [Word("<sil>", 0.0, 0.3), Word("$1", 0.3, 0.6), Word("or", 0.6, 0.7), Word("$2", 0.7, 1.0)]
PHONES = [Word("W", 0.3, 0.35), Word("AH1", 0.35, 0.5), Word("N", 0.5, 0.6)]


@pytest.fixture(scope="module")
def second(speech) -> tuple[np.ndarray, np.ndarray]:
    """A second of speech, and its spectrogram."""
    samples = speech[13_000:29_000]
    return samples, log_mel(samples, JALAL)


def test_words_stand_at_their_mean_times(second):
    samples, mel = second
    weights = {"MOMA 1": np.full(len(mel), 1 / len(mel))}
    figure = attention_over_spectrogram(mel, weights, JALAL, "one", WORDS, PHONES, samples)
    for name, track, shown in (
        # Escaped, or matplotlib would take what is between two dollars for a formula.
        ("words", WORDS, ["<sil>", r"\$1", "or", r"\$2"]),
        ("phones", PHONES, ["W", "AH1", "N"]),
    ):
        axes = panel(figure, name)
        assert texts(axes.texts) == shown
        means = [(word.start_s + word.end_s) / 2 for word in track]
        np.testing.assert_allclose([text.get_position()[0] for text in axes.texts], means)
    boundaries = {line.get_xdata()[0] for line in panel(figure, "words").lines}
    assert boundaries == {0.0, 0.3, 0.6, 0.7, 1.0}
    assert {0.35, 0.5} < {line.get_xdata()[0] for line in panel(figure, "MOMA 1").lines}


def test_attention_has_the_time_axis_of_the_spectrogram(second):
    samples, mel = second
    weights = {"one": np.linspace(0, 0.02, len(mel)), "two": np.ones(len(mel))}
    figure = attention_over_spectrogram(mel, weights, JALAL, "title", waveform=samples)
    figure.draw_without_rendering()
    panels = [panel(figure, name) for name in ("amplitude", "frequency", "one", "two")]
    assert {axes.get_xlim() for axes in panels} == {(0.0, 1.0)}
    assert len({round(axes.get_position().x0, 6) for axes in panels}) == 1
    assert len({round(axes.get_position().x1, 6) for axes in panels}) == 1
    levels, edges, _ = panel(figure, "one").patches[0].get_data()
    np.testing.assert_array_equal(levels, weights["one"])
    # A frame covers 32 ms and is drawn 10 ms wide in their middle: from 11 ms on.
    np.testing.assert_allclose(edges[[0, 1, -1]], [0.011, 0.021, 0.011 + 0.01 * len(mel)])
    assert panel(figure, "frequency").images[0].get_extent()[:2] == [edges[0], edges[-1]]


def test_labels_of_neighbouring_panels_do_not_overlap(second):
    samples, mel = second
    weights = {f"attention layer {number}": np.ones(len(mel)) for number in (1, 2, 3)}
    figure = attention_over_spectrogram(mel, weights, JALAL, "title", WORDS, waveform=samples)
    figure.draw_without_rendering()
    labels = [panel(figure, name).yaxis.label for name in ("amplitude", "frequency")]
    labels += [axes.yaxis.label for axes in figure.axes if "layer" in axes.get_ylabel()]
    boxes = [label.get_window_extent() for label in labels]
    assert len(boxes) == 5
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(boxes))


def test_a_tone_lies_at_its_tick():
    """Energy at 1 kHz is brightest in the band that the tick "1" points at."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 16_000).astype(np.float32)
    mel = log_mel(tone, JALAL)
    figure = attention_over_spectrogram(mel, {"one": np.ones(len(mel))}, JALAL, "tone")
    axes = panel(figure, "frequency")
    ticks = dict(zip(texts(axes.get_yticklabels()), axes.get_yticks(), strict=True))
    assert abs(ticks["1"] - mel.mean(axis=0).argmax()) <= 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_mel": np.zeros((97, 40))}, r"found a spectrogram \(97, 40\); accepted is"),
        ({"log_mel": np.zeros((0, 23))}, r"found a spectrogram \(0, 23\)"),
        ({"weights": {}}, "found no weights"),
        ({"weights": {"one": np.ones(96)}}, r"found weights 'one' \(96,\); .* \(97,\)"),
        ({"words": [Word("late", 1.2, 1.4)]}, "found 'late' from 1.2 to 1.4 s; .* 0.99 s"),
        ({"phones": [Word("W", 0.5, 0.4)]}, "found 'W' from 0.5 to 0.4 s"),
    ],
)
def test_attention_that_cannot_be_drawn(changes, message):
    given = {"log_mel": np.zeros((97, 23)), "weights": {"one": np.ones(97)}}
    with pytest.raises(InputError, match=message):
        attention_over_spectrogram(**{**given, **changes}, features=JALAL, title="title")


# Attention over words


def test_bars_are_the_mean_over_heads_and_strips_are_the_heads():
    text = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    audio = np.array([[0.2, 0.2, 0.6], [0.4, 0.4, 0.2]])
    figure = word_weights(["I", "like", "apple"], text, audio, "Table 1")
    bars = panel(figure, "weight")
    heights = [bar.get_height() for bar in bars.patches]
    np.testing.assert_allclose(heights, [0.3, 0.2, 0.5, 0.3, 0.3, 0.4])
    assert texts(bars.get_legend().get_texts()) == ["text", "audio"]
    for name, weights in (("text", text), ("audio", audio)):
        np.testing.assert_array_equal(panel(figure, name).images[0].get_array(), weights)
    bottom = panel(figure, "audio")
    assert texts(bottom.get_xticklabels()) == ["I", "like", "apple"]
    np.testing.assert_array_equal(bottom.get_xticks(), [0, 1, 2])


def test_one_head_needs_no_strip():
    figure = word_weights(["oh", "oh"], np.array([0.4, 0.6]), np.array([[0.7, 0.3]]), "twice")
    (axes,) = figure.axes
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], [0.4, 0.6, 0.7, 0.3])
    assert texts(axes.get_xticklabels()) == ["oh", "oh"]


@pytest.mark.parametrize(
    ("words", "shape"),
    [((), (4, 0)), (("I", "like"), (4, 3)), (("I",), (1, 4, 1)), (("I",), (0, 1))],
)
def test_word_weights_that_cannot_be_drawn(words, shape):
    with pytest.raises(InputError, match=f"found {len(words)} words and weights of text"):
        word_weights(words, np.ones(shape), np.ones(shape), "title")


def test_what_is_long_is_upright_and_inside_the_figure():
    """Ticks of neighbours do not overlap, and none is cut off."""
    words = "everything that happened yesterday was extraordinarily difficult".split() * 3
    heads = np.full((4, len(words)), 1 / len(words))
    figure = word_weights(words, heads, heads, "long")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in panel(figure, "audio").get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))
    assert min(box.y0 for box in boxes) >= 0
