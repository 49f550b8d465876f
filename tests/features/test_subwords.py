import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from ser_stream.errors import InputError
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.subwords import MAX_LETTERS, ngram_numbers
from ser_stream.features.vocabulary import UNKNOWN, Vocabulary
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import ModelInfo
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.models.papers.can_baselines import TextModel
from ser_stream.models.segment_batch import SegmentBatch

LABELS = ("happy", "sad")
WORDS = ("like", "apple")
WHOLE = SegmentConfig(segmentation="whole")
SMALL = {"hidden": 8, "word_dimension": 12, "ngram_buckets": 500}


def text_model(kind=TextModel, features=WHOLE, **options):
    torch.manual_seed(0)
    return kind(LABELS, features, WORDS, **{**SMALL, **options})


def vectors(model, words):
    """(words, dimension), of words that are in one utterance."""
    batch = SegmentBatch.of_words([model.text.vocabulary.encode(words)])
    return model.text.word_vectors(batch)[0].detach()


def test_numbers_are_those_of_crc_32_in_every_process():
    """CRC-32 of <ca, cat, at>, <cat, cat>, <cat>, reckoned bit by bit as its definition says."""

    def crc_32(text):
        value = 0xFFFFFFFF
        for byte in text.encode():
            value ^= byte
            for _ in range(8):
                value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        return value ^ 0xFFFFFFFF

    ngrams = ["<ca", "cat", "at>", "<cat", "cat>", "<cat>"]
    expected = tuple(1 + crc_32(ngram) % 1000 for ngram in ngrams)
    assert ngram_numbers("cat", 1000) == expected
    program = "from ser_stream.features.subwords import *; print(ngram_numbers('cat', 1000))"
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == str(expected)


def test_a_word_without_letters_has_none_and_a_long_one_not_more_than_its_first_letters():
    assert ngram_numbers("", 10) == ()
    assert len(ngram_numbers("o" * 500, 10)) == MAX_LETTERS + (MAX_LETTERS - 1) + (MAX_LETTERS - 2)
    found = Vocabulary(WORDS, 10).ngrams(["like", "", "a"])
    assert found.shape == (3, 4 + 3 + 2)
    assert (found[1] == 0).all() and ((found >= 0) & (found <= 10)).all()


def test_unknown_words_have_vectors_of_their_own():
    model = text_model()
    pear, pears, pear_again, like = vectors(model, ["pear", "pears", "Pear!", "like"])
    assert torch.equal(pear, pear_again)
    assert not torch.allclose(pear, pears)
    cosine = torch.nn.functional.cosine_similarity
    own = model.text.embedding.weight[UNKNOWN]
    assert cosine(pear - own, pears - own, dim=0) > 0.4  # they share n-grams; pear and like do not
    assert cosine(pear - own, like - model.text.embedding.weight[2], dim=0).abs() < 0.4


def test_a_vector_is_the_sum_of_the_words_own_and_the_mean_of_its_ngrams():
    model = text_model()
    numbers = torch.tensor(ngram_numbers("apple", 500))
    expected = model.text.embedding.weight[3] + model.text.ngrams.weight[numbers].mean(dim=0)
    torch.testing.assert_close(vectors(model, ["a", "apple"])[1], expected.detach())


def test_word_vectors_do_not_depend_on_neighbouring_words():
    model = text_model()
    both = SegmentBatch.of_words(
        [model.text.vocabulary.encode(words) for words in (["pear"], ["a", "longerword"])]
    )
    torch.testing.assert_close(model.text.word_vectors(both)[0, 0], vectors(model, ["pear"])[0])
    assert (model.text.word_vectors(both)[0, 1] == 0).all()


def test_networks_without_ngrams_ignore_ngrams():
    """The paper's networks: as many parameters as before, and batches without n-grams."""
    plain, more = text_model(ngram_buckets=0), text_model()
    n_parameters = [sum(p.numel() for p in model.parameters()) for model in (plain, more)]
    assert n_parameters[1] - n_parameters[0] == 12 * (500 + 1)
    assert len(plain.text.vocabulary.encode(["like"])) == 1
    batch = SegmentBatch.of_words([plain.text.vocabulary.encode(["like"])])
    assert batch.ngrams is None
    with pytest.raises(ValueError, match="no n-grams"):
        more(batch)


def test_a_saved_model_answers_unknown_words_as_before(tmp_path):
    model = text_model().eval()
    options = {"vocabulary": WORDS, **SMALL}
    zeros, ones = (0.0,) * 40, (1.0,) * 40
    save_model(tmp_path, model, ModelInfo("m", "can_text", LABELS, WHOLE, zeros, ones, options))
    loaded, info = load_model(tmp_path, kind=TextModel)
    assert info.options["ngram_buckets"] == 500
    texts = [["pear", "like"], ["quince"], []]
    with torch.inference_mode():
        assert torch.equal(loaded.score_texts(texts), model.score_texts(texts))
        logits = model.score_texts(texts)
        assert logits.shape == (3, 2)
        torch.testing.assert_close(model.score_texts([["quince"]])[0], logits[1])


def test_can_takes_the_weights_of_a_text_model():
    trained = text_model(heads=4).eval()
    can = text_model(CrossAttentionNetwork, SegmentConfig()).eval()
    can.set_text_branch(trained)
    rng = np.random.default_rng(0)
    segments = [rng.normal(size=(n, 40)).astype(np.float32) for n in (3, 2)]
    batch = SegmentBatch.pad([(segments, *can.text.vocabulary.encode(["like", "pears"]))])
    with torch.inference_mode():
        torch.testing.assert_close(can.predictions(batch).text, trained(batch))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"labels": ("sad", "happy")}, "found the labels sad, happy; accepted are happy, sad"),
        ({"vocabulary": ("like", "pear")}, "its vocabulary is another"),
        ({"heads": 1}, "its sizes are others"),
        ({"ngram_buckets": 0}, "its sizes are others"),
    ],
)
def test_a_text_branch_that_does_not_fit_is_refused(other, message):
    can = text_model(CrossAttentionNetwork, SegmentConfig())
    settings = {"labels": LABELS, "features": WHOLE, "vocabulary": WORDS, "heads": 4, **SMALL}
    with pytest.raises(InputError, match=message):
        can.set_text_branch(TextModel(**{**settings, **other}))
