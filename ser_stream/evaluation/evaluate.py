"""Scores a model as it runs on the robot: each recording is streamed, its turns are judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, read_corpora
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import calibration_error, score, score_answers
from ser_stream.evaluation.streamed import ABOUT, IN_A_ROW, stream_logits_after, with_memories
from ser_stream.evaluation.tables import narrow_table
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo
from ser_stream.recipes.speech import Recipe
from ser_stream.stream.windowing import Window

FLOORS = (0.0, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of confidence, for the curve of accuracy over coverage."""


def evaluate_model(model: str | Path, recipe: Recipe, corpora: Path, part: str) -> dict:
    """Figures of a model on the speakers that a recipe holds out.

    Returns:
        model, recipe, part, and for each corpus its held-out speakers and the scores of the
        utterance estimates (one answer per recording) and of the interval estimates (one per
        window); of a model that remembers voices, also `IN_A_ROW`.

    Raises:
        InputError: the model or a corpus cannot be read, or model and recipe have other labels.
    """
    network, info = load_model(model)
    recipe.require_labels(info.labels, info.name)
    utterances = recipe.split(read_corpora(corpora, list(recipe.corpora)))[part]
    report = {"model": info.name, "recipe": recipe.name, "part": part, "corpora": {}}
    for corpus in recipe.corpora:
        members = [u for u in utterances if u.corpus == corpus]
        if members:
            report["corpora"][corpus] = {
                "title": CORPORA[corpus].title,
                "speakers": sorted({u.speaker for u in members}),
                **score_stream(network, info, members, network.has_speaker_memory),
            }
    return report


def score_stream(
    network: EmotionModel, info: ModelInfo, utterances: list[Utterance], in_a_row: bool = False
) -> dict:
    """Utterance estimates, one answer per recording, and interval estimates.

    Args:
        in_a_row: also where each speaker's recordings follow one another, in no order, which a
            network that remembers voices hears each against those before.

    Returns:
        utterance, interval: see `_figures`; by_sex: "f", "m" -> n, wa, ua of utterance estimates,
        of each recording by itself; with `in_a_row`, `IN_A_ROW`: utterance estimates.
    """
    ways = [StreamedPredictions(info) for _ in range(1 + in_a_row)]
    recordings = with_memories(network, utterances, in_a_row)
    progress = tqdm(recordings, desc=utterances[0].corpus, total=len(utterances))
    for utterance, memories in progress:
        windows, logits = [], [[] for _ in ways]
        of_windows = stream_logits_after(network, info.smoothing, utterance.path, memories)
        for window, judged in of_windows:
            windows.append(window)
            for way, values in zip(logits, judged, strict=True):
                way.append(values)
        for answers, values in zip(ways, logits, strict=True):
            answers.add(utterance, windows, values)
    alone = ways[0]
    report = {name: alone.figures(name) for name in (UTTERANCE, INTERVAL)}
    report["by_sex"] = _by_sex(info.labels, alone.sexes)
    if in_a_row:
        report[IN_A_ROW] = ways[1].figures(UTTERANCE)
    return report


class StreamedPredictions:
    """What was answered of recordings, and the truth.

    Attributes:
        sexes: of each recording: the speaker's sex, the true label, and the answer or -1.
    """

    def __init__(self, info: ModelInfo):
        self._info = info
        self._answers = {INTERVAL: [], UTTERANCE: []}
        self._truths = {INTERVAL: [], UTTERANCE: []}
        self._no_speech = np.zeros(len(info.labels), np.int64)
        self.sexes: list[tuple[str, int, int]] = []

    def add(self, utterance: Utterance, windows: list[Window], logits: list[np.ndarray]) -> None:
        """A recording that fell into these windows, each with its logits (labels,)."""
        truth = self._info.labels.index(utterance.label)
        turns = []
        for window, values in zip(windows, logits, strict=True):
            probabilities = self._info.calibration[window.trigger].probabilities(values)
            if window.trigger == UTTERANCE:
                turns.append((window.speech_s, probabilities))
            else:
                self._answers[INTERVAL].append(probabilities)
                self._truths[INTERVAL].append(truth)
        if not turns:  # nobody was heard to speak: that is no right answer
            self._no_speech[truth] += 1
            self.sexes.append((utterance.gender, truth, -1))
            return
        # A recording that falls into several turns is answered by its longest.
        answer = max(turns, key=lambda turn: turn[0])[1]
        self._answers[UTTERANCE].append(answer)
        self._truths[UTTERANCE].append(truth)
        self.sexes.append((utterance.gender, truth, int(answer.argmax())))

    def figures(self, trigger: str) -> dict:
        """n, WA, UA, confusion and so on, and how far confidence may be believed."""
        unheard = self._no_speech if trigger == UTTERANCE else None
        return _figures(self._info, trigger, self._answers, self._truths, unheard)


