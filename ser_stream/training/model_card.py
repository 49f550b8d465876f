"""The model card, README.md of a model folder: one text, whose sections follow from model.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ser_stream.corpora.registry import CORPORA
from ser_stream.emotion import UTTERANCE
from ser_stream.evaluation import pair_scores
from ser_stream.evaluation.streamed import ESTIMATE_TITLES
from ser_stream.features.segments import SegmentConfig
from ser_stream.models.calibration import Calibration
from ser_stream.models.info import HUGGING_FACE, ModelInfo
from ser_stream.models.registry import network_class

RECIPES = "config/recipes/streaming"
"""Folder of the recipes that a card's command lines name."""

SPEECH, TEXT, SPEECH_AND_TEXT = "speech", "text", "speech and text"

SUMMARIES = {
    SPEECH: "Streaming speech emotion recognition.",
    TEXT: "Emotion recognition in English text, as a speech recogniser writes it.",
    SPEECH_AND_TEXT: "Emotion recognition from English speech and its words.",
}
LIMITATIONS = {
    SPEECH: "Not tested on children, on older people as a group, in other languages or on other "
    "ways of speaking. The model recognises how something is said, which is not how someone feels: "
    "do not base decisions about people on it.",
    TEXT: "Trained on comments from Reddit and on a television series; each sentence is classified "
    "without the ones before it. What is said is not how someone feels: do not base decisions "
    "about people on it.",
    SPEECH_AND_TEXT: "Trained on acted speech of adults, on comments from Reddit and on a "
    "television series; not tested on children or on other ways of speaking. What is said, and "
    "how, is not how someone feels: do not base decisions about people on it.",
}


def model_card(info: ModelInfo) -> str:
    """Return the card in Markdown: purpose, training data, licence, limitations and results."""
    kind = model_kind(info)
    lines = [f"# Model `{info.name}`", "", f"{SUMMARIES[kind]} {_architecture(info)}", ""]
    lines += [f"* {fact}" for fact in _facts(info, kind)]
    if kind == SPEECH:
        for part, report in info.results.items():
            lines += ["", *_streamed_results(part, report)]
    elif info.results:
        lines += ["", *(_text_results(info) if kind == TEXT else _pair_results(info))]
    return "\n".join(lines) + "\n"


def model_kind(info: ModelInfo) -> str:
    """Return the kind of a model's input: SPEECH, TEXT, or SPEECH_AND_TEXT."""
    if not isinstance(info.features, SegmentConfig):
        return SPEECH
    return TEXT if info.features.segmentation == "whole" else SPEECH_AND_TEXT


def _architecture(info: ModelInfo) -> str:
    module = "ser_stream.models.hugging_face"
    if info.architecture != HUGGING_FACE:
        module = network_class(info.architecture).__module__
    return (
        f"Architecture `{info.architecture}` (`{module.replace('.', '/')}.py`), "
        f"{len(info.labels)} classes: {', '.join(info.labels)}."
    )


def _facts(info: ModelInfo, kind: str) -> list[str]:
    facts = []
    if kind == SPEECH:
        facts.append(
            f"Input: 16 kHz mono, {info.features.dimension} values every "
            f"{1e3 * info.features.frame_s:g} ms."
        )
    facts.append(f"Trained on: {', '.join(info.training_data.corpora) or 'not known'}.")
    facts.append(f"Use: {info.training_data.licence}.")
    facts += _notes_on_training(info, kind)
    facts.append(LIMITATIONS[kind])
    if info.speaker_memory:
        facts.append(
            "Turns are normalised by the earlier turns of the stream, which hold the voice, the "
            "room and the microphone (`ser_stream/features/speaker_memory.py`): results improve "
            "after a few turns of a speaker."
        )
    if info.training_data.seed is not None:
        facts.append(f"Seed of the training run: {info.training_data.seed}.")
    if info.architecture == HUGGING_FACE:
        facts.append(f"A Hugging Face checkpoint; its labels: {_checkpoint_labels(info)}.")
    return facts + _calibration(info, kind)


def _notes_on_training(info: ModelInfo, kind: str) -> list[str]:
    if kind == TEXT:
        return ["No training text was spoken: recognition errors are simulated."]
    if kind == SPEECH_AND_TEXT:
        return [
            "**No recordings of people who say what they feel were available**: clips of acted "
            "speech were combined with texts of the same emotion, or with one of the two neutral. "
            "The results are for such pairs, with simulated recognition errors.",
            "In a live stream, the mean of its probabilities and those of the streaming model is "
            "published.",
        ]
    notes = [f"Speech of adults: {_speech(info)}."]
    if any(name.startswith("CREMA-D") for name in info.training_data.corpora):
        notes.append(
            "The CREMA-D clips used were resynthesised (Griffin-Lim) from log-mel spectrograms of "
            "the originals, so the results on CREMA-D are for resynthesised speech."
        )
    return notes


def _speech(info: ModelInfo) -> str:
    """Return the kinds of speech that the training corpora hold."""
    used = [
        corpus
        for corpus in CORPORA.values()
        if any(name.startswith(corpus.title) for name in info.training_data.corpora)
    ]
    return "; ".join(f"{corpus.title}, {corpus.speech}" for corpus in used) or "not known"


def _checkpoint_labels(info: ModelInfo) -> str:
    return ", ".join(
        f"{name} is {emotion}" if emotion else f"{name} is left out, the others renormalised"
        for name, emotion in info.options["emotions"].items()
    )


