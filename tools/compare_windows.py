"""What window, hop and smoothing are worth: one model, recordings streamed, judged in many ways.

Each recording is heard once, as on the robot, and its longest turn is kept. All else follows from
that turn's steps: whatever the window, the network's front end gives the same ones.

    python tools/compare_windows.py MODEL --recipe RECIPE --corpora DIR
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ser_stream.audio.recording import Recording
from ser_stream.audio.turns import Turn, TurnSettings
from ser_stream.commands.shared import add_clips, add_held_out, print_error, show_tables
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import score
from ser_stream.evaluation.streamed import MIN_SPEECH_S, draw
from ser_stream.features.log_mel import SILENCE_DB
from ser_stream.models.base import EmotionModel
from ser_stream.models.calibration import log_softmax
from ser_stream.models.checkpoint import load_model
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.speech import Recipe
from ser_stream.stream.decoding import TurnDecoder
from ser_stream.stream.windowing import StreamWindower, TurnFeatures, WindowSettings
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

WINDOWS_S = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
HOPS_S = (0.1, 0.25, 0.5, 1.0)
WINDOW_S: Seconds = 5.0
HOP_S: Seconds = 0.5

Smoother = Callable[[np.ndarray], np.ndarray]
"""Logits of a turn's windows (windows, labels) -> scores of the same shape, from the past alone."""


@dataclasses.dataclass(frozen=True)
class HeardTurn:
    """The longest turn of one recording.

    Attributes:
        steps: (steps, dimension) of all its frames.
        n_frames: that were heard until its end was known; last: where its last window ends.
    """

    corpus: str
    target: int
    turn: Turn
    steps: Tensor
    n_frames: int
    last: int


@dataclasses.dataclass(frozen=True)
class Judged:
    """A turn's windows, in order, the one at its end last.

    Attributes:
        logits: (windows, labels).
        after_s: (windows,) from the onset of speech to the window's end.
        speech_s: (windows,) how much of each is speech; covers_turn: (windows,) bool.
    """

    turn: HeardTurn
    logits: np.ndarray
    after_s: np.ndarray
    speech_s: np.ndarray
    covers_turn: np.ndarray


def compare(
    model: str | Path, recipe: Recipe, corpora: Path, part: str, clips: int | None = None
) -> dict:
    """Figures of a model for each window, hop and smoothing, on speakers that a recipe holds out.

    Args:
        clips: so many recordings of each corpus; None: all.

    Returns:
        model, recipe, part, and windows, hops, smoothing: name -> figures, see `_figures`.

    Raises:
        InputError: the model or a corpus cannot be read, or model and recipe have other labels.
    """
    network, info = load_model(model)
    recipe.require_labels(info.labels, info.name)
    utterances = recipe.split(read_corpora(corpora, list(recipe.corpora)))[part]
    heard = list(_heard(network, draw(utterances, clips)))
    usual = list(_judged(network, heard, WINDOW_S, HOP_S))
    none = SMOOTHERS["none"]
    return {
        "model": info.name,
        "recipe": recipe.name,
        "part": part,
        "windows": {
            f"{window:g}": _figures(info.labels, _judged(network, heard, window, HOP_S), none)
            for window in WINDOWS_S
        },
        "hops": {
            f"{hop:g}": _figures(info.labels, _judged(network, heard, WINDOW_S, hop), none)
            for hop in HOPS_S
        },
        "smoothing": {
            name: _figures(info.labels, usual, smoother) for name, smoother in SMOOTHERS.items()
        },
    }


def _heard(model: EmotionModel, utterances: list[Utterance]) -> Iterator[HeardTurn]:
    settings = WindowSettings(model.features, model.window_frames, model.hop_frames, MIN_SPEECH_S)
    for utterance in tqdm(utterances, desc="listening"):
        source = Recording(utterance.path)
        session = StreamWindower(settings, TurnSettings(), settle_s=source.settle_s)
        windows = [window for block in source.blocks() for window in session.push(block)]
        ends = {window.features: window.n_frames for window in windows + session.finish()}
        if ends:
            features = max(ends, key=ends.get)
            target = model.labels.index(utterance.label)
            yield _turn(model, utterance.corpus, target, features, ends[features])


