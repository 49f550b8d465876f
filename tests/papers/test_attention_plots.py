"""Attention over spectrograms and words as it is drawn."""

import itertools

import numpy as np
import pytest

from figures import panel, texts
from ser_stream.errors import InputError
from ser_stream.features.log_mel import JALAL, log_mel
from ser_stream.papers.attention_plots import attention_over_spectrogram, word_weights
from ser_stream.words import Word

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


def test_a_tone_is_drawn_at_its_frequency():
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
def test_inconsistent_attention_is_refused(changes, message):
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
def test_inconsistent_word_weights_are_refused(words, shape):
    with pytest.raises(InputError, match=f"found {len(words)} words and weights of text"):
        word_weights(words, np.ones(shape), np.ones(shape), "title")


def test_long_words_are_upright_and_inside_the_figure():
    """Ticks of neighbours do not overlap, and none is cut off."""
    words = "everything that happened yesterday was extraordinarily difficult".split() * 3
    heads = np.full((4, len(words)), 1 / len(words))
    figure = word_weights(words, heads, heads, "long")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in panel(figure, "audio").get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))
    assert min(box.y0 for box in boxes) >= 0
