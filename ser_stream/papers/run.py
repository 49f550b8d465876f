"""Runs an experiment: each seed, each fold, once; what is there already is read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.forced_alignment import align
from ser_stream.data.recordings import FIXED_LENGTH, Clips, load_clips
from ser_stream.data.word_segments import WordClips, load_word_clips
from ser_stream.distributed import first_before_others, is_first, joined, wait_for_all
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import Scores
from ser_stream.features.descriptors import DescriptorConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary, count_words
from ser_stream.files import write_json
from ser_stream.models.base import BimodalModel, EmotionModel, NormalisingModel
from ser_stream.models.registry import build_model
from ser_stream.recipes.experiment import Experiment
from ser_stream.recipes.protocols import Split
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.provenance import environment
from ser_stream.training.trainer import Trainer, evaluate

Part = Clips | WordClips


@dataclasses.dataclass(frozen=True)
class Folders:
    """Where things are: corpora, computed features, and runs, one folder per experiment."""

    corpora: Path
    cache: Path
    runs: Path

    def run(self, experiment: Experiment, seed: int, split: str) -> Path:
        """Folder of one fold and seed."""
        fold = split.replace(" ", "-").replace(",", "")
        return self.runs / f"{experiment.name}-{experiment.identity}" / f"seed{seed}-{fold}"


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """Figures of one fold and seed on its test part.

    Attributes:
        kept_epoch: the epoch whose weights were judged.
        seconds: all of its epochs took, those before a stop too.
    """

    seed: int
    fold: str
    scores: Scores
    kept_epoch: int
    seconds: float
    parameters: int

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, {self.fold}: WA {self.scores.wa:.1%}, UA {self.scores.ua:.1%}, "
            f"n {self.scores.n}, epoch {self.kept_epoch}"
        )

    def to_dict(self) -> dict[str, Any]:
        content = dataclasses.asdict(self)
        return {**content, "scores": self.scores.to_dict()}

    @classmethod
    def read(cls, path: Path) -> FoldResult:
        content = json.loads(path.read_text(encoding="utf-8"))
        scores = content["scores"]
        arrays = (np.array(scores[name], np.int64) for name in ("confusion", "no_speech"))
        return cls(**{**content, "scores": Scores(tuple(scores["labels"]), *arrays)})


def run_experiment(
    experiment: Experiment, folders: Folders, device: str = "cpu", log: Callable = print
) -> list[FoldResult]:
    """Train and judge each seed and fold that has no result yet.

    A run that was stopped goes on after its last whole epoch.

    Raises:
        InputError: a corpus is not there, or does not fit the protocol.
    """
    keep_freed_memory()
    data = None
    results = []
    utterances = experiment.labelled(read_corpora(folders.corpora, list(experiment.corpora)))
    with joined(device) as own_device:
        for seed in experiment.seeds:
            for split in experiment.protocol.splits(utterances, seed):
                folder = folders.run(experiment, seed, split.name)
                path = folder / "result.json"
                _check_same(split, folder)
                if not path.is_file():
                    if data is None:
                        with first_before_others():
                            data = Data(experiment, utterances, folders.cache)
                    _run_fold(experiment, data, split, seed, folder, own_device)
                    wait_for_all()
                results.append(FoldResult.read(path))
                if is_first():
                    log(f"{experiment.name}, {results[-1]}")
    return results


def read_results(experiment: Experiment, folders: Folders) -> list[FoldResult]:
    """What is there of an experiment, in order of seed and fold; corpora are not needed."""
    paths = folders.runs.glob(f"{experiment.name}-{experiment.identity}/*/result.json")
    results = [FoldResult.read(path) for path in paths]
    results = [result for result in results if result.seed in experiment.seeds]
    return sorted(results, key=lambda result: (result.seed, len(result.fold), result.fold))


def _run_fold(
    experiment: Experiment, data: Data, split: Split, seed: int, folder: Path, device: str
) -> None:
    parts = data.parts(split)
    torch.manual_seed(seed)
    model = data.model(split)
    model.set_normalisation(*parts["train"].statistics(experiment.clip.standardise))
    folder.mkdir(parents=True, exist_ok=True)
    if is_first():
        _write_run(experiment, seed, split, model, folder)
    trainer = Trainer(model, parts["train"], experiment.optimisation, seed, folder, device)
    kept = trainer.run(parts.get("validation"))
    if not is_first():
        return
    scores = evaluate(kept, parts["test"])
    save_file(weights(kept), folder / "weights.safetensors")
    result = FoldResult(
        seed,
        split.name,
        scores,
        trainer.best[0] or trainer.epoch,
        _seconds(folder),
        sum(p.numel() for p in model.parameters()),
    )
    # The state is there to go on from; with the result, the run is at its end.
    (folder / "result.json").write_text(json.dumps(result.to_dict()) + "\n", encoding="utf-8")
    trainer.state_path.unlink()


class Data:
    """Features of all utterances of an experiment, and parts of them."""

    def __init__(self, experiment: Experiment, utterances: list[Utterance], cache: Path):
        self.experiment = experiment
        self._place = {u.key: i for i, u in enumerate(utterances)}
        config, clip = experiment.features, experiment.clip
        self.has_words = isinstance(config, SegmentConfig)
        if self.has_words:
            if experiment.alignment:
                utterances = align(utterances, cache)
            self._word_clips = load_word_clips(utterances, config, cache)
        else:
            self._clean = load_clips(utterances, config, clip, False, cache)
            self._noisy = self._clean
            if clip.noise_snr_db is not None:
                self._noisy = load_clips(utterances, config, clip, True, cache)

    def model(self, split: Split) -> NormalisingModel:
        """A network with fresh weights; it knows the words of the split's training part.

        Raises:
            InputError: it cannot be built, or the file of word vectors cannot be read.
        """
        experiment = self.experiment
        options = dict(experiment.options)
        kind = BimodalModel if self.has_words else EmotionModel
        if self.has_words and experiment.architecture != "can_audio":
            options["vocabulary"] = self._vocabulary(split).words
        model = build_model(
            experiment.architecture, experiment.labels, experiment.features, options, kind
        )
        if experiment.word_vectors and "vocabulary" in options:
            model.text.load_word_vectors(Path(experiment.word_vectors))
        return model

    def parts(self, split: Split) -> dict[str, Part]:
        """Of "train", "validation" and "test", those that the split has."""
        parts = {"train": split.train, "validation": split.validation, "test": split.test}
        return {
            name: self._part(split, name, utterances) for name, utterances in parts.items()
            if utterances
        }  # fmt: skip

    def _part(self, split: Split, name: str, utterances: list[Utterance]) -> Part:
        experiment = self.experiment
        members = np.array([self._place[u.key] for u in utterances])
        targets = np.array([experiment.labels.index(u.label) for u in utterances])
        batch_size = experiment.optimisation.batch_size
        if self.has_words:
            clips = [self._word_clips[i] for i in members]
            return WordClips(clips, self._vocabulary(split), targets, batch_size)
        store = self._clean if name == "test" else self._noisy
        same_length = experiment.clip.frames > 0 or isinstance(experiment.features, FIXED_LENGTH)
        max_frames = experiment.clip.frames or int(store.speech_frames.max())
        if not same_length:
            max_frames = self._window_frames(split)
        in_decibels = not isinstance(experiment.features, DescriptorConfig)
        return Clips(store, members, targets, batch_size, max_frames, same_length, in_decibels)

    def _window_frames(self, split: Split) -> int:
        with torch.random.fork_rng():  # weights are drawn for nothing
            return self.model(split).window_frames

    def _vocabulary(self, split: Split) -> Vocabulary:
        return count_words(
            (self._word_clips[self._place[u.key]].words for u in split.train),
            ngram_buckets=self.experiment.options.get("ngram_buckets", 0),
        )


def weights(model: NormalisingModel) -> dict[str, torch.Tensor]:
    """A network's weights and its normalisation."""
    tensors = {**model.state_dict(), "mean": model.mean, "std": model.std}
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def load_kept(experiment: Experiment, data: Data, split: Split, folder: Path) -> NormalisingModel:
    """The network that a fold kept, ready to judge."""
    model = data.model(split)
    tensors = load_file(folder / "weights.safetensors")
    model.set_normalisation(tensors.pop("mean"), tensors.pop("std"))
    model.load_state_dict(tensors)
    return model.eval()


