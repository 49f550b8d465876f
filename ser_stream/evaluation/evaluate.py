"""Evaluation of a model as it runs on a robot: recordings are streamed, and their turns scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_stream.corpora import own
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, read_corpora
from ser_stream.emotion import merge_label
from ser_stream.engines.choose import open_network
from ser_stream.engines.names import AUTO
from ser_stream.errors import InputError
from ser_stream.evaluation.report import Report
from ser_stream.evaluation.score_stream import score_stream
from ser_stream.evaluation.streamed import choose_clips
from ser_stream.models.folder import has_description
from ser_stream.models.hugging_face_info import checkpoint_info
from ser_stream.models.info import ModelInfo, find_model, read_info
from ser_stream.recipes.speech import Recipe


@dataclasses.dataclass(frozen=True)
class LabelledClips:
    """Recordings to evaluate on.

    Attributes:
        title: what they are, for tables and plots.
        utterances: recordings of one corpus or several.
        source: entries of the report that name the origin: recipe and part, or the table.
        left_out: one message for each clip that is left out because of its label.
        unreadable: one message for each clip whose file is missing.
    """

    title: str
    utterances: list[Utterance]
    source: dict[str, Any]
    left_out: list[str] = dataclasses.field(default_factory=list)
    unreadable: list[str] = dataclasses.field(default_factory=list)

    def with_labels(self, labels: Sequence[str]) -> LabelledClips:
        """Return the clips with their labels merged into these; leave out those with other labels.

        Raises:
            InputError: no clip is left.
        """
        kept, left_out = [], list(self.left_out)
        for utterance in self.utterances:
            label = merge_label(utterance.label, labels)
            if label is None:
                left_out.append(
                    f"{utterance.path}: label {utterance.label}; scored are {', '.join(labels)}"
                )
            else:
                kept.append(dataclasses.replace(utterance, label=label))
        if not kept:
            raise InputError(
                f"{self.title}: no clip is left to score: {len(left_out)} have other labels than "
                f"{', '.join(labels)}, and {len(self.unreadable)} cannot be read"
            )
        return dataclasses.replace(self, utterances=kept, left_out=left_out)


def held_out_clips(
    recipe: Recipe, corpora: Path, part: str, clips: int | None = None
) -> LabelledClips:
    """Return the recordings of the speakers that a recipe holds out.

    Args:
        part: "validation" or "test".
        clips: number of recordings of each corpus, always the same ones; None: all.

    Raises:
        InputError: a corpus cannot be read.
    """
    utterances = recipe.split(read_corpora(corpora, list(recipe.corpora)))[part]
    title = f"{part} speakers of recipe {recipe.name}"
    return LabelledClips(
        title, choose_clips(utterances, clips), {"recipe": recipe.name, "part": part}
    )


def own_clips(path: Path) -> LabelledClips:
    """Return the clips of a table, or of `labels.csv` in a folder.

    Raises:
        InputError: the table cannot be read, or lacks a column.
    """
    clips = own.read_usable(path)
    source = {"clips": str(path)}
    return LabelledClips(
        own.table_of(path).name, clips.utterances, source, clips.unknown_labels, clips.missing_files
    )


def by_corpus(utterances: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    """Return corpus -> its utterances, in the order of `CORPORA`, own clips last."""
    names = [*CORPORA, *sorted({u.corpus for u in utterances} - CORPORA.keys())]
    members = {name: [u for u in utterances if u.corpus == name] for name in names}
    return {name: found for name, found in members.items() if found}


def model_info(model: str | Path) -> ModelInfo:
    """Return the description of a shipped model, a model folder or a Hugging Face checkpoint.

    Raises:
        InputError: there is no such model, or its description cannot be read.
    """
    folder = find_model(model)
    return read_info(folder) if has_description(folder) else checkpoint_info(folder, str(model))


def shared_labels(label_sets: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the labels that all sets have, in the order of the first.

    >>> shared_labels([("neutral", "calm", "sad"), ("sad", "neutral")])
    ('neutral', 'sad')

    Raises:
        InputError: fewer than two labels are in all sets.
    """
    shared = tuple(label for label in label_sets[0] if all(label in s for s in label_sets))
    if len(shared) < 2:
        sets = "; ".join(", ".join(labels) for labels in label_sets)
        raise InputError(f"evaluate: found labels {sets}; needed are two labels that all have")
    return shared


def scored_labels(info: ModelInfo, labels: Sequence[str] | None) -> Sequence[str]:
    """Return the labels that a model is scored on, in the model's order where they are its own.

    Args:
        labels: that are asked for; None: the model's.
    """
    return info.labels if labels is None or set(labels) == set(info.labels) else labels


def evaluate_model(
    model: str | Path, recipe: Recipe, corpora: Path, part: str, clips: int | None = None
) -> Report:
    """Return the report of a model on the speakers that a recipe holds out.

    Args:
        clips: see `held_out_clips`.

    Raises:
        InputError: the model or a corpus cannot be read, or model and recipe have other labels.
    """
    recipe.require_labels(model_info(model).labels, str(model))
    return evaluate_clips(model, held_out_clips(recipe, corpora, part, clips))


def evaluate_clips(
    model: str | Path,
    clips: LabelledClips,
    labels: Sequence[str] | None = None,
    engine: str = AUTO,
) -> Report:
    """Return the report of a model, see `evaluation.report`.

    A clip that cannot be read is listed in the report, and the others are scored.

    Args:
        labels: that are scored, see `LabelProjection`; None: the model's.
        engine: runs the network, see `open_network`.

    Raises:
        InputError: the model cannot be read, or no clip is left to score.
    """
    network, info = open_network(model, engine)
    labels = scored_labels(info, labels)
    clips = clips.with_labels(labels)
    report: Report = {"model": info.name, **clips.source}
    if labels != info.labels:
        report["scored_labels"] = list(labels)
    unreadable = list(clips.unreadable)
    report["corpora"] = {}
    for corpus, members in by_corpus(clips.utterances).items():
        speakers = sorted({u.speaker for u in members} - {""})
        in_a_row = network.has_speaker_memory and all(u.speaker for u in members)
        report["corpora"][corpus] = {
            "title": CORPORA[corpus].title if corpus in CORPORA else clips.title,
            "speakers": speakers,
            **score_stream(network, info, members, in_a_row, labels, unreadable),
        }
    if clips.left_out:
        report["left_out"] = clips.left_out
    if unreadable:
        report["unreadable"] = unreadable
    return report
