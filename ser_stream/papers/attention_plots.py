"""Plots of attention weights over the frames of a spectrogram and over words.

As in `evaluation.plots`, each function returns a figure that belongs to the caller alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ser_stream.errors import InputError, shown
from ser_stream.evaluation.plots import heading, plain, series_colours
from ser_stream.features.log_mel import LogMelConfig, hertz_to_mel
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word

CHARACTER_INCHES = 0.09
"""Average width of a character of a label (9 points), with some space."""

LABEL_POINTS = 9
LABEL_WIDTH = 10
"""Maximum characters per line of a panel's label; longer lines would overlap the next panel."""

DYNAMIC_RANGE_DB = 80.0
"""Cells further below the loudest cell of a spectrogram are drawn as silence."""


def attention_over_spectrogram(
    log_mel: np.ndarray,
    weights: Mapping[str, np.ndarray],
    features: LogMelConfig,
    title: str,
    words: Sequence[Word] = (),
    phones: Sequence[Word] = (),
    waveform: np.ndarray | None = None,
) -> Figure:
    """Plot waveform, log-mel spectrogram, attention, words and phones on one time axis.

    The layout is that of Jalal et al., Figures 2 to 5. A frame is drawn around the middle of the
    sound that it covers, one hop wide. Boundaries of words (solid) and of phones (dotted) run
    through all panels. A dotted line shows the weight of every frame under uniform attention.

    Args:
        log_mel: (frames, bands) dB, before normalisation.
        weights: name of an attention layer -> (frames,); each has its own panel and scale.
        features: settings with which `log_mel` was computed.
        words, phones: with times from the sound's start; special tokens are grey.
        waveform: (n,) samples, full scale +-1.

    Raises:
        InputError: lengths do not fit, there is no layer, or a word starts after the end of the
            sound or ends before its start.
    """
    _check_spectrogram(log_mel, weights, features)
    end_s = features.samples_for(len(log_mel)) / SAMPLE_RATE_HZ
    if waveform is not None:
        end_s = max(end_s, len(waveform) / SAMPLE_RATE_HZ)
    _check_times((*words, *phones), end_s)

    width = float(np.clip(2.8 * end_s, 7.0, 18.0))
    tracks = {name: track for name, track in (("words", words), ("phones", phones)) if track}
    upright = {name: _must_be_upright(track, width / end_s) for name, track in tracks.items()}
    heights = [1.0] * (waveform is not None) + [2.0] + [1.0] * len(weights)
    heights += [_height(track, upright[name]) for name, track in tracks.items()]
    figure = Figure((width + 1.5, sum(heights) + 1.0), layout="constrained")
    panels = _panels(figure, heights)
    panels[0].set_title(heading(title, width))
    rows = iter(panels)

    if waveform is not None:
        _draw_waveform(next(rows), waveform)
    # Frame k covers n_fft samples from k * hop_length on.
    start_s = (features.n_fft - features.hop_length) / 2 / SAMPLE_RATE_HZ
    edges_s = start_s + features.frame_s * np.arange(len(log_mel) + 1)
    _draw_spectrogram(next(rows), log_mel, edges_s, features)
    for colour, (name, levels) in zip(series_colours(len(weights)), weights.items(), strict=True):
        _draw_weights(next(rows), name, levels, edges_s, colour)
    # Phone boundaries are not drawn in the words' row, where they would cross the text.
    _draw_boundaries(panels, words, "-")
    _draw_boundaries([*panels[: len(panels) - len(tracks)], panels[-1]], phones, ":")
    for name, track in tracks.items():
        _draw_track(next(rows), track, name, upright[name])
    panels[-1].set_xlim(0, max([end_s, *(word.end_s for word in (*words, *phones))]))
    panels[-1].set_xlabel("time (s)")
    figure.align_ylabels()
    return figure


def _panels(figure: Figure, heights: Sequence[float]) -> list[Axes]:
    """Return panels one above another, with these relative heights and a common x axis."""
    grid = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)
    return list(grid[:, 0])


