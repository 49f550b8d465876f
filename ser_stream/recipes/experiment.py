"""Experiments: each is one row of a table of a paper."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import get_corpus
from ser_stream.data.forced_alignment import ALIGNERS
from ser_stream.data.recordings import ClipSettings
from ser_stream.emotion import canonical_label
from ser_stream.errors import InputError, shown
from ser_stream.models.info import FrameFeatures
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.recipes.protocols import Protocol
from ser_stream.validation import Seed


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Settings of an experiment: a network, its training data, its training and its evaluation.

    Attributes:
        source: the paper and the row of its table, or the purpose of the experiment.
        architecture, options: name in `ser_stream.models.registry` and its keyword arguments.
        labels: utterances with other labels are left out.
        protocol: how utterances are divided into training, validation and test parts.
        merge: label -> the label of `labels` that it counts as, such as excited -> happy.
        seeds: random seeds of splits and of weights; each trains all folds of the protocol.
        clip: how recordings are cut and padded.
        alignment: "pocketsphinx" aligns words whose times the corpus does not give; None: only
            times of the corpus are used.
        word_vectors: file of pretrained word vectors in GloVe's text format; None: word vectors
            are initialised at random.
        exclude: keys of utterances that are left out, such as iemocap/Ses03M_impro03_M001. Keys
            that the corpora do not have are ignored.

    Raises:
        InputError: a label, corpus or aligner is unknown, labels are merged into none of `labels`,
            there is no seed, or the optimisation needs a validation part and there is none.
    """

    name: str
    source: str
    architecture: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    protocol: Protocol
    optimisation: Optimisation
    features: FrameFeatures
    merge: dict[str, str] = dataclasses.field(default_factory=dict)
    seeds: tuple[Seed, ...] = (0,)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    clip: ClipSettings = dataclasses.field(default_factory=ClipSettings)
    alignment: str | None = None
    word_vectors: str | None = None
    exclude: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(canonical_label(label) for label in self.labels))
        merge = {canonical_label(label): canonical_label(to) for label, to in self.merge.items()}
        object.__setattr__(self, "merge", merge)
        for corpus in self.corpora:
            get_corpus(corpus)
        for label, to in merge.items():
            if to not in self.labels or label in self.labels:
                raise InputError(
                    f"merge: found {label}: {to}; accepted is a label that is not in labels, with "
                    "the one of labels that it counts as"
                )
        if not self.seeds:
            raise InputError("seeds: found []; accepted is a list of one seed or more")
        if self.alignment not in (None, *ALIGNERS):
            raise InputError(
                f"alignment: found {shown(self.alignment)}; accepted are {', '.join(ALIGNERS)}"
            )
        if self.optimisation.needs_validation and self.protocol.validation == 0:
            raise InputError(
                "optimisation: patience above 0 and the schedule plateau need a validation part, "
                f"and the protocol {self.protocol.name} has validation: 0"
            )

    @property
    def identity(self) -> str:
        """Short hash of all settings that the results of one seed depend on.

        It is part of the name of a run's folder, so that other settings get another folder. Name,
        source and seeds are not part of the hash.
        """
        content = _without_unset(dataclasses.asdict(self))
        content |= {"name": "", "source": "", "seeds": ()}
        content["kind"] = type(self.features).__name__
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]

    def labelled(self, utterances: list[Utterance]) -> list[Utterance]:
        """Return the utterances that have a label of the experiment, after merging labels.

        Raises:
            InputError: no utterance has one of the labels.
        """
        kept = []
        for utterance in utterances:
            label = self.merge.get(utterance.label, utterance.label)
            if label in self.labels and utterance.key not in (self.exclude or ()):
                kept.append(dataclasses.replace(utterance, label=label))
        missing = sorted(set(self.labels) - {u.label for u in kept})
        if missing:
            raise InputError(
                f"experiment {self.name}: no utterance of {', '.join(self.corpora)} is "
                f"{' or '.join(missing)}; name other labels or corpora"
            )
        return kept


def _without_unset(content: dict[str, Any]) -> dict[str, Any]:
    """Drop unset fields, so that adding an optional setting keeps existing run hashes."""
    return {
        name: _without_unset(value) if isinstance(value, dict) else value
        for name, value in content.items()
        if value is not None
    }
