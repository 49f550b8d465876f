"""Scores of a model by window length, hop and smoothing.

Each recording is streamed through the recogniser's own windowing once per window length and hop,
and its longest turn is kept.

    python tools/compare_windows.py MODEL --recipe RECIPE --corpora DIR
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser_stream.audio.recording import Recording
from ser_stream.audio.turns import TurnSettings
from ser_stream.commands.shared import add_clips, add_held_out, print_error, show_tables
from ser_stream.corpora.base import Utterance
from ser_stream.engines.base import Network
from ser_stream.engines.calls import answered
from ser_stream.engines.choose import open_network
from ser_stream.errors import InputError
from ser_stream.evaluation.evaluate import held_out_clips
from ser_stream.evaluation.metrics import score
from ser_stream.evaluation.streamed import MIN_SPEECH_S
from ser_stream.progress import progress
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.speech import Recipe
from ser_stream.stream.decoding import TurnDecoder
from ser_stream.stream.turn_encoder import TurnEncoder
from ser_stream.stream.window import TurnEnd, Window, WindowSettings
from ser_stream.stream.windowing import StreamWindower
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from smoothing import SMOOTHERS, Smoother, no_smoothing

WINDOWS_S = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
HOPS_S = (0.1, 0.25, 0.5, 1.0)
DEFAULT_WINDOW_S: Seconds = 5.0
DEFAULT_HOP_S: Seconds = 0.5


@dataclasses.dataclass(frozen=True)
class ScoredTurn:
    """Windows of the longest turn of a recording, in order; the last one ends with the turn.

    Attributes:
        corpus: name of the recording's corpus.
        target: index of the true label.
        logits: (windows, labels).
        after_s: (windows,) time from the onset of speech to the window's end.
        final: index of the label of the utterance estimate without smoothing.
    """

    corpus: str
    target: int
    logits: np.ndarray
    after_s: np.ndarray
    final: int


def compare(
    model: str | Path, recipe: Recipe, corpora: Path, part: str, clips: int | None = None
) -> dict:
    """Return the scores of a model for each window, hop and smoothing, on held-out speakers.

    Args:
        clips: number of recordings of each corpus; None: all.

    Returns:
        model, recipe, part, and windows, hops, smoothing: name -> scores, see `_scores`.

    Raises:
        InputError: the model or a corpus cannot be read, or model and recipe have other labels.
    """
    network, info = open_network(model)
    recipe.require_labels(info.labels, info.name)
    utterances = held_out_clips(recipe, corpora, part, clips).utterances
    settings = dict.fromkeys(
        [(window, DEFAULT_HOP_S) for window in WINDOWS_S]
        + [(DEFAULT_WINDOW_S, hop) for hop in HOPS_S]
    )
    turns = {each: _scored_turns(network, utterances, *each) for each in settings}
    default = turns[DEFAULT_WINDOW_S, DEFAULT_HOP_S]
    return {
        "model": info.name,
        "recipe": recipe.name,
        "part": part,
        "windows": {
            f"{window:g}": _scores(info.labels, turns[window, DEFAULT_HOP_S], no_smoothing)
            for window in WINDOWS_S
        },
        "hops": {
            f"{hop:g}": _scores(info.labels, turns[DEFAULT_WINDOW_S, hop], no_smoothing)
            for hop in HOPS_S
        },
        "smoothing": {
            name: _scores(info.labels, default, smoother) for name, smoother in SMOOTHERS.items()
        },
    }


def _scored_turns(
    network: Network, utterances: Sequence[Utterance], window_s: Seconds, hop_s: Seconds
) -> list[ScoredTurn]:
    """Return the longest turn of each recording in which speech is found."""
    turns = []
    for utterance in progress(utterances, f"window {window_s:g} s, hop {hop_s:g} s"):
        windows = _longest_turn(_stream(network, utterance.path, window_s, hop_s))
        if windows:
            target = network.labels.index(utterance.label)
            turns.append(_score_turn(network, windows, utterance.corpus, target, window_s))
    return turns


def _stream(
    network: Network, path: Path, window_s: Seconds, hop_s: Seconds
) -> list[Window | TurnEnd]:
    """Return all windows of a recording, as the recogniser cuts them."""
    window_frames, hop_frames = (
        round(length / network.features.frame_s) for length in (window_s, hop_s)
    )
    settings = WindowSettings(network.features, window_frames, hop_frames, MIN_SPEECH_S)
    source = Recording(path)
    windower = StreamWindower(settings, TurnSettings(), settle_s=source.settle_s)
    windows = [window for block in source.blocks() for window in windower.push(block)]
    return windows + windower.finish()


def _longest_turn(windows: Sequence[Window | TurnEnd]) -> list[Window | TurnEnd]:
    """Return the windows of the turn that is the longest one at its end."""
    ends = {window.turn: window.n_frames for window in windows}
    longest = max(ends, key=ends.__getitem__, default=None)
    return [window for window in windows if window.turn == longest]


def _score_turn(
    network: Network,
    windows: Sequence[Window | TurnEnd],
    corpus: str,
    target: int,
    window_s: Seconds,
) -> ScoredTurn:
    window_steps = network.framing.steps_in(round(window_s / network.features.frame_s))
    encoder, decoder = TurnEncoder(network, windows[0].features, window_steps), TurnDecoder()
    logits = []
    for window in windows:
        outputs = answered(network, encoder.outputs(window.n_frames))
        logits.append(outputs.logits.astype(np.float64))
        decoder.add(logits[-1], window.weight_s, window.covers_turn)
    return ScoredTurn(
        corpus, target, np.array(logits), np.array([_after_onset(w) for w in windows]),
        int(decoder.mean().argmax()),
    )  # fmt: skip


def _after_onset(window: Window | TurnEnd) -> Seconds:
    """Return the time from the onset of speech to the window's last sample."""
    turn = window.features.turn
    return (turn.start + window.n_samples - turn.onset) / SAMPLE_RATE_HZ