def _turn(
    model: EmotionModel, corpus: str, target: int, features: TurnFeatures, last: int
) -> HeardTurn:
    room = max(model.step_frames, features.n_frames)
    frames = torch.full((1, room, model.features.dimension), SILENCE_DB)
    frames[0, : features.n_frames] = torch.from_numpy(features.read(0, features.n_frames))
    with torch.inference_mode():
        steps = model.encode(frames)[0]
    return HeardTurn(corpus, target, features.turn, steps, features.n_frames, last)


def _judged(
    model: EmotionModel, turns: list[HeardTurn], window_s: Seconds, hop_s: Seconds
) -> Iterator[Judged]:
    config = model.features
    window, hop = (round(length / config.frame_s) for length in (window_s, hop_s))
    hop_samples = hop * config.hop_length
    for heard in turns:
        turn, ends, speech = heard.turn, [], []
        for end in [*range(hop, heard.n_frames + 1, hop), heard.last]:
            position = turn.start + config.samples_for(end)
            enough = turn.speech_samples(turn.start, position) >= MIN_SPEECH_S * SAMPLE_RATE_HZ
            is_last = end == heard.last and len(ends) == len(speech)
            if is_last or (enough and turn.speech_samples(position - hop_samples, position)):
                ends.append(end)
                first = position - config.samples_for(window)
                speech.append(turn.speech_samples(max(turn.start, first), position))
        ends = np.array(ends)
        yield Judged(
            heard,
            _logits(model, heard.steps, ends, model.steps_in(window)),
            (turn.start + config.samples_for(1) + (ends - 1) * config.hop_length - turn.onset)
            / SAMPLE_RATE_HZ,
            np.array(speech) / SAMPLE_RATE_HZ,
            ends <= window,
        )


def _logits(model: EmotionModel, steps: Tensor, ends: np.ndarray, window_steps: int) -> np.ndarray:
    """Logits (windows, labels) of the windows that end with those frames."""
    lasts = [max(1, model.steps_in(int(end))) for end in ends]
    parts = [steps[max(0, last - window_steps) : last] for last in lasts]
    lengths = torch.tensor([len(part) for part in parts])
    with torch.inference_mode():
        padded = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
        return model.classify(padded, lengths).numpy().astype(np.float64)


def _none(logits: np.ndarray) -> np.ndarray:
    return logits


def _moving_average(weight: float) -> Smoother:
    def smooth(logits: np.ndarray) -> np.ndarray:
        decoder = TurnDecoder(weight)
        return np.array([decoder.window(each, 1.0) for each in logits])

    return smooth


def _hidden_markov(stay: float) -> Smoother:
    """Forward algorithm: an emotion stays with that probability from one window to the next."""

    def smooth(logits: np.ndarray) -> np.ndarray:
        likelihoods = np.exp(log_softmax(logits))
        n_labels = logits.shape[1]
        leave = (1 - stay) / (n_labels - 1)
        beliefs, belief = [], np.full(n_labels, 1 / n_labels)
        for likelihood in likelihoods:
            belief = (leave + (stay - leave) * belief) * likelihood
            belief /= belief.sum()
            beliefs.append(belief)
        return np.log(np.maximum(beliefs, 1e-12))

    return smooth


def _turn_so_far(logits: np.ndarray) -> np.ndarray:
    """Mean of the log-probabilities since the turn began."""
    return np.cumsum(log_softmax(logits), axis=0)


SMOOTHERS: dict[str, Smoother] = {
    "none": _none,
    "moving average 0.3": _moving_average(0.3),
    "moving average 0.5": _moving_average(0.5),
    "moving average 0.7": _moving_average(0.7),
    "moving average 0.9": _moving_average(0.9),
    "HMM, stays 0.7": _hidden_markov(0.7),
    "HMM, stays 0.9": _hidden_markov(0.9),
    "mean since the turn began": _turn_so_far,
}


