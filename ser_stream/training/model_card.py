"""The model card: README.md of a model folder, written from its model.json."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ser_stream.corpora.registry import CORPORA
from ser_stream.emotion import UTTERANCE
from ser_stream.evaluation.streamed import ABOUT
from ser_stream.models.info import HUGGING_FACE, ModelInfo, find_writable, read_info


def write_card(folder: Path, info: ModelInfo) -> None:
    """Write README.md beside model.json, over what was there."""
    (folder / "README.md").write_text(model_card(info), encoding="utf-8")


def model_card(info: ModelInfo) -> str:
    """Markdown: what the model is, its training data, what it may be used for, its figures."""
    lines = [
        f"# Model `{info.name}`",
        "",
        f"Speech emotion recognition, streaming. Architecture `{info.architecture}` "
        f"(`ser_stream/models/{info.architecture}.py`), {len(info.labels)} classes: "
        f"{', '.join(info.labels)}.",
        "",
        f"* Input: 16 kHz mono, {info.features.dimension} values every "
        f"{1e3 * info.features.frame_s:g} ms.",
        f"* Trained on: {', '.join(info.training_data.corpora) or 'not known'}.",
        f"* Use: {info.training_data.licence}.",
        f"* Speech of adults: {_speech(info)}. Nothing is known about children, the old by "
        "themselves, other languages, or other ways of speaking. It hears how something is said, "
        "which is not how someone feels: do not decide about people by it.",
    ]
    if "CREMA-D" in " ".join(info.training_data.corpora):
        lines.append(
            "* The CREMA-D clips used were resynthesised (Griffin-Lim) from log-mel spectrograms "
            "of the originals, so its figures are for resynthesised speech."
        )
    if info.speaker_memory:
        lines.append(
            "* It hears a turn against what voice, room and microphone sounded like before in the "
            "stream (`ser_stream/features/speaker_memory.py`): it knows a speaker better "
            "after a few turns."
        )
    if info.training_data.seed is not None:
        lines.append(f"* Seed of the training run: {info.training_data.seed}.")
    if info.architecture == HUGGING_FACE:
        lines.append(f"* A Hugging Face checkpoint; its labels: {_emotions(info)}.")
    for trigger, calibration in info.calibration.items():
        lines.append(
            f"* Calibration of {trigger} estimates: temperature {calibration.temperature:g}; "
            f"abstains under {calibration.floor:.0%}."
        )
    for part, report in info.results.items():
        lines += ["", f"## Figures, {part} speakers", "", _protocol(report), ""]
        lines += ["| corpus | estimates | n | WA | UA | macro-F1 | ECE | answered |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        lines += _rows(report)
        lines += _by_sex(report)
        lines += _coverage(report)
        for entry in report["corpora"].values():
            lines += ["", *_confusion(entry["title"], entry[UTTERANCE])]
    return "\n".join(lines) + "\n"


def _emotions(info: ModelInfo) -> str:
    """What a checkpoint's labels count as."""
    return ", ".join(
        f"{name} is {emotion}" if emotion else f"{name} is left out, the others renormalised"
        for name, emotion in info.options["emotions"].items()
    )


def _speech(info: ModelInfo) -> str:
    """What kinds of speech the corpora hold."""
    used = [
        corpus
        for corpus in CORPORA.values()
        if any(name.startswith(corpus.title) for name in info.training_data.corpora)
    ]
    return "; ".join(f"{corpus.title}, {corpus.speech}" for corpus in used) or "not known"


def _protocol(report: dict) -> str:
    held_out = "; ".join(
        f"{entry['title']}: {', '.join(entry['speakers'])}" for entry in report["corpora"].values()
    )
    return (
        f"Speakers that training never heard ({held_out}). Recordings are streamed as on the "
        "robot; one in which no speech is found counts as wrong. All estimates count in WA, UA and "
        "macro-F1, abstaining or not; *answered* is the share that did not abstain. ECE: expected "
        "calibration error. Command: "
        f"`ser-stream evaluate {report['model']} --recipe config/recipes/{report['recipe']}.yaml "
        f"--part {report['part']} --corpora DIR`."
    )


def _rows(report: dict) -> list[str]:
    rows = []
    for entry in report["corpora"].values():
        for trigger in filter(entry.__contains__, ABOUT):
            figures = entry[trigger]
            percents = " | ".join(
                f"{100 * figures[name]:.1f}"
                for name in ("wa", "ua", "macro_f1", "calibration_error", "answered")
            )
            rows.append(f"| {entry['title']} | {ABOUT[trigger]} | {figures['n']} | {percents} |")
    return rows


def _coverage(report: dict) -> list[str]:
    """What a floor of confidence is worth."""
    curves = {
        entry["title"]: {point["floor"]: point for point in entry[UTTERANCE]["coverage"]}
        for entry in report["corpora"].values()
        if "coverage" in entry[UTTERANCE]
    }
    if not curves:
        return []
    lines = [
        "",
        "Utterances by floor of confidence: share that is answered, and how many are right:",
    ]
    lines += ["", f"| floor | {' | '.join(curves)} |", "|---" * (len(curves) + 1) + "|"]
    for floor in sorted({floor for curve in curves.values() for floor in curve}):
        points = (curve.get(floor) for curve in curves.values())
        cells = (f"{100 * p['answered']:.0f}, {100 * p['wa']:.1f}" if p else "none" for p in points)
        lines.append(f"| {100 * floor:.0f} | {' | '.join(cells)} |")
    return lines


def _by_sex(report: dict) -> list[str]:
    """UA of utterances of women and of men, where the corpora say who is who."""
    told = [
        f"{entry['title']}: "
        + ", ".join(
            f"{'women' if sex == 'f' else 'men'} {100 * figures['ua']:.1f} ({figures['n']})"
            for sex, figures in entry["by_sex"].items()
        )
        for entry in report["corpora"].values()
        if entry.get("by_sex")
    ]
    return ["", f"UA of utterances by the speaker's sex (n): {'; '.join(told)}."] if told else []


def _confusion(title: str, figures: dict) -> list[str]:
    """Confusion matrix, rows = true label, with recall."""
    labels = figures["labels"]
    lines = [f"{title}, utterances; true label in rows:", ""]
    lines += [f"| | {' | '.join(labels)} | no speech found | recall |"]
    lines += ["|---" * (len(labels) + 3) + "|"]
    for i, (label, counts) in enumerate(zip(labels, figures["confusion"], strict=True)):
        n = sum(counts) + figures["no_speech"][i]
        if n:
            cells = " | ".join(map(str, counts))
            lines.append(f"| {label} | {cells} | {figures['no_speech'][i]} | {counts[i] / n:.2f} |")
    return lines


def save_report(model: str | Path, report: dict) -> None:
    """Write the figures into the model's model.json and model card.

    Raises:
        InputError: it has none, see `find_writable`.
    """
    folder = find_writable(model)
    info = read_info(folder)
    info = dataclasses.replace(info, results={**info.results, report["part"]: report})
    info.write(folder)
    write_card(folder, info)