def _check_times(words: Sequence[Word], end_s: Seconds) -> None:
    for word in words:
        if not 0 <= word.start_s <= word.end_s or word.start_s >= end_s:
            raise InputError(
                f"attention figure: found {shown(word.text)} from {word.start_s:g} to "
                f"{word.end_s:g} s; "
                f"accepted are words that start within the sound, {end_s:.2f} s, and end later"
            )


def _check_spectrogram(
    log_mel: np.ndarray, weights: Mapping[str, np.ndarray], features: LogMelConfig
) -> None:
    if log_mel.ndim != 2 or len(log_mel) == 0 or log_mel.shape[1] != features.n_mels:
        raise InputError(
            f"attention figure: found a spectrogram {log_mel.shape}; accepted is (frames, "
            f"{features.n_mels})"
        )
    if not weights:
        raise InputError("attention figure: found no weights; accepted are 1 layer and more")
    for name, levels in weights.items():
        if np.shape(levels) != (len(log_mel),):
            raise InputError(
                f"attention figure: found weights {name!r} {np.shape(levels)}; accepted is one for "
                f"each frame, ({len(log_mel)},)"
            )


def _draw_spectrogram(
    axes: Axes, log_mel: np.ndarray, edges_s: np.ndarray, features: LogMelConfig
) -> None:
    loudest = log_mel.max()
    image = axes.imshow(
        log_mel.T, origin="lower", aspect="auto", cmap="magma", interpolation="nearest",
        extent=(edges_s[0], edges_s[-1], -0.5, features.n_mels - 0.5),
        vmin=loudest - DYNAMIC_RANGE_DB, vmax=loudest,
    )  # fmt: skip
    # Centres of the bands are evenly spaced in mel, strictly between fmin and fmax.
    lowest, highest = hertz_to_mel(np.array([features.fmin, features.fmax]))
    ticks_hz = np.array([250, 500, 1000, 2000, 4000, 8000])
    bands = (hertz_to_mel(ticks_hz) - lowest) / (highest - lowest) * (features.n_mels + 1) - 1
    shown = (bands >= -0.5) & (bands <= features.n_mels + 0.5)
    axes.set_yticks(bands[shown], [f"{hertz / 1000:g}" for hertz in ticks_hz[shown]])
    axes.set_ylim(-0.5, features.n_mels - 0.5)
    axes.set_ylabel("frequency\n(kHz, mel scale)")
    # An inset keeps the panel as wide as the others, which share its time axis.
    axes.figure.colorbar(image, cax=axes.inset_axes((1.01, 0, 0.012, 1)), label="dB re 1")


def _draw_weights(
    axes: Axes, layer: str, weights: np.ndarray, edges_s: np.ndarray, colour: str
) -> None:
    axes.stairs(weights, edges_s, fill=True, color=colour, alpha=0.4)
    axes.stairs(weights, edges_s, baseline=None, color=colour)
    axes.axhline(np.mean(weights), color="0.3", linestyle=":")
    axes.set_ylabel(f"{textwrap.fill(plain(layer), LABEL_WIDTH)}\n(weight)")


def _draw_waveform(axes: Axes, waveform: np.ndarray) -> None:
    times_s = np.arange(len(waveform)) / SAMPLE_RATE_HZ
    # Rasterised in the SVG: as a path, each second has 16,000 points.
    axes.plot(times_s, waveform, color="0.3", linewidth=0.5, rasterized=True)
    axes.set_ylabel("amplitude\n(full scale 1)")


def _draw_boundaries(panels: Sequence[Axes], track: Sequence[Word], line: str) -> None:
    # In a set, the end of a word and the start of the next one are one line.
    for time_s in {time_s for word in track for time_s in (word.start_s, word.end_s)}:
        for axes in panels:
            axes.axvline(time_s, color="0.5", linewidth=0.8, linestyle=line)