def _calibration(info: ModelInfo, kind: str) -> list[str]:
    if kind != SPEECH:
        return [f"Calibration: temperature {info.calibration[UTTERANCE].temperature:g}."]
    return [
        f"Calibration of {trigger} estimates: temperature {_temperature(calibration)}; abstains "
        f"below a confidence of {calibration.floor:.0%}."
        for trigger, calibration in info.calibration.items()
    ]


def _temperature(calibration: Calibration) -> str:
    known, new = calibration.temperature, calibration.new_voice_temperature
    return f"{known:g}" if new is None else f"{new:g} for a new voice, {known:g} for a known one"


def _streamed_results(part: str, report: dict[str, Any]) -> list[str]:
    """Return the section of a report of `evaluate_model`."""
    lines = [f"## Results on {part} speakers", "", _protocol(report), ""]
    lines += ["| corpus | estimates | n | WA | UA | macro-F1 | ECE | answered |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    lines += _streamed_rows(report)
    lines += _by_sex(report)
    lines += _coverage(report)
    for entry in report["corpora"].values():
        lines += ["", *_confusion(entry["title"], entry[UTTERANCE])]
    return lines


def _protocol(report: dict[str, Any]) -> str:
    held_out = "; ".join(
        f"{entry['title']}: {', '.join(entry['speakers'])}" for entry in report["corpora"].values()
    )
    return (
        f"Speakers held out from training ({held_out}). Recordings are streamed as on the robot; a "
        "recording without detected speech counts as wrong. WA, UA and macro-F1 count all "
        "estimates, including those that abstain; *answered* is the share that did not abstain. "
        "ECE: expected calibration error. WA, UA, macro-F1, ECE and *answered* are in percent. "
        f"Command: `ser-stream evaluate {report['model']} "
        f"--recipe {Path(RECIPES, report['recipe']).as_posix()}.yaml "
        f"--part {report['part']} --corpora DIR`."
    )


def _streamed_rows(report: dict[str, Any]) -> list[str]:
    rows = []
    for entry in report["corpora"].values():
        for trigger in filter(entry.__contains__, ESTIMATE_TITLES):
            scores = entry[trigger]
            percents = " | ".join(
                f"{100 * scores[name]:.1f}"
                for name in ("wa", "ua", "macro_f1", "calibration_error", "answered")
            )
            rows.append(
                f"| {entry['title']} | {ESTIMATE_TITLES[trigger]} | {scores['n']} | {percents} |"
            )
    return rows


def _by_sex(report: dict[str, Any]) -> list[str]:
    """Return UA of utterances of women and of men, where the corpora name the speakers' sexes."""
    scored = [
        f"{entry['title']}: "
        + ", ".join(
            f"{'women' if sex == 'f' else 'men'} {100 * scores['ua']:.1f} ({scores['n']})"
            for sex, scores in entry["by_sex"].items()
        )
        for entry in report["corpora"].values()
        if entry.get("by_sex")
    ]
    return (
        ["", f"UA of utterances by sex of the speaker (n): {'; '.join(scored)}."] if scored else []
    )


def _coverage(report: dict[str, Any]) -> list[str]:
    """Return the table of accuracy against coverage, by floor of confidence."""
    curves = {
        entry["title"]: {point["floor"]: point for point in entry[UTTERANCE]["coverage"]}
        for entry in report["corpora"].values()
        if "coverage" in entry[UTTERANCE]
    }
    if not curves:
        return []
    lines = [
        "",
        "Utterances by floor of confidence, in percent: share that is answered, and WA of these:",
    ]
    lines += ["", f"| floor | {' | '.join(curves)} |", "|---" * (len(curves) + 1) + "|"]
    for floor in sorted({floor for curve in curves.values() for floor in curve}):
        points = (curve.get(floor) for curve in curves.values())
        cells = (f"{100 * p['answered']:.0f}, {100 * p['wa']:.1f}" if p else "none" for p in points)
        lines.append(f"| {100 * floor:.0f} | {' | '.join(cells)} |")
    return lines


def _confusion(title: str, scores: dict[str, Any]) -> list[str]:
    """Return the confusion matrix of utterances, with recalls."""
    labels = scores["labels"]
    lines = [f"{title}, utterances; true label in rows:", ""]
    lines += [f"| | {' | '.join(labels)} | no speech found | recall |"]
    lines += ["|---" * (len(labels) + 3) + "|"]
    for i, (label, counts) in enumerate(zip(labels, scores["confusion"], strict=True)):
        n = sum(counts) + scores["no_speech"][i]
        if n:
            cells = " | ".join(map(str, counts))
            lines.append(f"| {label} | {cells} | {scores['no_speech'][i]} | {counts[i] / n:.2f} |")
    return lines


def _text_results(info: ModelInfo) -> list[str]:
    return [
        "## Results on texts of the official split, in percent",
        "",
        *text_scores_table(info.results),
        "",
        "The dev part was used to choose the settings and the epoch.",
    ]


def text_scores_table(results: dict[str, Any]) -> list[str]:
    """Return lines of Markdown: scores by part, rate of recognition errors, and marks."""
    lines = ["| part | recognition errors, ? and ! | n | WA | UA | weighted F1 | macro-F1 |"]
    lines += ["|---" * 7 + "|"]
    for part, conditions in results.items():
        for condition, scores in conditions.items():
            percents = " | ".join(
                f"{100 * scores[name]:.1f}" for name in ("wa", "ua", "weighted_f1", "macro_f1")
            )
            lines.append(f"| {part} | {condition} | {scores['n']} | {percents} |")
    return lines


def _pair_results(info: ModelInfo) -> list[str]:
    return [
        "## Results on speakers and texts held out from training, in percent",
        "",
        *pair_scores.scores_table(info.results),
    ]
