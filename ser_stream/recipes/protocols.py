"""Protocols: how utterances are divided into training, validation and test parts.

    name                     test parts                        `validation`, a number
    =======================  ================================  ====================================
    random                   `test`, a share, at random        share, at random
    k_fold                   each of `folds` parts, at random  share, at random
    leave_one_session_out    each session                      number of sessions after the test one
    leave_one_speaker_out    each speaker                      number of speakers after the test one
    speaker_folds            each of `folds` groups of         number of groups after the test one
                             speakers
    emobox                   each of EmoBox's folds            number of folds after the test one
    leave_one_corpus_out     each corpus                       number of corpora after the test one
    sessions                 the sessions in `test`            share of the rest, at random

With `leave_one_corpus_out` the corpora may differ in their labels: a network has those of the
recipe, learns from each corpus those that it has, and is scored on those of the corpus left out.

"After" is in the order of the names, and the first follows the last. With `random` and `k_fold` the
same speakers are in all parts; with `sessions` they are in the training and validation parts.

`validation: 0`: there is no validation part, and the last epoch is evaluated. `validation: test`:
the test part is the validation part too, as in some papers; the metrics are then those of the epoch
that is best on the test part, and reports state that. `only` names the folds to run, if not all;
the metrics are those of their test parts.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.ravdess import EMOBOX_FOLDS, speaker_name
from ser_stream.errors import InputError, shown

RANDOM = ("random", "k_fold")
GROUPED = (
    "leave_one_session_out", "leave_one_speaker_out", "speaker_folds", "emobox",
    "leave_one_corpus_out",
)  # fmt: skip
PROTOCOLS = (*RANDOM, *GROUPED, "sessions")
ON_TEST = "test"
"""Value of `validation` that makes the test part the validation part too."""


Indices = np.ndarray
Part = tuple[str, Indices, Indices]
"""Name of a fold and the indices of its validation and test utterances."""
Groups = tuple[list[str], dict[str, str]]
"""What each utterance is grouped by, such as its speaker; and speaker -> name of its group."""


@dataclasses.dataclass(frozen=True)
class Split:
    """One fold of a protocol. `validation` may be empty, or be `test` itself.

    Attributes:
        name: name of the fold, such as "fold 1" or "speaker ravdess-01".
    """

    name: str
    train: list[Utterance]
    validation: list[Utterance]
    test: list[Utterance]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Name and settings of a protocol; the docstring of this module explains them.

    Raises:
        InputError: the protocol does not have one of the settings, lacks one, or does not accept
            its value.
    """

    name: str
    test: float | tuple[str, ...] | None = None
    folds: int | None = None
    validation: float | int | str = 0
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in PROTOCOLS:
            raise InputError(
                f"protocol: found {shown(self.name)}; accepted are {', '.join(PROTOCOLS)}"
            )
        wanted = {"random": "test", "sessions": "test", "k_fold": "folds", "speaker_folds": "folds"}
        for setting in ("test", "folds"):
            there = getattr(self, setting) is not None
            if there != (wanted.get(self.name) == setting):
                verb = "has no" if there else "needs the"
                raise InputError(f"protocol: {self.name} {verb} setting {setting}")
        if self.name == "random" and not (isinstance(self.test, float) and 0 < self.test < 1):
            raise InputError(
                f"protocol: test: found {shown(self.test)}; accepted is a share, as 0.2"
            )
        if self.name == "sessions" and not isinstance(self.test, tuple):
            raise InputError(
                f"protocol: test: found {shown(self.test)}; accepted is a list of sessions"
            )
        if self.folds is not None and not (isinstance(self.folds, int) and self.folds >= 2):
            raise InputError(f"protocol: folds: found {shown(self.folds)}; accepted are 2 and more")
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
                f"protocol: validation: found {shown(value)}; accepted are 0, test, or {accepted}"
            )

    def __str__(self) -> str:
        """Describe the protocol in words, for reports."""
        if self.name == "random":
            what = f"random, {self.test:.0%} of the utterances are the test part"
        elif self.name == "sessions":
            what = f"test on {', '.join(self._test_sessions)}"
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
        selected = {0: "last epoch", ON_TEST: "best epoch ON THE TEST PART, as the paper does"}
        return f"{what}; {selected.get(self.validation, 'best epoch on a validation part')}"

    @property
    def _test_sessions(self) -> tuple[str, ...]:
        return self.test if isinstance(self.test, tuple) else ()

    def _validation_share(self, n: int) -> int:
        """Return the size of a validation part that is a share of n utterances."""
        return round(self.validation * n) if isinstance(self.validation, float) else 0

    def splits(self, utterances: Sequence[Utterance], seed: int) -> list[Split]:
        """Return the folds, in order. Random draws depend on the seed only.

        Raises:
            InputError: the utterances have no sessions or too few speakers, a part of a fold is
                empty, or `only` names a fold that does not exist.
        """
        rng = np.random.default_rng([seed, 20_011])
        if self.name in RANDOM:
            parts = self._random(len(utterances), rng)
        elif self.name == "sessions":
            parts = [self._by_session(utterances, rng)]
        else:
            parts = self._grouped(utterances)
        splits = [self._split(utterances, *part) for part in parts]
        unknown = sorted(set(self.only) - {split.name for split in splits})
        if unknown:
            raise InputError(
                f"protocol: only: found {', '.join(unknown)}; accepted are "
                f"{', '.join(split.name for split in splits)}"
            )
        return [split for split in splits if not self.only or split.name in self.only]

    def _split(
        self, utterances: Sequence[Utterance], name: str, validation: Indices, test: Indices
    ) -> Split:
        """Return a fold, of the indices of its parts, after checking that none is empty."""
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
        return split

    def _random(self, n: int, rng: np.random.Generator) -> list[Part]:
        order = rng.permutation(n)
        n_validation = self._validation_share(n)
        if isinstance(self.test, float):
            n_test = round(self.test * n)
            return [("all", order[n_test : n_test + n_validation], order[:n_test])]
        parts: list[Part] = []
        bounds = np.rint(np.linspace(0, n, (self.folds or 1) + 1)).astype(int)
        for fold, (start, end) in enumerate(itertools.pairwise(bounds), 1):
            # The validation part is taken from after the fold, where the order is random too.
            rest = np.concatenate([order[end:], order[:start]])
            parts.append((f"fold {fold}", rest[:n_validation], order[start:end]))
        return parts

    def _by_session(self, utterances: Sequence[Utterance], rng: np.random.Generator) -> Part:
        sessions = _sessions(utterances)
        missing = sorted(set(self._test_sessions) - set(sessions))
        if missing:
            raise InputError(
                f"protocol: test: sessions {', '.join(missing)} are not in the corpus, which has "
                f"{', '.join(sorted(set(sessions)))}"
            )
        is_test = np.array([session in self._test_sessions for session in sessions])
        rest = rng.permutation(np.flatnonzero(~is_test))
        validation = rest[: self._validation_share(len(rest))]
        return ", ".join(self._test_sessions), validation, np.flatnonzero(is_test)

    def _grouped(self, utterances: Sequence[Utterance]) -> list[Part]:
        keys, groups = GROUPINGS[self.name](utterances, self.folds)
        names = sorted(set(groups.values()), key=lambda name: (len(name), name))
        n_validation = 0 if self.validation == ON_TEST else int(self.validation)
        if len(names) < 2 + n_validation:
            raise InputError(
                f"protocol {self.name}: found {len(names)} groups; it needs {2 + n_validation}"
            )
        group_of = np.array([groups[key] for key in keys])
        parts: list[Part] = []
        for number, name in enumerate(names):
            after = [names[(number + k) % len(names)] for k in range(1, n_validation + 1)]
            validation = np.flatnonzero(np.isin(group_of, after))
            parts.append((name, validation, np.flatnonzero(group_of == name)))
        return parts