def _by_sex(labels: tuple[str, ...], answered: list[tuple[str, int, int]]) -> dict[str, dict]:
    figures = {}
    for sex in sorted({sex for sex, _, _ in answered} - {""}):
        truth, answers = np.array([(t, a) for s, t, a in answered if s == sex]).T
        scores = score_answers(labels, truth, answers)
        figures[sex] = {"n": scores.n, "wa": round(scores.wa, 4), "ua": round(scores.ua, 4)}
    return figures


def _figures(
    info: ModelInfo,
    trigger: str,
    answers: dict[str, list],
    truths: dict[str, list],
    unheard: np.ndarray | None = None,
) -> dict:
    if not truths[trigger]:
        raise InputError(
            f"there is no {trigger} estimate to score: the recordings hold too little speech; a "
            "second or more is needed"
        )
    probabilities, truth = np.array(answers[trigger]), np.array(truths[trigger])
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    answered = confidence >= info.calibration[trigger].floor
    right = predicted == truth
    return {
        **score(info.labels, truth, predicted, unheard).to_dict(),
        "calibration_error": round(calibration_error(confidence, right), 4),
        "answered": round(float(answered.mean()), 4),
        "wa_answered": round(float(right[answered].mean()), 4) if answered.any() else None,
        "coverage": coverage(confidence, right),
    }


def coverage(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """For each of `FLOORS` that some estimate reaches: the share that does, and their WA."""
    curve = []
    for floor in FLOORS:
        sure = confidence >= floor
        if sure.any():
            answered, wa = float(sure.mean()), float(right[sure].mean())
            curve.append({"floor": floor, "answered": round(answered, 4), "wa": round(wa, 4)})
    return curve


def print_summary(reports: list[dict]) -> None:
    """Mean and standard deviation over several models, such as seeds of one recipe."""
    table = Table(title=f"{len(reports)} models, {reports[0]['part']} speakers: mean +- deviation")
    for column in ("corpus", "estimates", "WA", "UA", "macro-F1"):
        table.add_column(column)
    for corpus, entry in reports[0]["corpora"].items():
        for trigger in (UTTERANCE, INTERVAL):
            cells = []
            for name in ("wa", "ua", "macro_f1"):
                values = [100 * report["corpora"][corpus][trigger][name] for report in reports]
                cells.append(f"{np.mean(values):.1f} +- {np.std(values, ddof=1):.1f}")
            table.add_row(entry["title"], trigger, *cells)
    Console().print(table)


def print_report(report: dict) -> None:
    """Figures and confusion matrices on stdout."""
    console = Console()
    table = narrow_table(f"{report['model']}, {report['part']} speakers, streamed")
    for column in (
        "corpus", "speakers", "estimates", "n", "WA", "UA", "macro\nF1", "ECE", "answered",
    ):  # fmt: skip
        left = column in ("corpus", "estimates")
        table.add_column(column, justify="left" if left else "right", no_wrap=True)
    for entry in report["corpora"].values():
        for trigger in filter(entry.__contains__, ABOUT):
            figures = entry[trigger]
            table.add_row(
                entry["title"], str(len(entry["speakers"])), trigger, str(figures["n"]),
                *(f"{figures[name]:.1%}" for name in (
                    "wa", "ua", "macro_f1", "calibration_error", "answered"
                )),
            )  # fmt: skip
    console.print(table)
    for entry in report["corpora"].values():
        console.print(_confusion_table(entry["title"], entry[UTTERANCE]))


def _confusion_table(title: str, figures: dict) -> Table:
    table = narrow_table(f"{title}: true label in rows, answer in columns, utterances")
    for column in ("", *figures["labels"], "no_speech", "recall"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for i, (label, counts) in enumerate(zip(figures["labels"], figures["confusion"], strict=True)):
        unheard = figures["no_speech"][i]
        n = sum(counts) + unheard
        if n:
            table.add_row(label, *map(str, counts), str(unheard), f"{counts[i] / n:.1%}")
    return table
