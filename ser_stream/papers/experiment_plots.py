"""Figures of one experiment: confusion matrix, curves, t-SNE of what it learned, attention."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.feature_cache import read_samples
from ser_stream.data.forced_alignment import align
from ser_stream.errors import InputError
from ser_stream.evaluation.plots import confusion, save, training_curves
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.base import EmotionModel, NormalisingModel
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.papers.attention_plots import attention_over_spectrogram, word_weights
from ser_stream.papers.data import ExperimentData
from ser_stream.papers.embedding_plots import embedding_maps
from ser_stream.papers.run import Folders, FoldResult, load_kept, read_results
from ser_stream.papers.summary import pooled
from ser_stream.recipes.experiment import Experiment
from ser_stream.training.trainer import Labelled

MOST_POINTS = 600
"""Of a t-SNE map: more lie over each other."""


def draw_experiment(
    experiment: Experiment, folders: Folders, output: Path, n_examples: int = 1
) -> list[Path]:
    """Write PNG and SVG files of what was trained into `output`; returns their paths.

    Confusion and curves are of all runs; maps and attention of the first seed and fold, on its test
    part.

    Args:
        n_examples: recordings whose attention is drawn, those that the network is surest of and
            right, each of another label.

    Raises:
        InputError: nothing was trained yet, or a file cannot be written.
    """
    results = read_results(experiment, folders)
    if not results:
        raise InputError(
            f"figures: {experiment.name} was not trained yet, with these settings and seeds; first "
            "ser-stream train with the same options"
        )
    name = experiment.name
    paths = [
        *save(confusion(pooled([r.scores for r in results]), name), output / f"{name}-confusion"),
        *save(
            training_curves(_curves(experiment, folders, results), name), output / f"{name}-curves"
        ),
    ]
    utterances = experiment.labelled(read_corpora(folders.corpora, list(experiment.corpora)))
    first = results[0]
    splits = experiment.protocol.splits(utterances, first.seed)
    split = next(split for split in splits if split.name == first.fold)
    data = ExperimentData(experiment, utterances, folders.cache)
    model = load_kept(data, split, folders.run(experiment, first.seed, first.fold))
    test = data.parts(split)["test"]
    embeddings, logits, features = _look_inside(model, test)
    maps = [("features, mean and deviation over time", features), ("embeddings", embeddings)]
    chosen = np.random.default_rng(0).permutation(len(test.targets))[:MOST_POINTS]
    labels = [experiment.labels[target] for target in test.targets[chosen]]
    maps = embedding_maps([(title, points[chosen]) for title, points in maps], labels)
    paths += save(maps, output / f"{name}-t-sne")
    for index in _examples(logits, test.targets, n_examples):
        utterance = _with_words(split.test[index], folders)
        figure = _attention(experiment, model, test, index, utterance)
        if figure is not None:
            stem = utterance.key.replace("/", "-")
            paths += save(figure, output / f"{name}-attention-{stem}")
    return paths


def _curves(
    experiment: Experiment, folders: Folders, results: list[FoldResult]
) -> dict[str, list[dict[str, float]]]:
    curves = {}
    for result in results:
        path = folders.run(experiment, result.seed, result.fold) / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines()
        curves[f"seed {result.seed}, {result.fold}"] = [json.loads(line) for line in lines]
    return curves


def _look_inside(
    model: NormalisingModel, part: Labelled
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each recording: what the last layer is given, logits, and features over time.

    Where it comes in several parts, the means of theirs.
    """
    seen: list[Tensor] = []
    last = model.joint_output if isinstance(model, CrossAttentionNetwork) else model.output
    n = len(part.targets)
    embeddings = np.zeros((n, last.in_features), np.float32)
    logits = np.zeros((n, len(model.labels)), np.float32)
    features = np.zeros((n, 2 * model.features.dimension), np.float32)
    parts = np.zeros((n, 1), np.float32)
    hook = last.register_forward_hook(lambda _layer, inputs, _output: seen.append(inputs[0]))
    try:
        with torch.inference_mode():
            for members, inputs in part.batches():
                np.add.at(logits, members, model(*inputs))
                np.add.at(embeddings, members, seen.pop())
                np.add.at(features, members, _over_time(model, inputs))
                np.add.at(parts, members, 1)
    finally:
        hook.remove()
    return embeddings / parts, logits / parts, features / parts


def _over_time(model: NormalisingModel, inputs: tuple) -> Tensor:
    """Mean and deviation of normalised features: (batch, 2 * dimension)."""
    rows = []
    for frames in _valid_frames(inputs):
        frames = model.normalise(frames)
        rows.append(torch.cat([frames.mean(dim=0), frames.std(dim=0)]))
    return torch.stack(rows)


def _valid_frames(inputs: tuple) -> Iterator[Tensor]:
    """(frames, dimension) of each recording of a batch, without its padding."""
    if hasattr(inputs[0], "frame_lengths"):
        batch = inputs[0]
        for segments, lengths in zip(batch.frames, batch.frame_lengths, strict=True):
            yield torch.cat([s[:n] for s, n in zip(segments, lengths, strict=True)])
        return
    features, lengths = inputs
    for i, frames in enumerate(features):
        yield frames if lengths is None else frames[: lengths[i]]


def _examples(logits: np.ndarray, targets: np.ndarray, n: int) -> list[int]:
    """Recordings that are answered rightly, the surest of each label, the surest label first."""
    surest: dict[int, int] = {}
    order = np.argsort(-(logits.max(axis=1) - np.sort(logits, axis=1)[:, -2]))
    for index in order:
        if logits[index].argmax() == targets[index]:
            surest.setdefault(int(targets[index]), int(index))
    return list(surest.values())[:n]


def _with_words(utterance: Utterance, folders: Folders) -> Utterance:
    """With times of its words, where they are known or can be found."""
    can_align = utterance.text and utterance.language == "en" and find_spec("pocketsphinx")
    return align([utterance], folders.cache)[0] if can_align else utterance


def _attention(
    experiment: Experiment,
    model: NormalisingModel,
    part: Labelled,
    index: int,
    utterance: Utterance,
) -> Figure | None:
    """Figure of one recording's attention; None for a network that has none to draw."""
    members, inputs = next(batch for batch in part.batches() if index in batch[0])
    row = members.tolist().index(index)
    title = f"{experiment.name}: {utterance.key}, {utterance.label}"
    with torch.inference_mode():
        if isinstance(model, CrossAttentionNetwork):
            text, audio = (weights[row] for weights in model.attention_weights(*inputs))
            words = part.words[index]
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
