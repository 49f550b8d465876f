"""Fine-tunes a model on somebody's own labelled clips, and reports scores before and after."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table

from ser_stream.corpora import own
from ser_stream.corpora.base import Utterance
from ser_stream.data.augmentation import Augmentation
from ser_stream.data.feature_cache import load_features
from ser_stream.data.reading import check_recordings
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources
from ser_stream.emotion import UTTERANCE, merge_label
from ser_stream.engines.torch import TorchNetwork
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import wilson_interval
from ser_stream.evaluation.score_stream import score_stream
from ser_stream.evaluation.tables import table_console
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import load_model
from ser_stream.models.folder import prepare_model_folder
from ser_stream.models.info import ModelInfo
from ser_stream.models.registry import architectures
from ser_stream.models.relabel import with_labels
from ser_stream.models.statistics_model import StatisticsModel
from ser_stream.progress import Steps, print_line
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.text import shell_word, valid_text
from ser_stream.training.calibrate import calibrate
from ser_stream.training.devices import to_cpu
from ser_stream.training.frozen_encoder import (
    EncodedHead,
    encoded_training_set,
    load_encoded,
)
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.model_folder import save_model_folder, with_own_clips
from ser_stream.training.speech import without_affect
from ser_stream.training.speech_data import training_set_for
from ser_stream.training.trainer import Trainer

OWN_CLIPS = "own"
"""Name of the corpus that own clips belong to."""
MIN_CLIPS = 20
MIN_SPEAKERS_TO_HOLD_OUT = 3
"""With fewer speakers, clips of the same speakers are held out."""
HELD_OUT_SHARE = 0.2
"""Smallest share of the clips that is held out from training."""
SPEEDS = (0.95, 1.0, 1.05)
AUGMENTATION = Augmentation(
    prefix=0.2, gain_db=(-15, 6), warp=0.08, noise=0.4, snr_db=(5, 40), tilt_db=4, low_pass=0.1,
    mixup=0.0, time_masks=1, band_masks=1,
)  # fmt: skip
OPTIMISATION = Optimisation(
    epochs=12, batch_size=32, optimizer="adamw", learning_rate=3e-3, weight_decay=1e-2,
    label_smoothing=0.1, schedule="one_cycle", clip_norm=5.0, average=0.98, pretrained_rate=0.0,
)  # fmt: skip
SPEAKER_HISTORY = 0.5
"""Share of turns with earlier turns of the speaker, for a model with speaker memory."""
MIN_STEPS = 12
"""Smallest number of batches in an epoch; few clips are drawn several times."""
NEVER_CHOSEN = -1e4
"""Bias of an added label in the network before training, so low that it is never predicted."""


def fine_tune(
    model: str,
    table: Path,
    output: Path,
    seed: int = 0,
    optimisation: Optimisation = OPTIMISATION,
    skip_bad: bool = False,
) -> dict[str, Any]:
    """Fine-tune a model on labelled clips, and write `output`/model.

    Labels that the model lacks are added to it. A fifth of the clips, and of the speakers where
    there are three or more, is held out: for calibration and for the scores.

    Args:
        model: name or folder of a network of log-mel frames.
        table: see `own.read`.
        skip_bad: leave out clips that are missing or cannot be read.

    Returns:
        model, output (the new model's folder), clips, held_out (clips, and speakers that have no
        clips in training, or []), added (labels), without_clips (labels without clips, which will
        be forgotten), skipped (messages for clips that were left out), and before, after: scores
        of utterance estimates of the held-out clips, as streamed.

    Raises:
        InputError: the table or the model cannot be used, or there are too few clips.
    """
    folder = output / "model"
    prepare_model_folder(folder)
    keep_freed_memory()
    steps = Steps(4)
    network, info = _load_trainable(model)
    clips, skipped = _readable_clips(table, skip_bad)
    labels, utterances = _with_added_labels(info.labels, clips)
    train_clips, held_out, by_speaker = hold_out(utterances, seed)
    info = dataclasses.replace(info, labels=labels)

    steps.start("scoring the held-out clips with the present model")
    present = with_labels(network, info, labels, NEVER_CHOSEN)
    before = score_stream(TorchNetwork(present), info, held_out)

    steps.start(f"training {optimisation.epochs} epochs on {len(train_clips)} clips")
    initial = with_labels(network, info, labels)
    # Voices can be remembered only where the clips name their speakers.
    initial.has_speaker_memory = network.has_speaker_memory and all(u.speaker for u in utterances)
    trained = _trained(initial, train_clips, info, seed, optimisation)

    steps.start("calibrating on the held-out clips")
    source = f"{table.name}, {len(train_clips)} own clips"
    info = dataclasses.replace(
        info,
        name=valid_text(output.resolve().name),
        training_data=with_own_clips(info.training_data, source, seed),
    )
    info = _calibrated(trained, info, held_out)
    save_model_folder(folder, trained, info)

    steps.start("scoring the held-out clips with the new model")
    after = score_stream(TorchNetwork(trained), info, held_out)
    return {
        "model": model,
        "output": str(folder),
        "clips": len(utterances),
        "held_out": {
            "clips": len(held_out),
            "speakers": sorted({u.speaker for u in held_out}) if by_speaker else [],
        },
        "added": list(labels[len(network.labels) :]),
        "without_clips": sorted(set(labels) - {u.label for u in utterances}, key=labels.index),
        "skipped": skipped,
        "before": before[UTTERANCE],
        "after": after[UTTERANCE],
    }


def _readable_clips(table: Path, skip_bad: bool) -> tuple[list[Utterance], list[str]]:
    """Return the clips of a table, and a message for each that is left out."""
    if not skip_bad:
        return check_recordings(own.read(table), None).utterances, []
    listed = own.read_usable(table)
    for problem in listed.unknown_labels:
        raise InputError(problem)
    checked = check_recordings(listed.utterances, None, skip_bad)
    for problem in listed.missing_files:
        print_line(f"left out: {problem}")
    return checked.utterances, listed.missing_files + checked.skipped


def _calibrated(trained: EmotionModel, info: ModelInfo, held_out: Sequence[Utterance]) -> ModelInfo:
    """Return the description of a trained network, without results of the network before."""
    info = dataclasses.replace(info, results={}, speaker_memory=trained.has_speaker_memory)
    floor = info.calibration[UTTERANCE].floor
    calibration = calibrate(TorchNetwork(trained), info, held_out, floor)
    return dataclasses.replace(info, calibration=calibration)


def _load_trainable(model: str) -> tuple[EmotionModel, ModelInfo]:
    network, info = load_model(model, kind=EmotionModel)
    if info.architecture not in architectures() or type(info.features) is not LogMelConfig:
        raise InputError(
            f"model {model}: its features are not log-mel frames; accepted are default, tiny, open "
            "and other models of such features"
        )
    return network, without_affect(info)


def hold_out(
    utterances: Sequence[Utterance], seed: int
) -> tuple[list[Utterance], list[Utterance], bool]:
    """Divide the clips into a training part and a held-out part.

    Returns:
        Clips to train on, held-out clips, and whether their speakers differ.

    Raises:
        InputError: there are too few clips, or all have one label.
    """
    n_labels = len({u.label for u in utterances})
    if len(utterances) < MIN_CLIPS or n_labels < 2:
        raise InputError(
            f"own clips: found {len(utterances)} clips of {n_labels} labels; needed are "
            f"{MIN_CLIPS} of two labels or more"
        )
    rng = np.random.default_rng(seed)
    speakers = sorted({u.speaker for u in utterances})
    by_speaker = len(speakers) >= MIN_SPEAKERS_TO_HOLD_OUT
    if by_speaker:
        chosen = _held_out_speakers(utterances, speakers, rng)
        held = [u.speaker in chosen for u in utterances]
    else:
        by_label = sorted(rng.permutation(len(utterances)), key=lambda i: utterances[i].label)
        indices = set(by_label[:: round(1 / HELD_OUT_SHARE)])
        held = [i in indices for i in range(len(utterances))]
    train_clips = [u for u, out in zip(utterances, held, strict=True) if not out]
    return train_clips, [u for u, out in zip(utterances, held, strict=True) if out], by_speaker


def _held_out_speakers(
    utterances: Sequence[Utterance], speakers: list[str], rng: np.random.Generator
) -> set[str]:
    """Return random speakers with `HELD_OUT_SHARE` of the clips or more, but never all speakers."""
    chosen: set[str] = set()
    for speaker in rng.permutation(speakers)[:-1]:
        if sum(u.speaker in chosen for u in utterances) >= HELD_OUT_SHARE * len(utterances):
            break
        chosen.add(str(speaker))
    return chosen


def _with_added_labels(
    labels: tuple[str, ...], utterances: Sequence[Utterance]
) -> tuple[tuple[str, ...], list[Utterance]]:
    """Return the model's labels and those it lacks, and the utterances with these labels."""
    merged = [merge_label(u.label, labels) or u.label for u in utterances]
    labels += tuple(sorted(set(merged) - set(labels)))
    pairs = zip(utterances, merged, strict=True)
    return labels, [dataclasses.replace(u, label=label) for u, label in pairs]