def _seconds(folder: Path) -> float:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return round(sum(json.loads(line)["seconds"] for line in lines), 1)


def _tested(split: Split) -> str:
    """Short hash of the utterances of the test part."""
    keys = sorted(utterance.key for utterance in split.test)
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:8]


def _check_same(split: Split, folder: Path) -> None:
    """Raise InputError where a run in this folder was judged on other utterances.

    A corpus may have grown since, or told its speakers' sexes, by which folds are made.
    """
    path = folder / "run.json"
    if not path.is_file():
        return
    tested = json.loads(path.read_text(encoding="utf-8")).get("tested")
    if tested not in (None, _tested(split)):
        raise InputError(
            f"{folder}: found a run with another test part than {split.name} of the corpora as "
            "they are now; name another folder with --runs, or delete this one"
        )


def _write_run(
    experiment: Experiment, seed: int, split: Split, model: NormalisingModel, folder: Path
) -> None:
    """What the run was made of."""
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    description = {
        "experiment": dataclasses.asdict(experiment),
        "seed": seed,
        "fold": split.name,
        "utterances": {name: len(utterances) for name, utterances in parts.items()},
        "speakers": {name: len({u.speaker for u in us}) for name, us in parts.items()},
        "tested": _tested(split),
        "parameters": sum(p.numel() for p in model.parameters()),
        **environment(),
    }
    write_json(folder / "run.json", description)
