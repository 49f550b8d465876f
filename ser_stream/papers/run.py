"""Run an experiment: train and evaluate each seed and fold that has no result yet."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

from ser_stream.corpora.registry import read_corpora
from ser_stream.data.reading import CheckedRecordings, check_recordings
from ser_stream.distributed import first_before_others, is_first, process_group, wait_for_all
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import Scores
from ser_stream.files import write_bytes, write_text
from ser_stream.models.base import NormalisingModel
from ser_stream.papers.data import ExperimentData
from ser_stream.progress import Steps
from ser_stream.recipes.experiment import Experiment
from ser_stream.recipes.protocols import Split
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.model_folder import STATE_FILE, part_sizes, write_run_record
from ser_stream.training.prediction import evaluate
from ser_stream.training.trainer import METRICS_FILE, Trainer, announce_resume


@dataclasses.dataclass(frozen=True)
class Folders:
    """Folders of an experiment.

    Attributes:
        corpora: holds each corpus in a folder of its name.
        cache: computed features.
        runs: one folder per experiment, with a folder per seed and fold.
        skip_bad: whether to leave out recordings that cannot be read.
    """

    corpora: Path
    cache: Path
    runs: Path
    skip_bad: bool = False

    def read(self, experiment: Experiment) -> CheckedRecordings:
        """Return the labelled utterances of an experiment, and what was left out.

        Raises:
            InputError: a corpus cannot be read, see `check_recordings` too.
        """
        utterances = experiment.labelled(read_corpora(self.corpora, list(experiment.corpora)))
        return check_recordings(utterances, self.cache, self.skip_bad)

    def run(self, experiment: Experiment, seed: int, split: str) -> Path:
        """Return the folder of one seed and fold."""
        fold = split.replace(" ", "-").replace(",", "")
        return self.runs / f"{experiment.name}-{experiment.identity}" / f"seed{seed}-{fold}"


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """Result of one seed and fold on its test part.

    Attributes:
        kept_epoch: epoch whose weights were evaluated.
        seconds: duration of all epochs, including those before an interruption.
        parameters: number of weights of the network.
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
        """Return the content of result.json."""
        content = dataclasses.asdict(self)
        return {**content, "scores": self.scores.to_dict()}

    @classmethod
    def read(cls, path: Path) -> FoldResult:
        """Read a result.json."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**content, "scores": Scores.from_dict(content["scores"])})


@announce_resume()
def run_experiment(
    experiment: Experiment, folders: Folders, device: str = "cpu", log: Callable = print
) -> list[FoldResult]:
    """Train and evaluate each seed and fold that has no result yet, and return all results.

    An interrupted run continues after its last complete epoch.

    Args:
        log: called with one line per result.

    Raises:
        InputError: a corpus does not exist or does not fit the protocol, or a run was evaluated on
            other utterances than the corpora have now.
    """
    keep_freed_memory()
    data = None
    results = []
    checked = folders.read(experiment)
    utterances = checked.utterances
    runs = [
        (seed, split, folders.run(experiment, seed, split.name))
        for seed in experiment.seeds
        for split in experiment.protocol.splits(utterances, seed)
    ]
    n_missing = sum(not (folder / "result.json").is_file() for *_, folder in runs)
    steps = Steps(n_missing, "run", alike=True, show=is_first())
    with process_group(device) as own_device:
        for seed, split, folder in runs:
            path = folder / "result.json"
            _check_test_part(split, folder)
            if path.is_file():  # of a run that was ended before it could remove its state
                (folder / STATE_FILE).unlink(missing_ok=True)
            else:
                steps.start(f"{experiment.name}, seed {seed}, {split.name}")
                if data is None:
                    with first_before_others():
                        data = ExperimentData(experiment, utterances, folders.cache)
                _run_fold(experiment, data, split, seed, folder, own_device, checked.skipped)
                wait_for_all()
            results.append(FoldResult.read(path))
            if is_first():
                log(f"{experiment.name}, {results[-1]}")
    return results


def read_results(experiment: Experiment, folders: Folders) -> list[FoldResult]:
    """Return the results that an experiment has, in order of seed and fold, without the corpora."""
    paths = folders.runs.glob(f"{experiment.name}-{experiment.identity}/*/result.json")
    results = [FoldResult.read(path) for path in paths]
    results = [result for result in results if result.seed in experiment.seeds]
    return sorted(results, key=lambda result: (result.seed, len(result.fold), result.fold))


def _run_fold(
    experiment: Experiment,
    data: ExperimentData,
    split: Split,
    seed: int,
    folder: Path,
    device: str,
    skipped: list[str],
) -> None:
    parts = data.parts(split)
    torch.manual_seed(seed)
    model = data.model(split)
    model.set_normalisation(*parts["train"].statistics(experiment.clip.standardise))
    folder.mkdir(parents=True, exist_ok=True)
    if is_first():
        _write_run_record(experiment, seed, split, model, folder, skipped)
    trainer = Trainer(model, parts["train"], experiment.optimisation, seed, folder, device)
    kept = trainer.run(parts.get("validation"))
    if not is_first():
        return
    scores = evaluate(kept, parts["test"])
    write_bytes(folder / "weights.safetensors", save(weights(kept)))
    result = FoldResult(
        seed,
        split.name,
        scores,
        trainer.best[0] or trainer.epoch,
        _seconds(folder),
        sum(p.numel() for p in model.parameters()),
    )
    # The result marks the run as complete; the state to continue from is not needed any more.
    write_text(folder / "result.json", json.dumps(result.to_dict()) + "\n")
    trainer.state_path.unlink()


def weights(model: NormalisingModel) -> dict[str, torch.Tensor]:
    """Return the weights of a network and the statistics that normalise its input."""
    tensors = {**model.state_dict(), "mean": model.mean, "std": model.std}
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def load_kept(data: ExperimentData, split: Split, folder: Path) -> NormalisingModel:
    """Load the network that a run kept, for inference."""
    model = data.model(split)
    tensors = load_file(folder / "weights.safetensors")
    model.set_normalisation(tensors.pop("mean"), tensors.pop("std"))
    model.load_state_dict(tensors)
    return model.eval()


def _seconds(folder: Path) -> float:
    lines = (folder / METRICS_FILE).read_text(encoding="utf-8").splitlines()
    return round(sum(json.loads(line)["seconds"] for line in lines), 1)


def _test_part_hash(split: Split) -> str:
    """Return a short hash of the keys of the utterances of the test part."""
    keys = sorted(utterance.key for utterance in split.test)
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:8]


def _check_test_part(split: Split, folder: Path) -> None:
    """Check that a run in this folder was evaluated on the same test part.

    It was not if the corpus has gained recordings since, or the table of its speakers' sexes, on
    which the folds depend.

    Raises:
        InputError: the test parts differ.
    """
    path = folder / "run.json"
    if not path.is_file():
        return
    tested = json.loads(path.read_text(encoding="utf-8")).get("tested")
    if tested not in (None, _test_part_hash(split)):
        raise InputError(
            f"{folder}: found a run with another test part than {split.name} of the corpora as "
            "they are now; name another folder with --runs, or delete this one"
        )


def _write_run_record(
    experiment: Experiment,
    seed: int,
    split: Split,
    model: NormalisingModel,
    folder: Path,
    skipped: list[str],
) -> None:
    """Write run.json: settings, sizes of the parts, recordings left out, versions."""
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    settings = {
        "experiment": experiment,
        "fold": split.name,
        **part_sizes(parts),
        "tested": _test_part_hash(split),
        "skipped": skipped or None,
    }
    write_run_record(folder, model, seed, settings)
