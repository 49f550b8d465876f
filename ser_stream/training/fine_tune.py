"""A shipped model goes on learning from somebody's own clips, and says what that was worth."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from ser_stream.corpora import own
from ser_stream.corpora.base import Utterance
from ser_stream.data.augmentation import Augmentation
from ser_stream.data.feature_cache import load_features
from ser_stream.emotion import merge_label
from ser_stream.errors import InputError
from ser_stream.evaluation.evaluate import score_stream
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.files import check_model_folder
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import ModelInfo
from ser_stream.models.registry import architectures
from ser_stream.models.relabel import with_labels
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.training.calibrate import calibrate
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.model_card import write_card
from ser_stream.training.speech import training_set_of
from ser_stream.training.trainer import Trainer

LEAST_CLIPS = 20
HELD_OUT = 0.2
"""Share of the clips that is not learned from, at least."""
SPEEDS = (0.95, 1.0, 1.05)
AUGMENTATION = Augmentation(
    prefix=0.2, gain_db=(-15, 6), warp=0.08, noise=0.4, snr_db=(5, 40), tilt_db=4, low_pass=0.1,
    mixup=0.0, time_masks=1, band_masks=1,
)  # fmt: skip
OPTIMISATION = Optimisation(
    epochs=12, batch_size=32, optimizer="adamw", learning_rate=3e-3, weight_decay=1e-2,
    label_smoothing=0.1, schedule="one_cycle", clip_norm=5.0, average=0.98, pretrained_rate=0.0,
)  # fmt: skip
HISTORY = 0.5
"""Share of turns before which the speaker was heard, for a model that remembers voices."""
STEPS = 12
"""In an epoch, at least: few clips are drawn several times."""
NEVER = -1e4


def fine_tune(
    model: str, table: Path, output: Path, seed: int = 0, optimisation: Optimisation = OPTIMISATION
) -> dict:
    """Train a model further on labelled clips, and write `output`/model.

    Labels that the model lacks are added to it. A fifth of the clips, and of the speakers where
    there are three or more, is held out: to fit the confidence, and for the figures.

    Args:
        model: a name or a folder, of a network that hears log-mel frames.
        table: see `own.read`.

    Returns:
        model, clips, held_out (clips, speakers: those never learned from, or []), added (labels),
        without_clips (labels that are forgotten) and before, after: the figures of utterance
        estimates on what is held out, as streamed.

    Raises:
        InputError: the table or the model cannot be used, or there are too few clips.
    """
    check_model_folder(output / "model")
    keep_freed_memory()
    network, info = load_model(model)
    if info.architecture not in architectures() or type(info.features) is not LogMelConfig:
        raise InputError(
            f"model {model}: it does not hear log-mel frames; own clips can train default, tiny, "
            "open, and others of such features"
        )
    # A layer for valence and arousal was fitted to the states of the network as it was.
    options = {name: value for name, value in info.options.items() if name != "affect"}
    info = dataclasses.replace(info, options=options)
    utterances = own.read(table)
    labels, utterances = _with_added(info.labels, utterances)
    learned, held_out, by_speaker = hold_out(utterances, seed)
    before = score_stream(with_labels(network, info, labels, NEVER), _named(info, labels), held_out)
    info = _named(info, labels)
    start = with_labels(network, info, labels)
    # Nobody's voice can be remembered where nobody says whose clips they are.
    start.has_speaker_memory = network.has_speaker_memory and all(u.speaker for u in utterances)
    trained = _trained(start, learned, info, seed, optimisation)
    info = dataclasses.replace(
        info,
        name=output.resolve().name,
        results={},
        training_data=_training_data(info, table, learned, seed),
        speaker_memory=trained.has_speaker_memory,
    )
    info = dataclasses.replace(
        info, calibration=calibrate(trained, info, held_out, info.calibration["utterance"].floor)
    )
    save_model(output / "model", trained, info)
    write_card(output / "model", info)
    after = score_stream(trained, info, held_out)
    return {
        "model": model,
        "clips": len(utterances),
        "held_out": {
            "clips": len(held_out),
            "speakers": sorted({u.speaker for u in held_out}) if by_speaker else [],
        },
        "added": list(labels[len(network.labels) :]),
        "without_clips": sorted(set(labels) - {u.label for u in utterances}, key=labels.index),
        "before": before["utterance"],
        "after": after["utterance"],
    }


def hold_out(
    utterances: list[Utterance], seed: int
) -> tuple[list[Utterance], list[Utterance], bool]:
    """What is learned from, what is not, and whether their speakers differ.

    Raises:
        InputError: too few clips, or all of one label.
    """
    if len(utterances) < LEAST_CLIPS or len({u.label for u in utterances}) < 2:
        raise InputError(
            f"own clips: found {len(utterances)} clips of {len({u.label for u in utterances})} "
            f"labels; needed are {LEAST_CLIPS} of two labels or more"
        )
    rng = np.random.default_rng(seed)
    speakers = sorted({u.speaker for u in utterances})
    if len(speakers) < 3:
        by_label = sorted(rng.permutation(len(utterances)), key=lambda i: utterances[i].label)
        held = set(by_label[:: round(1 / HELD_OUT)])
        learned = [u for i, u in enumerate(utterances) if i not in held]
        return learned, [u for i, u in enumerate(utterances) if i in held], False
    chosen: set[str] = set()
    for speaker in rng.permutation(speakers)[:-1]:
        if sum(u.speaker in chosen for u in utterances) >= HELD_OUT * len(utterances):
            break
        chosen.add(str(speaker))
    learned = [u for u in utterances if u.speaker not in chosen]
    return learned, [u for u in utterances if u.speaker in chosen], True


def _with_added(
    labels: tuple[str, ...], utterances: list[Utterance]
) -> tuple[tuple[str, ...], list[Utterance]]:
    """The model's labels and those it lacks; utterances with labels out of these."""
    merged = [merge_label(u.label, labels) or u.label for u in utterances]
    labels += tuple(sorted(set(merged) - set(labels)))
    pairs = zip(utterances, merged, strict=True)
    return labels, [dataclasses.replace(u, label=label) for u, label in pairs]


