"""Plots of one experiment: confusion matrix, training curves, t-SNE of embeddings, attention."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor, nn

from ser_stream.audio.speech import read_samples
from ser_stream.corpora.base import Utterance
from ser_stream.data.forced_alignment import align
from ser_stream.data.word_segments import WordClips
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import pool
from ser_stream.evaluation.plots import confusion, heading, plain, save, series_colours
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.base import EmotionModel, NormalisingModel
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.papers.attention_plots import attention_over_spectrogram, word_weights
from ser_stream.papers.data import ExperimentData
from ser_stream.papers.embedding_plots import embedding_maps
from ser_stream.papers.run import Folders, FoldResult, load_kept, read_results
from ser_stream.recipes.experiment import Experiment
from ser_stream.training.prediction import EvaluationBatches

LINE_STYLES: tuple[Literal["-", "--"], ...] = ("-", "--")
"""Line styles of the one or two quantities in a panel of training curves."""

MAX_POINTS = 600
"""Points of a t-SNE map; more would cover one another."""


def draw_experiment(
    experiment: Experiment, folders: Folders, output: Path, n_examples: int = 1
) -> list[Path]:
    """Write the plots of an experiment as PNG and SVG files into `output` and return their paths.

    Confusion matrix and training curves show all runs; t-SNE maps and attention show the test part
    of the first seed and fold.

    Args:
        n_examples: number of recordings whose attention is drawn: those recognised correctly with
            the largest margin, each of another label.

    Raises:
        InputError: no network was trained yet, or a file cannot be written.
    """
    results = read_results(experiment, folders)
    if not results:
        raise InputError(
            f"figures: {experiment.name} was not trained yet with these settings and seeds; run "
            "ser-stream train with the same options first"
        )
    name = experiment.name
    paths = [
        *save(confusion(pool([r.scores for r in results]), name), output / f"{name}-confusion"),
        *save(
            training_curves(_curves(experiment, folders, results), name), output / f"{name}-curves"
        ),
    ]
    utterances = folders.read(experiment).utterances
    first = results[0]
    splits = experiment.protocol.splits(utterances, first.seed)
    split = next(split for split in splits if split.name == first.fold)
    data = ExperimentData(experiment, utterances, folders.cache)
    model = load_kept(data, split, folders.run(experiment, first.seed, first.fold))
    test = data.parts(split)["test"]
    embeddings, logits, features = _activations(model, test)
    panels = [("features, mean and deviation over time", features), ("embeddings", embeddings)]
    chosen = np.random.default_rng(0).permutation(len(test.targets))[:MAX_POINTS]
    labels = [experiment.labels[target] for target in test.targets[chosen]]
    maps = embedding_maps([(title, points[chosen]) for title, points in panels], labels)
    paths += save(maps, output / f"{name}-t-sne")
    for index in _examples(logits, test.targets, n_examples):
        utterance = _with_words(split.test[index], folders)
        figure = _attention(experiment, model, test, index, utterance)
        if figure is not None:
            stem = utterance.key.replace("/", "-")
            paths += save(figure, output / f"{name}-attention-{stem}")
    return paths


def training_curves(runs: Mapping[str, Sequence[Mapping[str, float]]], title: str) -> Figure:
    """Plot loss and accuracies after each epoch, all runs in the same panels.

    Each run has a colour, each quantity a line style.

    Args:
        runs: name -> lines of its metrics.jsonl: epoch, loss, and optionally validation_wa,
            validation_ua, validation_loss and learning_rate. Of an epoch that was trained twice,
            because the run was interrupted, the last line is drawn.

    Raises:
        InputError: there is no run, or a run has no lines or a line without epoch or loss.
    """
    _check_runs(runs)
    panels = {
        "loss (nats)": {"loss": "training", "validation_loss": "validation"},
        "validation accuracy": {"validation_wa": "WA", "validation_ua": "UA"},
        "learning rate": {"learning_rate": "learning rate"},
    }
    known = {key for records in runs.values() for record in records for key in record}
    panels = {name: curves for name, curves in panels.items() if known & curves.keys()}
    width = 0.6 + 4.2 * len(panels)
    figure = Figure((width, 4.0), layout="constrained")
    figure.suptitle(heading(title, width))
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, curves) in zip(grid, panels.items(), strict=True):
        for colour, records in zip(series_colours(len(runs)), runs.values(), strict=True):
            _draw_run(axes, records, curves, colour)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        if "validation_wa" in curves:
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        styles = [
            Line2D([], [], color="0.3", linestyle=line, label=meaning)
            for line, (key, meaning) in zip(LINE_STYLES, curves.items(), strict=False)
            if key in known
        ]
        if len(curves) > 1:
            axes.legend(handles=styles)
    if len(runs) > 1:
        handles = [
            Line2D([], [], color=colour, label=plain(name))
            for colour, name in zip(series_colours(len(runs)), runs, strict=True)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(runs), 5))
    return figure


def _check_runs(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    if not runs or not all(runs.values()):
        raise InputError("training curves: found no run or no epochs; accepted are 1 and more")
    required = ("epoch", "loss")
    for name, records in runs.items():
        missing = [key for key in required if any(key not in record for record in records)]
        if missing:
            raise InputError(
                f"training curves: in run {name!r}, found lines without {', '.join(missing)}; "
                f"accepted are lines of metrics.jsonl with {', '.join(required)}"
            )


def _draw_run(
    axes: Axes, records: Sequence[Mapping[str, float]], curves: Mapping[str, str], colour: str
) -> None:
    by_epoch = {record["epoch"]: record for record in records}
    epochs = sorted(by_epoch)
    for line, key in zip(LINE_STYLES, curves, strict=False):
        values = [by_epoch[epoch].get(key, np.nan) for epoch in epochs]
        if not np.isnan(values).all():
            # A run of one epoch has no line, so it is drawn as a dot.
            marker = "." if len(epochs) == 1 else None
            axes.plot(epochs, values, color=colour, linestyle=line, marker=marker)


def _curves(
    experiment: Experiment, folders: Folders, results: list[FoldResult]
) -> dict[str, list[dict[str, float]]]:
    curves = {}
    for result in results:
        path = folders.run(experiment, result.seed, result.fold) / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines()
        curves[f"seed {result.seed}, {result.fold}"] = [json.loads(line) for line in lines]
    return curves


def _activations(
    model: NormalisingModel, part: EvaluationBatches
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the last layer's input, logits, and feature statistics of each recording.

    For a recording in several parts these are the means over its parts.
    """
    inputs_of_last: list[Tensor] = []
    is_joint = isinstance(model, CrossAttentionNetwork)
    last = cast(nn.Linear, model.joint_output if is_joint else model.output)
    n = len(part.targets)
    embeddings = np.zeros((n, last.in_features), np.float32)
    logits = np.zeros((n, len(model.labels)), np.float32)
    features = np.zeros((n, 2 * model.features.dimension), np.float32)
    parts = np.zeros((n, 1), np.float32)
    hook = last.register_forward_hook(
        lambda _layer, inputs, _output: inputs_of_last.append(inputs[0])
    )
    try:
        with torch.inference_mode():
            for members, inputs in part.batches():
                np.add.at(logits, members, model(*inputs))
                np.add.at(embeddings, members, inputs_of_last.pop())
                np.add.at(features, members, _over_time(model, inputs))
                np.add.at(parts, members, 1)
    finally:
        hook.remove()
    return embeddings / parts, logits / parts, features / parts


