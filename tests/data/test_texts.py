"""Batches of labelled texts."""

import numpy as np
import pytest
import torch

from ser_stream.corpora.texts import LabelledText
from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.data.texts import EvaluationTexts, TextAugmentation, TrainingTexts, soft_targets
from ser_stream.emotion import BASIC_EMOTIONS
from ser_stream.features.vocabulary import Vocabulary


def labelled(emotions, corpus="meld", said="so"):
    return LabelledText(said, emotions, "train", corpus)


def test_soft_targets_sum_to_the_weight_of_a_text():
    texts = [labelled(("happy",)), labelled(("happy", "sad"), "goemotions"), labelled(("sad",))]
    targets = soft_targets(texts, BASIC_EMOTIONS, {"meld": 1.0, "goemotions": 0.5}, balance=0.0)
    happy, sad = (BASIC_EMOTIONS.index(label) for label in ("happy", "sad"))
    np.testing.assert_allclose(targets.sum(axis=1), [1.2, 0.6, 1.2], rtol=1e-6)
    np.testing.assert_allclose(targets[1, [happy, sad]], [0.3, 0.3], rtol=1e-6)


@pytest.mark.parametrize(("balance", "ratio"), [(0.0, 4.0), (0.5, 2.0), (1.0, 1.0)])
def test_balance_makes_rare_labels_count_more(balance, ratio):
    texts = 8 * [labelled(("neutral",))] + 2 * [labelled(("fear",))]
    mass = soft_targets(texts, BASIC_EMOTIONS, {"meld": 1.0}, balance).sum(axis=0)
    neutral, fear = (mass[BASIC_EMOTIONS.index(label)] for label in ("neutral", "fear"))
    assert neutral / fear == pytest.approx(ratio, rel=1e-5)
    assert mass.sum() == pytest.approx(len(texts), rel=1e-5)


def test_an_epoch_has_each_text_once_and_new_recognition_errors():
    words = [[f"word{n}"] * (1 + n % 7) for n in range(100)]
    vocabulary = Vocabulary(sorted({word for text in words for word in text}))
    targets = np.eye(100, dtype=np.float32)
    errors = RecognitionErrors(dict.fromkeys(vocabulary.words, 1))
    clean = TrainingTexts(words, targets, vocabulary, 16, TextAugmentation(errors, 0.0))
    batches = list(clean.epoch(np.random.default_rng(0)))
    assert len(batches) == clean.steps == 7
    seen = torch.cat([batch_targets for _, batch_targets in batches])
    assert sorted(seen.argmax(1).tolist()) == list(range(100))
    for (batch,), batch_targets in batches:
        for row, number in zip(batch.words, batch_targets.argmax(1).tolist(), strict=True):
            expected = vocabulary.numbers(words[number])
            assert row[: len(expected)].tolist() == expected.tolist()
    noisy = TrainingTexts(words, targets, vocabulary, 16, TextAugmentation(errors, 0.5))
    epochs = [
        sum(batch.words.sum().item() for (batch,), _ in noisy.epoch(np.random.default_rng(seed)))
        for seed in (0, 1)
    ]
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("marked", [0.0, 0.3, 1.0])
def test_the_share_of_texts_with_marks_is_as_set(marked):
    words = 1000 * [["like", "!"]]
    errors, targets = RecognitionErrors({"like": 1}), np.eye(1000, dtype=np.float32)
    augmentation = TextAugmentation(errors, 0.0, marked)
    texts = TrainingTexts(words, targets, Vocabulary(["like", "!"]), 100, augmentation)
    lengths = [batch.n_words for (batch,), _ in texts.epoch(np.random.default_rng(0))]
    assert (torch.cat(lengths) == 2).float().mean() == pytest.approx(marked, abs=0.05)


def test_evaluation_batches_hold_each_text_once():
    words = [["like"] * (1 + n % 3) for n in range(600)]
    texts = EvaluationTexts(words, np.zeros(600, int), Vocabulary(["like"]))
    members = np.concatenate([members for members, _ in texts.batches()])
    assert sorted(members) == list(range(600))
    for members, (batch,) in texts.batches():
        assert batch.n_words.tolist() == [len(words[i]) for i in members]