def _named(info: ModelInfo, labels: tuple[str, ...]) -> ModelInfo:
    return dataclasses.replace(info, labels=labels)


def _trained(
    network: EmotionModel,
    utterances: list[Utterance],
    info: ModelInfo,
    seed: int,
    optimisation: Optimisation,
) -> EmotionModel:
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as scratch:  # clips may change: nothing of them is kept
        folder = Path(scratch)
        stores = [load_features(utterances, info.features, speed, folder) for speed in SPEEDS]
        drawn = max(len(utterances), STEPS * optimisation.batch_size)
        augmentation = dataclasses.replace(
            AUGMENTATION, speaker_history=HISTORY * network.has_speaker_memory
        )
        training_set = training_set_of(network)(
            utterances, stores, info.labels, {"own": 1.0}, augmentation, drawn,
            optimisation.batch_size, network.window_frames, least_frames=network.step_frames,
            frame_s=info.features.frame_s,
        )  # fmt: skip
        training_set.usual = network.mean.numpy()
        trainer = Trainer(copy.deepcopy(network), training_set, optimisation, seed, folder)
        return trainer.run(None).to("cpu", memory_format=torch.contiguous_format)


def _training_data(info: ModelInfo, table: Path, learned: list[Utterance], seed: int):
    data = info.training_data
    return dataclasses.replace(
        data,
        corpora=(*data.corpora, f"{table.name}, {len(learned)} own clips"),
        licence=f"{data.licence}; and what the speakers of the own clips agreed to",
        seed=seed,
    )


def print_report(report: dict) -> None:
    """What was held out, and the figures before and after, on stdout."""
    held_out = report["held_out"]
    if held_out["speakers"]:
        whose = f"of speakers it never heard: {', '.join(held_out['speakers'])}"
    else:
        whose = "of the speakers it learned from, since there are fewer than three"
    table = Table(title=f"{held_out['clips']} of {report['clips']} clips, {whose}")
    for column in ("", "clips", "before", "after"):
        table.add_column(column, justify="right" if column else "left")
    both = [report["before"], report["after"]]
    for name in ("WA", "UA"):
        table.add_row(name, "", *(f"{figures[name.lower()]:.1%}" for figures in both))
    for i, label in enumerate(report["after"]["labels"]):
        n = sum(both[1]["confusion"][i]) + both[1]["no_speech"][i]
        if n:
            recalls = (f"{figures['confusion'][i][i] / n:.1%}" for figures in both)
            table.add_row(f"recall of {label}", str(n), *recalls)
    console = Console()
    console.print(table)
    if report["added"]:
        console.print(f"labels added to the model: {', '.join(report['added'])}")
    if report["without_clips"]:
        console.print(
            f"no clips of {', '.join(report['without_clips'])}: hardly ever an answer from now on"
        )
