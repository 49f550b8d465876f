from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.ravdess import EMOBOX_FOLDS
from ser_stream.errors import InputError
from ser_stream.recipes.protocols import Protocol

SPEAKERS = 24


def corpus(n_per_speaker=5, speakers=SPEAKERS, sessions=False):
    """Actors as RAVDESS names them; two to a session where there are sessions."""
    return [
        Utterance(
            Path(f"{speaker:02d}-{number}.wav"), "ravdess", f"ravdess-{speaker:02d}",
            "m" if speaker % 2 else "f", "happy", "en",
            session=f"Ses{(speaker + 1) // 2:02d}" if sessions else "",
        )
        for speaker in range(1, speakers + 1) for number in range(n_per_speaker)
    ]  # fmt: skip


def keys(utterances):
    return {u.key for u in utterances}


def speakers(utterances):
    return {u.speaker for u in utterances}


ALL = [
    Protocol("random", test=0.2, validation=0.1),
    Protocol("k_fold", folds=5, validation=0.25),
    Protocol("leave_one_session_out", validation=1),
    Protocol("leave_one_speaker_out", validation=1),
    Protocol("speaker_folds", folds=5, validation=1),
    Protocol("emobox", validation=1),
    Protocol("sessions", test=("Ses05",), validation=0.1),
]


@pytest.mark.parametrize("protocol", ALL, ids=lambda protocol: protocol.name)
def test_parts_are_disjoint_and_complete(protocol):
    utterances = corpus(sessions=True)
    for split in protocol.splits(utterances, seed=3):
        parts = [split.train, split.validation, split.test]
        assert sum(map(len, parts)) == len(utterances)
        assert keys(split.train) | keys(split.validation) | keys(split.test) == keys(utterances)
        if protocol.name not in ("random", "k_fold"):
            assert not speakers(split.test) & speakers(split.train + split.validation)
            if protocol.name != "sessions":
                assert not speakers(split.validation) & speakers(split.train)


@pytest.mark.parametrize("protocol", ALL[1:6], ids=lambda protocol: protocol.name)
def test_each_utterance_is_in_one_test_part(protocol):
    utterances = corpus(sessions=True)
    tested = [u.key for split in protocol.splits(utterances, 0) for u in split.test]
    assert sorted(tested) == sorted(keys(utterances))


@given(st.integers(10, 300), st.integers(0, 50))
@settings(deadline=None, max_examples=30)
def test_random_parts_have_the_shares_of_the_protocol(n, seed):
    utterances = corpus(n, speakers=1)
    (split,) = Protocol("random", test=0.2, validation=0.1).splits(utterances, seed)
    assert len(split.test) == round(0.2 * n)
    assert len(split.validation) == round(0.1 * n)


def test_cross_validations_have_the_shares_of_the_papers():
    utterances = corpus(100, speakers=1)
    for split in Protocol("k_fold", folds=5, validation=0.25).splits(utterances, 0):
        assert [len(p) for p in (split.train, split.validation, split.test)] == [55, 25, 20]
    for split in Protocol("k_fold", folds=10, validation=0.1).splits(utterances, 0):
        assert [len(p) for p in (split.train, split.validation, split.test)] == [80, 10, 10]


def test_the_seed_alone_decides_the_split():
    utterances, protocol = corpus(), ALL[0]
    first, again, other = (protocol.splits(utterances, seed)[0].test for seed in (1, 1, 2))
    assert first == again
    assert keys(first) != keys(other)


def test_emobox_folds_are_its_actors():
    splits = Protocol("emobox").splits(corpus(), 0)
    assert [split.name for split in splits] == [f"fold {n}" for n in range(1, 7)]
    for split, actors in zip(splits, EMOBOX_FOLDS, strict=True):
        assert speakers(split.test) == {f"ravdess-{actor:02d}" for actor in actors}
        assert split.validation == []


def test_women_and_men_are_in_every_fold_of_speakers():
    for split in Protocol("speaker_folds", folds=5).splits(corpus(), 0):
        assert {u.gender for u in split.test} == {"f", "m"}
        assert len(speakers(split.test)) in (4, 5)


def test_the_validation_group_is_the_one_after_the_test_group():
    splits = Protocol("emobox", validation=1).splits(corpus(), 0)
    for split, behind in zip(splits, [*splits[1:], splits[0]], strict=True):
        assert keys(split.validation) == keys(behind.test)


def test_validation_on_the_test_part_is_reported():
    protocol = Protocol("random", test=0.2, validation="test")
    (split,) = protocol.splits(corpus(), 0)
    assert split.validation == split.test
    assert not keys(split.train) & keys(split.test)
    assert "ON THE TEST PART" in str(protocol)
    assert "ON THE TEST PART" not in str(Protocol("random", test=0.2, validation=0.1))


@pytest.mark.parametrize("protocol", ALL, ids=lambda protocol: protocol.name)
def test_a_protocol_describes_itself(protocol):
    assert str(protocol).endswith("; best epoch on a validation part")
    assert len(str(protocol)) > 40


def test_only_the_named_folds_are_run():
    protocol = Protocol("emobox", only=("fold 2",))
    assert [split.name for split in protocol.splits(corpus(), 0)] == ["fold 2"]
    assert "only fold 2" in str(protocol)
    with pytest.raises(InputError, match=r"only: found fold 9; accepted are fold 1, .* fold 6"):
        Protocol("emobox", only=("fold 9",)).splits(corpus(), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "loso"}, "found 'loso'; accepted are random, k_fold"),
        ({"name": "random"}, "random needs the setting test"),
        ({"name": "random", "test": 0.2, "folds": 5}, "random has no setting folds"),
        ({"name": "random", "test": 2}, "test: found 2; accepted is a share"),
        ({"name": "k_fold", "folds": 1}, "folds: found 1; accepted are 2 and more"),
        ({"name": "sessions", "test": 0.2}, "test: found 0.2; accepted is a list of sessions"),
        ({"name": "emobox", "validation": 0.1}, "accepted are 0, test, or how many groups"),
        ({"name": "random", "test": 0.2, "validation": 2}, "accepted are 0, test, or a share"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        Protocol(**settings)


def test_a_protocol_that_the_corpus_does_not_support_is_refused():
    with pytest.raises(InputError, match="ravdess/01-0 has no session"):
        Protocol("leave_one_session_out").splits(corpus(), 0)
    with pytest.raises(InputError, match="sessions Ses99 are not in the corpus, which has Ses01"):
        Protocol("sessions", test=("Ses99",)).splits(corpus(sessions=True), 0)
    with pytest.raises(InputError, match="found 1 groups; it needs 2"):
        Protocol("leave_one_speaker_out").splits(corpus(speakers=1), 0)
    with pytest.raises(InputError, match="folds of ravdess-25 are not known"):
        Protocol("emobox").splits(corpus(speakers=25), 0)
    with pytest.raises(InputError, match="found 1 utterances to train, 0 to validate, 0 to test"):
        Protocol("random", test=0.2).splits(corpus(1, 1), 0)
