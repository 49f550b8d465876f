"""Scores a model through a robot's ear: the same speakers under each condition."""

from __future__ import annotations

import dataclasses
import tempfile
import zlib
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from ser_stream.corpora import esc10
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, read_corpora
from ser_stream.data.acoustics import CONDITIONS, Surroundings
from ser_stream.data.feature_cache import read_samples
from ser_stream.evaluation.evaluate import score_stream
from ser_stream.evaluation.streamed import IN_A_ROW, draw, stream_logits
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo
from ser_stream.recipes.speech import Recipe
from ser_stream.stream.windowing import WindowSettings
from ser_stream.units import SAMPLE_RATE_HZ

FOLDS = (4, 5)
"""Of ESC-10: what no recipe of ours trains with."""
NO_SPEECH = "no-speech"
"""Name of the condition in which nobody speaks."""


def evaluate_conditions(
    model: str | Path,
    recipe: Recipe,
    corpora: Path,
    part: str,
    conditions: list[str],
    clips: int | None = None,
) -> dict:
    """Figures of a model on the speakers that a recipe holds out, under each condition.

    Args:
        conditions: names of `CONDITIONS`, and `NO_SPEECH`.
        clips: so many of each corpus, drawn at random but always the same; None: all.

    Returns:
        model, recipe, part, clips, conditions (name -> corpus -> scores of the utterance
        estimates, of a model that remembers voices also `IN_A_ROW`), and, for `NO_SPEECH`,
        false_estimates, see there.

    Raises:
        InputError: a corpus cannot be read, labels differ, or a room needs pyroomacoustics.
    """
    network, info = load_model(model)
    recipe.require_labels(info.labels, info.name)
    chosen = draw(recipe.split(read_corpora(corpora, list(recipe.corpora)))[part], clips)
    around = Surroundings(corpora, FOLDS, [u.path for u in chosen])
    report = {
        "model": info.name, "recipe": recipe.name, "part": part, "clips": clips,
        "conditions": {},
    }  # fmt: skip
    for name in conditions:
        if name == NO_SPEECH:
            report["false_estimates"] = false_estimates(network, info, corpora)
            continue
        with tempfile.TemporaryDirectory() as folder:
            heard = [_heard(u, name, around, Path(folder)) for u in tqdm(chosen, desc=name)]
            report["conditions"][name] = {
                corpus: _scores(network, info, members)
                for corpus in recipe.corpora
                if (members := [u for u in heard if u.corpus == corpus])
            }
    return report


def _scores(network: EmotionModel, info: ModelInfo, utterances: list[Utterance]) -> dict:
    report = score_stream(network, info, utterances, network.has_speaker_memory)
    scores = report["utterance"]
    return scores | {IN_A_ROW: report[IN_A_ROW]} if network.has_speaker_memory else scores


def _heard(utterance: Utterance, condition: str, around: Surroundings, folder: Path) -> Utterance:
    rng = np.random.default_rng(zlib.crc32(f"{condition} {utterance.key}".encode()))
    samples = CONDITIONS[condition](read_samples(utterance.path), around, rng)
    path = folder / f"{utterance.key.replace('/', '-')}.wav"
    soundfile.write(path, samples, SAMPLE_RATE_HZ, subtype="FLOAT")
    return dataclasses.replace(utterance, path=path)


def false_estimates(network: EmotionModel, info: ModelInfo, corpora: Path) -> dict:
    """What is said, not abstaining, of sounds that hold no voice: ESC-10, folds 4 and 5.

    As in a live stream, less speech than `WindowSettings.min_speech` is too little to answer.

    Returns:
        hours, estimates, per_hour, and by_sound: class -> estimates.
    """
    seconds, by_sound = 0.0, {}
    for path in esc10.noise_files(corpora / "esc10", FOLDS):
        seconds += len(read_samples(path)) / SAMPLE_RATE_HZ
        for window, logits in stream_logits(network, info.smoothing, path):
            calibration = info.calibration[window.trigger]
            sure = calibration.probabilities(logits).max() >= calibration.floor
            if sure and window.speech_s >= WindowSettings.min_speech:
                by_sound[path.parent.name] = by_sound.get(path.parent.name, 0) + 1
    n, hours = sum(by_sound.values()), seconds / 3600
    return {
        "hours": round(hours, 3),
        "estimates": n,
        "per_hour": round(n / hours, 1),
        "by_sound": by_sound,
    }


def conditions_table(report: dict) -> str:
    """Markdown: UA of the utterance estimates, in percent, and what it is against the first.

    Of a model that remembers voices, also the mean of a speaker's recordings in a row.
    """
    lines = []
    if conditions := report["conditions"]:
        first, clean = next(iter(conditions.items()))
        columns = ["condition", *(CORPORA[corpus].title for corpus in clean)]
        columns += ["mean", f"against {first}"]
        rows = [[name] for name in conditions]
        for row, scores in zip(rows, conditions.values(), strict=True):
            row += [f"{100 * figures['ua']:.1f}" for figures in scores.values()]
        ways = [conditions]
        if all(IN_A_ROW in figures for figures in clean.values()):
            columns += ["in a row: mean", f"against {first}"]
            ways.append({
                name: {corpus: figures[IN_A_ROW] for corpus, figures in scores.items()}
                for name, scores in conditions.items()
            })  # fmt: skip
        for way in ways:
            means = [_mean_ua(scores) for scores in way.values()]
            for row, mean in zip(rows, means, strict=True):
                row += [f"{mean:.1f}", f"{mean - means[0]:+.1f}"]
        lines = [f"| {' | '.join(row)} |" for row in [columns, *rows]]
        lines.insert(1, "|---" * len(columns) + "|")
    if false := report.get("false_estimates"):
        lines += ["", (
            f"Sounds without a voice (ESC-10, folds 4 and 5, {60 * false['hours']:.1f} minutes): "
            f"{false['estimates']} estimates, {false['per_hour']:g} per hour."
        )]  # fmt: skip
    return "\n".join(lines)


def _mean_ua(scores: dict[str, dict]) -> float:
    return 100 * float(np.mean([figures["ua"] for figures in scores.values()]))