def _trained(
    network: EmotionModel,
    utterances: Sequence[Utterance],
    info: ModelInfo,
    seed: int,
    optimisation: Optimisation,
) -> EmotionModel:
    assert isinstance(info.features, LogMelConfig)
    torch.manual_seed(seed)
    settings = TrainingSetSettings(
        info.labels,
        {OWN_CLIPS: 1.0},
        dataclasses.replace(
            AUGMENTATION, speaker_history=SPEAKER_HISTORY * network.has_speaker_memory
        ),
        max(len(utterances), MIN_STEPS * optimisation.batch_size),
        optimisation.batch_size,
        network.window_frames,
        network.step_frames,
        info.features.frame_s,
    )
    network = copy.deepcopy(network)
    # Without a cache: features of somebody's own clips never reach the disk.
    if network.shared_encoder:
        stores = [load_encoded(network, utterances, speed, None, utterances) for speed in SPEEDS]
        sources = TrainingSources(utterances, stores)
        training_set = encoded_training_set(network, sources, settings)
        assert isinstance(network, StatisticsModel)
        head = EncodedHead(network)
        return to_cpu(Trainer(head, training_set, optimisation, seed, None).run(None)).whole()
    stores = [load_features(utterances, info.features, speed, None) for speed in SPEEDS]
    training_set = training_set_for(network)(TrainingSources(utterances, stores), settings)
    training_set = training_set.with_memory_mean(network.mean.numpy())
    return to_cpu(Trainer(network, training_set, optimisation, seed, None).run(None))