def _must_be_upright(track: Sequence[Word], inches_per_second: float) -> bool:
    """Return whether a text is wider than the space between its boundaries."""
    return any(
        CHARACTER_INCHES * len(word.text) > inches_per_second * (word.end_s - word.start_s)
        for word in track
    )


def _height(track: Sequence[Word], upright: bool) -> float:
    """Return the height of a track in inches."""
    longest = max(len(word.text) for word in track)
    return 0.2 + CHARACTER_INCHES * longest if upright else 0.35


def _draw_track(axes: Axes, track: Sequence[Word], name: str, upright: bool) -> None:
    for word in track:
        axes.text(
            (word.start_s + word.end_s) / 2, 0.5, plain(word.text), ha="center", va="center",
            rotation=90 if upright else 0, fontsize=LABEL_POINTS,
            color="0.6" if word.is_special else "black",
        )  # fmt: skip
    axes.set(yticks=[], ylim=(0, 1))
    axes.set_ylabel(name, rotation=0, ha="right", va="center")


def word_weights(words: Sequence[str], text: np.ndarray, audio: np.ndarray, title: str) -> Figure:
    """Plot the attention weights of words from text and from audio, which CAN exchanges.

    Bars show the mean over heads; with several heads, a strip per modality shows each head. A
    dotted line shows the weight under uniform attention. The weights are those of eqs. 4 and 5 of
    Lee, Yoon and Jung, 2020, who print no such figure.

    Args:
        words: one per segment.
        text, audio: (heads, words), or (words,) for one head; each head's weights sum to 1.

    Raises:
        InputError: there is no word, or weights have another shape.
    """
    weights = {"text": np.atleast_2d(text), "audio": np.atleast_2d(audio)}
    n_words = len(words)
    _check_heads(weights, n_words)
    strips = {name: heads for name, heads in weights.items() if len(heads) > 1}
    width = max(6.0, 0.35 * n_words)
    longest = CHARACTER_INCHES * max(map(len, words))
    upright = longest > width / n_words
    heights = [2.0, *(0.3 + 0.2 * len(heads) for heads in strips.values())]
    figure = Figure((width + 1.8, sum(heights) + 0.9 + longest * upright), layout="constrained")
    panels = _panels(figure, heights)
    for offset, colour, (name, heads) in zip(
        (-0.2, 0.2), series_colours(2), weights.items(), strict=True
    ):
        panels[0].bar(
            np.arange(n_words) + offset, heads.mean(axis=0), 0.4, color=colour, label=name
        )
    panels[0].axhline(1 / n_words, color="0.3", linestyle=":")
    panels[0].legend(title="attention of", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    panels[0].set_title(heading(title, width))
    panels[0].set_ylabel("weight, mean of heads" if strips else "weight")
    _draw_heads(panels[1:], strips)
    panels[-1].set_xticks(
        range(n_words), [plain(word) for word in words], rotation=90 if upright else 0
    )
    panels[-1].set_xlim(-0.5, n_words - 0.5)
    figure.align_ylabels()
    return figure


def _check_heads(weights: Mapping[str, np.ndarray], n_words: int) -> None:
    for name, heads in weights.items():
        if n_words == 0 or heads.ndim != 2 or heads.shape[1] != n_words or len(heads) == 0:
            raise InputError(
                f"word weights: found {n_words} words and weights of {name} {np.shape(heads)}; "
                "accepted are (heads, words) for 1 word and more"
            )


def _draw_heads(panels: Sequence[Axes], strips: Mapping[str, np.ndarray]) -> None:
    """Draw the weights of each head, one modality per panel, on one colour scale."""
    highest = max((heads.max() for heads in strips.values()), default=1.0)
    for axes, (name, heads) in zip(panels, strips.items(), strict=True):
        image = axes.imshow(heads, aspect="auto", cmap="Blues", vmin=0, vmax=highest)
        axes.set_yticks(range(len(heads)), [str(head + 1) for head in range(len(heads))])
        axes.set_ylabel(f"{name},\nhead")
        axes.figure.colorbar(image, cax=axes.inset_axes((1.01, 0, 0.012, 1)), label="weight")
