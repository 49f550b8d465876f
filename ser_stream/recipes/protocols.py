"""Which utterances train, which are watched, and which are judged: the papers' protocols by name.

    name                     test part                         validation: number
    =======================  ================================  ===================================
    random                   `test`, a share, at random        share, at random
    k_fold                   each of `folds` parts, at random  share, at random
    leave_one_session_out    each session                      sessions behind the test session
    leave_one_speaker_out    each speaker                      speakers behind the test speaker
    speaker_folds            each of `folds` groups of         groups behind the test group
                             speakers
    emobox                   each of EmoBox's folds            folds behind the test fold
    leave_one_corpus_out     each corpus                       corpora behind the test corpus
    sessions                 the sessions in `test`            share of the rest, at random

"Behind" counts on, and from the last to the first. The first two, and the validation part of the
last, have the same speakers in all parts. `validation: test` watches the test part itself, as some
papers do: their figures are then those of the epoch that was best on the test part, and reports say
so. `validation: 0` watches nothing: the last epoch is taken. `only` names the folds that are run,
where there is no time for all; the figures are of their test parts alone.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.ravdess import EMOBOX_FOLDS, speaker_name
from ser_stream.errors import InputError

RANDOM = ("random", "k_fold")
GROUPED = (
    "leave_one_session_out", "leave_one_speaker_out", "speaker_folds", "emobox",
    "leave_one_corpus_out",
)  # fmt: skip
PROTOCOLS = (*RANDOM, *GROUPED, "sessions")
ON_TEST = "test"


@dataclasses.dataclass(frozen=True)
class Split:
    """One fold of a protocol. `validation` may be empty, or be `test` itself.

    Attributes:
        name: of the fold, such as "fold 1" or "speaker ravdess-01".
    """

    name: str
    train: list[Utterance]
    validation: list[Utterance]
    test: list[Utterance]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """A protocol's name and settings: see the head of this file.

    Raises:
        InputError: a setting that this protocol does not have, or a value that is not accepted.
    """

    name: str
    test: float | tuple[str, ...] | None = None
    folds: int | None = None
    validation: float | int | str = 0
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in PROTOCOLS:
            raise InputError(f"protocol: found {self.name!r}; accepted are {', '.join(PROTOCOLS)}")
        wanted = {"random": "test", "sessions": "test", "k_fold": "folds", "speaker_folds": "folds"}
        for setting in ("test", "folds"):
            there = getattr(self, setting) is not None
            if there != (wanted.get(self.name) == setting):
                verb = "has no" if there else "needs the"
                raise InputError(f"protocol: {self.name} {verb} setting {setting}")
        if self.name == "random" and not (isinstance(self.test, float) and 0 < self.test < 1):
            raise InputError(f"protocol: test: found {self.test!r}; accepted is a share, as 0.2")
        if self.name == "sessions" and not isinstance(self.test, tuple):
            raise InputError(f"protocol: test: found {self.test!r}; accepted is a list of sessions")
        if self.folds is not None and not (isinstance(self.folds, int) and self.folds >= 2):
            raise InputError(f"protocol: folds: found {self.folds!r}; accepted are 2 and more")
        self._check_validation()

    def _check_validation(self) -> None:
        value = self.validation
        if value == ON_TEST or value == 0:
            return
        if self.name in GROUPED:
            right, accepted = isinstance(value, int), "how many groups, as 1"
        else:
            right, accepted = isinstance(value, float) and 0 < value < 1, "a share, as 0.1"
        if not right:
            raise InputError(
                f"protocol: validation: found {value!r}; accepted are 0, test, or {accepted}"
            )

    @property
    def speakers_are_apart(self) -> bool:
        """Whether no speaker of the test part is heard in training."""
        return self.name not in RANDOM

    def __str__(self) -> str:
        """In words, for reports."""
        if self.name == "random":
            what = f"random, {self.test:.0%} of the utterances are the test part"
        elif self.name == "sessions":
            what = f"test on {', '.join(self.test)}"
        else:
            what = {
                "k_fold": f"{self.folds}-fold cross-validation over utterances",
                "leave_one_session_out": "leave one session out",
                "leave_one_speaker_out": "leave one speaker out",
                "speaker_folds": f"{self.folds} folds of speakers",
                "emobox": "EmoBox's 6 folds of speakers",
                "leave_one_corpus_out": "leave one corpus out",
            }[self.name]
        if self.only:
            what += f", of which only {', '.join(self.only)}"
        watched = {0: "last epoch", ON_TEST: "best epoch ON THE TEST PART, as the paper does"}
        return f"{what}; {watched.get(self.validation, 'best epoch on a validation part')}"

    def splits(self, utterances: Sequence[Utterance], seed: int) -> list[Split]:
        """The folds, in order. Chance follows from the seed alone, not from earlier draws.

        Raises:
            InputError: the utterances have no sessions, too few speakers, or a fold has no member.
        """
        rng = np.random.default_rng([seed, 20_011])
        if self.name in RANDOM:
            parts = self._random(len(utterances), rng)
        elif self.name == "sessions":
            parts = [self._by_session(utterances, rng)]
        else:
            parts = self._grouped(utterances)
        splits = []
        for name, validation, test in parts:
            if self.validation == ON_TEST:
                validation = test
            held_out = set(validation) | set(test)
            train = [u for i, u in enumerate(utterances) if i not in held_out]
            split = Split(
                name, train, [utterances[i] for i in validation], [utterances[i] for i in test]
            )
            if not split.train or not split.test or (self.validation and not split.validation):
                raise InputError(
                    f"protocol {self.name}, {name}: found {len(train)} utterances to train, "
                    f"{len(split.validation)} to validate, {len(split.test)} to test; none may be "
                    "empty. Is the corpus incomplete?"
                )
            splits.append(split)
        unknown = sorted(set(self.only) - {split.name for split in splits})
        if unknown:
            raise InputError(
                f"protocol: only: found {', '.join(unknown)}; accepted are "
                f"{', '.join(split.name for split in splits)}"
            )
        return [split for split in splits if not self.only or split.name in self.only]

    def _random(self, n: int, rng: np.random.Generator) -> list[tuple]:
        order = rng.permutation(n)
        n_validation = 0
        if isinstance(self.validation, float):
            n_validation = round(self.validation * n)
        if self.name == "random":
            n_test = round(self.test * n)
            return [("all", order[n_test : n_test + n_validation], order[:n_test])]
        parts = []
        bounds = np.rint(np.linspace(0, n, self.folds + 1)).astype(int)
        for fold, (start, end) in enumerate(itertools.pairwise(bounds), 1):
            # The rest, from behind the fold on: like the folds, it is in random order.
            rest = np.concatenate([order[end:], order[:start]])
            parts.append((f"fold {fold}", rest[:n_validation], order[start:end]))
        return parts

    def _by_session(self, utterances: Sequence[Utterance], rng: np.random.Generator) -> tuple:
        sessions = _sessions(utterances)
        missing = sorted(set(self.test) - set(sessions))
        if missing:
            raise InputError(
                f"protocol: test: sessions {', '.join(missing)} are not in the corpus, which has "
                f"{', '.join(sorted(set(sessions)))}"
            )
        test = [i for i, session in enumerate(sessions) if session in self.test]
        rest = rng.permutation([i for i, s in enumerate(sessions) if s not in self.test])
        n_validation = 0 if self.validation == ON_TEST else round(self.validation * len(rest))
        return ", ".join(self.test), list(rest[:n_validation]), test

    def _grouped(self, utterances: Sequence[Utterance]) -> list[tuple]:
        keys, groups = GROUPINGS[self.name](utterances, self.folds)
        names = sorted(set(groups.values()), key=lambda name: (len(name), name))
        n_validation = 0 if self.validation == ON_TEST else int(self.validation)
        if len(names) < 2 + n_validation:
            raise InputError(
                f"protocol {self.name}: found {len(names)} groups; it needs {2 + n_validation}"
            )
        of = [groups[key] for key in keys]
        parts = []
        for number, name in enumerate(names):
            behind = {names[(number + k) % len(names)] for k in range(1, n_validation + 1)}
            validation = [i for i, group in enumerate(of) if group in behind]
            parts.append((name, validation, [i for i, group in enumerate(of) if group == name]))
        return parts


def _sessions(utterances: Sequence[Utterance]) -> list[str]:
    without = next((u for u in utterances if not u.session), None)
    if without is not None:
        raise InputError(f"protocol: {without.key} has no session; does {without.corpus} have any?")
    return [u.session for u in utterances]


def _session_groups(utterances: Sequence[Utterance], _folds: None) -> tuple[list, dict]:
    sessions = _sessions(utterances)
    return sessions, {session: session for session in sessions}


def _speaker_groups(utterances: Sequence[Utterance], folds: int | None) -> tuple[list, dict]:
    """Each speaker, or so many groups into which women and men are dealt in turn."""
    speakers = [u.speaker for u in utterances]
    if folds is None:
        return speakers, {speaker: f"speaker {speaker}" for speaker in speakers}
    ordered = sorted({(u.gender, u.speaker) for u in utterances})
    dealt = {speaker: f"fold {i % folds + 1}" for i, (_, speaker) in enumerate(ordered)}
    return speakers, dealt


def _emobox_groups(utterances: Sequence[Utterance], _folds: None) -> tuple[list, dict]:
    groups = {
        speaker_name(actor): f"fold {fold}"
        for fold, actors in enumerate(EMOBOX_FOLDS, 1)
        for actor in actors
    }
    speakers = [u.speaker for u in utterances]
    other = sorted(set(speakers) - groups.keys())
    if other:
        raise InputError(f"protocol: emobox: its folds of {other[0]} are not known here")
    return speakers, groups


def _corpus_groups(utterances: Sequence[Utterance], _folds: None) -> tuple[list, dict]:
    corpora = [u.corpus for u in utterances]
    return corpora, {corpus: corpus for corpus in corpora}


GROUPINGS: dict[str, Callable] = {
    "leave_one_session_out": _session_groups,
    "leave_one_speaker_out": _speaker_groups,
    "speaker_folds": _speaker_groups,
    "emobox": _emobox_groups,
    "leave_one_corpus_out": _corpus_groups,
}