def _figures(labels: tuple[str, ...], judged: Iterator[Judged], smoother: Smoother) -> dict:
    """Means over the corpora.

    Returns:
        interval_wa, interval_ua: of all windows but each turn's last; utterance_wa, utterance_ua:
        of the turn's answer as the robot gives it, or, smoothed, of its last window;
        changes: of the answer, per turn; first_s: from onset to the first answer, median;
        right_s: to the first right one, median of the turns that have one; ever_right: their share.
    """
    by_corpus: dict[str, list[tuple[Judged, np.ndarray, int]]] = {}
    for turn in judged:
        answers = smoother(turn.logits).argmax(axis=1)
        final = _final(turn) if smoother is _none else answers[-1]
        by_corpus.setdefault(turn.turn.corpus, []).append((turn, answers, int(final)))
    figures = [_of_corpus(labels, members) for members in by_corpus.values()]
    return {name: round(float(np.mean([each[name] for each in figures])), 4) for name in figures[0]}


def _final(turn: Judged) -> int:
    decoder = TurnDecoder()
    for logits, speech, covers in zip(turn.logits, turn.speech_s, turn.covers_turn, strict=True):
        decoder.window(logits, max(speech, 1e-3), bool(covers))
    return int(decoder.utterance().argmax())


def _of_corpus(
    labels: tuple[str, ...], members: list[tuple[Judged, np.ndarray, int]]
) -> dict[str, float]:
    targets = np.array([turn.turn.target for turn, _, _ in members])
    finals = score(labels, targets, np.array([final for _, _, final in members]))
    counts = [len(answers) - 1 for _, answers, _ in members]
    intervals = score(
        labels, np.repeat(targets, counts), np.concatenate([a[:-1] for _, a, _ in members])
    )
    right_after = [
        turn.after_s[right.argmax()]
        for turn, answers, _ in members
        if (right := answers == turn.turn.target).any()
    ]
    return {
        "interval_wa": intervals.wa,
        "interval_ua": intervals.ua,
        "utterance_wa": finals.wa,
        "utterance_ua": finals.ua,
        "changes": np.mean([np.count_nonzero(np.diff(answers)) for _, answers, _ in members]),
        "first_s": np.median([turn.after_s[0] for turn, _, _ in members]),
        "right_s": np.median(right_after),
        "ever_right": len(right_after) / len(members),
    }


COLUMNS = {
    "interval_wa": "interval WA", "interval_ua": "UA", "utterance_wa": "utterance WA",
    "utterance_ua": "UA", "changes": "changes per turn", "first_s": "first answer (s)",
    "right_s": "first right answer (s)", "ever_right": "ever right",
}  # fmt: skip
TITLES = {"windows": "window (s)", "hops": "hop (s)", "smoothing": "smoothing"}


def to_markdown(report: dict) -> str:
    """The three tables; shares in percent."""
    tables = []
    for kind, title in TITLES.items():
        lines = [f"| {title} | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
        for name, figures in report[kind].items():
            cells = (
                f"{figures[column]:.2f}" if column in ("changes", "first_s", "right_s")
                else f"{100 * figures[column]:.1f}"
                for column in COLUMNS
            )  # fmt: skip
            lines.append(f"| {name} | {' | '.join(cells)} |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def main(argv: Sequence[str] | None = None) -> int:
    """Compare and print, and return the exit code: 0, or 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(
        description="Score a model by window length, hop and smoothing."
    )
    parser.add_argument("model", metavar="NAME|DIR")
    add_held_out(parser)
    add_clips(parser)
    parser.add_argument("--json", action="store_true", help="all figures, as one JSON object")
    arguments = parser.parse_args(argv)
    try:
        recipe = load_recipe(arguments.recipe, Recipe)
        report = compare(
            arguments.model, recipe, arguments.corpora, arguments.part, arguments.clips
        )
    except InputError as error:
        print_error(error)
        return 2
    if arguments.json:
        print(json.dumps(report))
    else:
        show_tables(to_markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