def _sessions(utterances: Sequence[Utterance]) -> list[str]:
    without = next((u for u in utterances if not u.session), None)
    if without is not None:
        raise InputError(f"protocol: {without.key} has no session; does {without.corpus} have any?")
    return [u.session for u in utterances]


def _session_groups(utterances: Sequence[Utterance], _folds: int | None) -> Groups:
    sessions = _sessions(utterances)
    return sessions, {session: session for session in sessions}


def _speaker_groups(utterances: Sequence[Utterance], folds: int | None) -> Groups:
    """Group by speaker, or into `folds` groups of speakers with as many women as men in each."""
    speakers = [u.speaker for u in utterances]
    if folds is None:
        return speakers, {speaker: f"speaker {speaker}" for speaker in speakers}
    ordered = sorted({(u.gender, u.speaker) for u in utterances})
    dealt = {speaker: f"fold {i % folds + 1}" for i, (_, speaker) in enumerate(ordered)}
    return speakers, dealt


def _emobox_groups(utterances: Sequence[Utterance], _folds: int | None) -> Groups:
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


def _corpus_groups(utterances: Sequence[Utterance], _folds: int | None) -> Groups:
    corpora = [u.corpus for u in utterances]
    return corpora, {corpus: corpus for corpus in corpora}


GROUPINGS: dict[str, Callable[[Sequence[Utterance], int | None], Groups]] = {
    "leave_one_session_out": _session_groups,
    "leave_one_speaker_out": _speaker_groups,
    "speaker_folds": _speaker_groups,
    "emobox": _emobox_groups,
    "leave_one_corpus_out": _corpus_groups,
}