def print_report(report: dict[str, Any]) -> None:
    """Print the counts of correct held-out clips before and after, and the next command."""
    held_out, before, after = report["held_out"], report["before"], report["after"]
    if held_out["speakers"]:
        whose = f"from speakers without clips in training: {', '.join(held_out['speakers'])}"
    else:
        whose = "from the speakers trained on, since there are fewer than three"
    console = table_console()
    console.print(f"{held_out['clips']} of {report['clips']} clips were held out, {whose}")
    console.print(f"before and after training: {_change(before, after)}")
    console.print(_recall_table(before, after))
    if report["added"]:
        console.print(f"labels added to the model: {', '.join(report['added'])}")
    if report["without_clips"]:
        console.print(
            f"labels without clips, which the new model will hardly recognise: "
            f"{', '.join(report['without_clips'])}"
        )
    if correct(after) < correct(before):
        console.print(
            "the new model recognises fewer of the held-out clips than the present one: keep the "
            "present one, or train again with more clips"
        )
    # Not by rich, which would break a long path.
    print(f"listen with the new model: ser-stream listen --model {shell_word(report['output'])}")


def correct(scores: dict[str, Any]) -> int:
    """Return the number of correct answers of scores as `Scores.to_dict` has them."""
    return sum(row[i] for i, row in enumerate(scores["confusion"]))


def _change(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return counts before and after, and the 95 % interval of the share afterwards."""
    low, high = wilson_interval(correct(after), after["n"])
    text = (
        f"{correct(before)} to {correct(after)} of {after['n']} correct "
        f"(95 % interval {100 * low:.0f} to {100 * high:.0f} %)"
    )
    if low <= correct(before) / after["n"] <= high:
        text += "; a difference this small may be chance: evaluate on more clips"
    return text


def _recall_table(before: dict[str, Any], after: dict[str, Any]) -> Table:
    table = Table()
    for column in ("label", "clips", "correct before", "after"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for i, label in enumerate(after["labels"]):
        n = sum(after["confusion"][i]) + after["no_speech"][i]
        if n:
            counts = (str(scores["confusion"][i][i]) for scores in (before, after))
            table.add_row(label, str(n), *counts)
    return table