def _scores(
    labels: tuple[str, ...], turns: Sequence[ScoredTurn], smoother: Smoother
) -> dict[str, float]:
    """Return means over the corpora.

    Returns:
        interval_wa, interval_ua: of all windows but each turn's last; utterance_wa, utterance_ua:
        of the utterance estimate, with smoothing of the turn's last window; changes: of the
        estimate, per turn; first_s: from onset to the first estimate, median; right_s: to the first
        correct one, median of the turns that have one; ever_right: their share.
    """
    by_corpus: dict[str, list[tuple[ScoredTurn, np.ndarray, int]]] = {}
    for turn in turns:
        answers = smoother(turn.logits).argmax(axis=1)
        final = turn.final if smoother is no_smoothing else int(answers[-1])
        by_corpus.setdefault(turn.corpus, []).append((turn, answers, final))
    scores = [_scores_of_corpus(labels, members) for members in by_corpus.values()]
    return {name: round(float(np.mean([each[name] for each in scores])), 4) for name in scores[0]}


def _scores_of_corpus(
    labels: tuple[str, ...], members: list[tuple[ScoredTurn, np.ndarray, int]]
) -> dict[str, float]:
    targets = np.array([turn.target for turn, _, _ in members])
    finals = score(labels, targets, np.array([final for _, _, final in members]))
    counts = [len(answers) - 1 for _, answers, _ in members]
    intervals = score(
        labels, np.repeat(targets, counts), np.concatenate([a[:-1] for _, a, _ in members])
    )
    right_after = [
        turn.after_s[right.argmax()]
        for turn, answers, _ in members
        if (right := answers == turn.target).any()
    ]
    changes = [np.count_nonzero(np.diff(answers)) for _, answers, _ in members]
    return {
        "interval_wa": intervals.wa,
        "interval_ua": intervals.ua,
        "utterance_wa": finals.wa,
        "utterance_ua": finals.ua,
        "changes": float(np.mean(changes)),
        "first_s": float(np.median([turn.after_s[0] for turn, _, _ in members])),
        "right_s": float(np.median(right_after)),
        "ever_right": len(right_after) / len(members),
    }


COLUMNS = {
    "interval_wa": "interval WA", "interval_ua": "UA", "utterance_wa": "utterance WA",
    "utterance_ua": "UA", "changes": "changes per turn", "first_s": "first answer (s)",
    "right_s": "first right answer (s)", "ever_right": "ever right",
}  # fmt: skip
TITLES = {"windows": "window (s)", "hops": "hop (s)", "smoothing": "smoothing"}


def to_markdown(report: dict) -> str:
    """Return the three tables; shares in percent."""
    tables = []
    for kind, title in TITLES.items():
        lines = [f"| {title} | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
        for name, scores in report[kind].items():
            cells = (
                f"{scores[column]:.2f}" if column in ("changes", "first_s", "right_s")
                else f"{100 * scores[column]:.1f}"
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
    parser.add_argument("model", metavar="NAME|DIR", help="shipped model or model folder")
    add_held_out(parser)
    add_clips(parser)
    parser.add_argument("--json", action="store_true", help="all scores, as one JSON object")
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