def _over_time(model: NormalisingModel, inputs: tuple) -> Tensor:
    """Return mean and deviation over time of normalised features: (batch, 2 * dimension)."""
    rows = []
    for frames in _valid_frames(inputs):
        frames = model.normalise(frames)
        rows.append(torch.cat([frames.mean(dim=0), frames.std(dim=0)]))
    return torch.stack(rows)


def _valid_frames(inputs: tuple) -> Iterator[Tensor]:
    """Yield the frames (frames, dimension) of each recording of a batch, without padding."""
    if hasattr(inputs[0], "frame_lengths"):
        batch = inputs[0]
        for segments, lengths in zip(batch.frames, batch.frame_lengths, strict=True):
            yield torch.cat([s[:n] for s, n in zip(segments, lengths, strict=True)])
        return
    features, lengths = inputs
    for i, frames in enumerate(features):
        yield frames if lengths is None else frames[: lengths[i]]


def _examples(logits: np.ndarray, targets: np.ndarray, n: int) -> list[int]:
    """Return n recordings recognised correctly: the largest margin of each label, largest first."""
    best: dict[int, int] = {}
    order = np.argsort(-(logits.max(axis=1) - np.sort(logits, axis=1)[:, -2]))
    for index in order:
        if logits[index].argmax() == targets[index]:
            best.setdefault(int(targets[index]), int(index))
    return list(best.values())[:n]


def _with_words(utterance: Utterance, folders: Folders) -> Utterance:
    """Return the utterance with the times of its words, if forced alignment can find them."""
    can_align = utterance.text and utterance.language == "en" and find_spec("pocketsphinx")
    return align([utterance], folders.cache)[0] if can_align else utterance


def _attention(
    experiment: Experiment,
    model: NormalisingModel,
    part: EvaluationBatches,
    index: int,
    utterance: Utterance,
) -> Figure | None:
    """Return the attention figure of one recording; None for a network without attention."""
    members, inputs = next(batch for batch in part.batches() if index in batch[0])
    row = members.tolist().index(index)
    title = f"{experiment.name}: {utterance.key}, {utterance.label}"
    with torch.inference_mode():
        if isinstance(model, CrossAttentionNetwork):
            text, audio = (weights[row] for weights in model.attention_weights(*inputs))
            words = cast(WordClips, part).words[index]
            n = len(words)
            return word_weights(words, text[:, :n].numpy(), audio[:, :n].numpy(), title)
        if not isinstance(model, EmotionModel):
            return None
        weights = model.attention_weights(*inputs)
        if not weights or not isinstance(experiment.features, LogMelConfig):
            return None
        features, lengths = inputs
        n = features.shape[1] if lengths is None else int(lengths[row])
        return attention_over_spectrogram(
            features[row, :n].numpy(),
            {name: values[row, :n].numpy() for name, values in weights.items()},
            experiment.features,
            title,
            utterance.words,
            waveform=read_samples(utterance.path),
        )
