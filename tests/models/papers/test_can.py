import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import PADDING, UNKNOWN
from ser_stream.models.base import BimodalModel, EmotionModel
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import ModelInfo
from ser_stream.models.papers.can import ABLATIONS, CrossAttention, CrossAttentionNetwork
from ser_stream.models.papers.can_baselines import AudioModel, TextModel
from ser_stream.models.papers.segment_encoders import Blstm
from ser_stream.models.registry import build_model
from ser_stream.models.segment_batch import SegmentBatch

LABELS = ("angry", "excited", "happy", "sad", "frustrated", "surprise", "neutral")
WORDS = ("i", "like", "apple", "pear", "plum")
SMALL = {"hidden": 8, "word_dimension": 12}
FEATURES = SegmentConfig()
WHOLE = SegmentConfig(segmentation="whole")


def can(**options):
    torch.manual_seed(0)
    return CrossAttentionNetwork(LABELS, FEATURES, WORDS, **{**SMALL, **options})


def text_model(**options):
    torch.manual_seed(0)
    return TextModel(LABELS, WHOLE, WORDS, **{**SMALL, **options})


def audio_model(**options):
    torch.manual_seed(0)
    return AudioModel(LABELS, WHOLE, **{"hidden": 8, **options})


MODELS = {"text": text_model, "audio": audio_model} | {
    row: lambda options=options, **more: can(**options, **more)
    for row, options in ABLATIONS.items()
}


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


def utterance(lengths, whole=False, seed=0):
    """Random segments of that many frames each, and as many words."""
    rng = np.random.default_rng([seed, *lengths])
    words = rng.integers(UNKNOWN, UNKNOWN + 1 + len(WORDS), len(lengths))
    lengths = [sum(lengths)] if whole else lengths
    return [rng.normal(size=(n, 40)).astype(np.float32) for n in lengths], words


def utterances(name, seed=0):
    """Four of unequal length, cut as the model of that name wants them."""
    return [
        utterance(lengths, name in ("text", "audio"), seed)
        for lengths in ([3, 1, 5], [2], [4, 4, 1, 1, 6], [7, 2])
    ]


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


def disturbed(batch, value):
    """The batch with other values wherever padding is."""
    n_frames = batch.frames.shape[2]
    frames = batch.frames.clone()
    frames[torch.arange(n_frames) >= batch.frame_lengths[..., None]] = value
    assert not torch.equal(frames, batch.frames)
    return SegmentBatch(frames, batch.frame_lengths, batch.words)


# Sizes


def test_sizes_are_those_of_section_4_2():
    """40 MFCC, 25 ms Hamming windows every 10 ms, 300-d words, 128 LSTM units per direction."""
    model = CrossAttentionNetwork(LABELS, FEATURES, WORDS)
    assert (FEATURES.n_mfcc, FEATURES.window, FEATURES.overlap) == (40, "hamming", 0.1)
    assert (FEATURES.win_length, FEATURES.hop_length) == (0.025 * 16_000, 0.010 * 16_000)
    parts = {
        "text BLSTM": (model.text.blstm, 2 * 4 * 128 * (300 + 128 + 2)),
        "segment BLSTM": (model.audio.within, 2 * 4 * 128 * (40 + 128 + 2)),
        "utterance BLSTM": (model.audio.across, 2 * 4 * 128 * (256 + 128 + 2)),
        "queries": (model.attention, 2 * 4 * 256),
        "joint classifier": (model.joint_output, (4 * 4 * 256 + 1) * 7),
        "text classifier": (model.text_output, (4 * 256 + 1) * 7),
        "audio classifier": (model.audio_output, (4 * 256 + 1) * 7),
        "words": (model.text.embedding, 300 * (len(WORDS) + 2)),
    }
    assert {part: n_parameters(module) for part, (module, _) in parts.items()} == {
        part: expected for part, (_, expected) in parts.items()
    }
    assert n_parameters(model) - n_parameters(model.text.embedding) == 1_054_741
    behind_blstms = [m.dropout.p for m in model.modules() if isinstance(m, Blstm)]
    assert behind_blstms == [0.3, 0.3, 0.3]
    assert model.text.word_dropout.p == 0


def test_baselines_are_one_blstm_one_query_one_classifier():
    text, audio = TextModel(LABELS, FEATURES, WORDS), AudioModel(LABELS, WHOLE)
    assert n_parameters(text) - 300 * 7 == 2 * 4 * 128 * (300 + 128 + 2) + 256 + 257 * 7
    assert n_parameters(audio) == 2 * 4 * 128 * (40 + 128 + 2) + 256 + 257 * 7


def test_ablations_remove_the_named_parts():
    networks = {row: can(**options) for row, options in ABLATIONS.items()}
    classifiers = {
        row: [name for name, _ in network.named_children() if name.endswith("output")]
        for row, network in networks.items()
    }
    all_three = ["joint_output", "text_output", "audio_output"]
    assert classifiers == {
        "CAN": all_three, "- stop-gradient": all_three, "- L_align": all_three[:1],
        "- stop-gradient, L_align": all_three[:1], "- cross attention": all_three[:1],
    }  # fmt: skip
    inputs = [network.joint_output.in_features for network in networks.values()]
    assert inputs == 4 * [4 * 4 * 16] + [2 * 4 * 16]


# Training


def test_every_parameter_gets_a_gradient(name):
    model = MODELS[name]().eval()
    batch = SegmentBatch.pad(utterances(name))
    model.loss(batch, targets=torch.tensor([0, 1, 2, 3])).backward()
    missing = [name for name, p in model.named_parameters() if not p.grad.abs().sum() > 0]
    assert missing == []


def test_padding_has_no_word_vector_and_unknown_words_have_one():
    model = can()
    words = np.array([2, UNKNOWN])
    batch = SegmentBatch.pad([utterance([3, 2, 4]), (utterance([3, 2])[0], words)])
    model.loss(batch, targets=torch.tensor([0, 1])).backward()
    vectors = model.text.embedding.weight
    assert (vectors[PADDING] == 0).all() and (vectors.grad[PADDING] == 0).all()
    assert vectors.grad[UNKNOWN].abs().sum() > 0


def test_overfits_one_batch(name):
    model = MODELS[name](dropout=0.0).train()
    batch, targets = SegmentBatch.pad(utterances(name)), torch.tensor([6, 3, 0, 4])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    before = model.loss(batch, targets=targets).item()
    for _ in range(30):
        optimizer.zero_grad()
        loss = model.loss(batch, targets=targets)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1 * before
    assert model.eval()(batch).argmax(1).tolist() == targets.tolist()


def test_loss_is_equations_13_and_14():
    model = can(align_weight=0.25).eval()
    batch = SegmentBatch.pad(utterances("CAN"))
    targets = torch.tensor([5, 1, 0, 6])
    rows = range(4)
    entropies = [-p.softmax(1)[rows, targets].log().mean().item() for p in model.predictions(batch)]
    expected = entropies[0] + 0.25 * (entropies[1] + entropies[2])
    assert model.loss(batch, targets=targets).item() == pytest.approx(expected, rel=1e-5)
    one_hot = nn.functional.one_hot(targets, 7).float()
    assert model.loss(batch, targets=one_hot).item() == pytest.approx(expected, rel=1e-5)


# StreamedPredictions


def test_probabilities_are_equation_15_normalised():
    model = can(align_weight=0.3).eval()
    batch = SegmentBatch.pad(utterances("CAN"))
    joint, text, audio = (p.detach().double().softmax(1) for p in model.predictions(batch))
    product = joint * text**0.3 * audio**0.3
    expected = product / product.sum(dim=1, keepdim=True)
    answer = model(batch).detach().double().softmax(1)
    torch.testing.assert_close(answer, expected, atol=1e-6, rtol=0)
    assert (answer - joint).abs().max() > 1e-3  # the other two have a say


def test_without_l_align_only_the_joint_classifier_is_used():
    model = can(align_weight=0.0).eval()
    batch = SegmentBatch.pad(utterances("CAN"))
    joint, text, audio = model.predictions(batch)
    assert text is audio is None
    torch.testing.assert_close(model(batch).softmax(1), joint.softmax(1))


def test_padding_has_no_influence(name):
    """A batch answers as each of its utterances alone, whatever the padding holds."""
    model = MODELS[name]().eval()
    model.set_normalisation(torch.full((40,), 0.5), torch.full((40,), 2.0))
    items = utterances(name)
    batch = SegmentBatch.pad(items)
    alone = torch.cat([model(SegmentBatch.pad([item])) for item in items])
    torch.testing.assert_close(model(batch), alone, atol=1e-5, rtol=0)
    for value in (1e6, math.nan):
        assert torch.equal(model(disturbed(batch, value)), model(batch))


def test_every_segment_and_word_has_an_influence(name):
    model = MODELS[name]().eval()
    batch = SegmentBatch.pad(utterances(name))
    louder = SegmentBatch(batch.frames + 1, batch.frame_lengths, batch.words)
    other = SegmentBatch(
        batch.frames, batch.frame_lengths, torch.where(batch.words == 3, 4, batch.words)
    )
    assert not torch.equal(other.words, batch.words)
    assert torch.equal(model(louder), model(batch)) == (name == "text")
    assert torch.equal(model(other), model(batch)) == (name == "audio")


def test_features_are_normalised():
    model = can().eval()
    batch = SegmentBatch.pad(utterances("CAN"))
    raw = SegmentBatch(3 * batch.frames - 7, batch.frame_lengths, batch.words)
    expected = model(batch)
    model.set_normalisation(torch.full((40,), -7.0), torch.full((40,), 3.0))
    torch.testing.assert_close(model(raw), expected, atol=1e-5, rtol=0)


def test_a_segments_vector_depends_on_its_own_frames_alone():
    """The dotted box of figure 1, and one set of weights for all segments."""
    model = can().eval()
    batch = SegmentBatch.pad([utterance([3, 4, 3])])
    frames = batch.frames.clone()
    frames[0, 2] = frames[0, 0]
    pooled = model.audio.pooled(frames, batch)[0]
    torch.testing.assert_close(pooled[0], pooled[2])
    states, _ = model.audio.within.lstm(frames[:, 1, :4])
    torch.testing.assert_close(pooled[1], states[0].mean(dim=0))


def test_segments_come_out_in_their_places_however_many_run_at_once(monkeypatch):
    model = can().eval()
    batch = SegmentBatch.pad(utterances("CAN"))
    together = model.audio.pooled(batch.frames, batch)
    monkeypatch.setattr(model.audio, "SEGMENTS_AT_ONCE", 2)
    torch.testing.assert_close(model.audio.pooled(batch.frames, batch), together)


# Cross attention


def cross_attention(heads=4, **options):
    torch.manual_seed(0)
    attention = CrossAttention(16, heads, **options)
    states = torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    mask = torch.arange(5) < torch.tensor([[5], [3]])
    return attention, *(state.requires_grad_() for state in states), mask


def test_contexts_are_equations_4_to_9():
    attention, text, audio, mask = cross_attention()
    contexts = attention(text, audio, mask)
    for head in range(4):
        for row, length in enumerate([5, 3]):
            h_t, h_a = text[row, :length], audio[row, :length]
            q_t, q_a = (m.queries.weight[head] for m in (attention.text, attention.audio))
            e_t, e_a = torch.exp(h_t @ q_t), torch.exp(h_a @ q_a)
            a_t, a_a = e_t / e_t.sum(), e_a / e_a.sum()
            expected = a_t @ h_t, a_t @ h_a, a_a @ h_a, a_a @ h_t
            part = slice(16 * head, 16 * head + 16)
            for context, vector in zip(contexts, expected, strict=True):
                torch.testing.assert_close(context[row, part], vector, atol=1e-5, rtol=0)


def test_classifiers_see_the_contexts_of_equations_10_to_12():
    model = can().eval()
    batch = SegmentBatch.pad(utterances("CAN"))
    c, predictions = model.contexts(batch), model.predictions(batch)
    joint = model.joint_output(torch.cat([c.tt, c.ta, c.aa, c.at], dim=1))
    torch.testing.assert_close(predictions.joint, joint)
    torch.testing.assert_close(predictions.text, model.text_output(c.tt))
    torch.testing.assert_close(predictions.audio, model.audio_output(c.aa))


def test_equal_weights_are_mean_pooling():
    attention, text, audio, mask = cross_attention()
    nn.init.zeros_(attention.text.queries.weight)
    nn.init.zeros_(attention.audio.queries.weight)
    contexts = attention(text, audio, mask)
    means = [torch.stack([s[0].mean(dim=0), s[1, :3].mean(dim=0)]) for s in (text, audio)]
    for context, modality in zip(contexts, (0, 1, 1, 0), strict=True):
        torch.testing.assert_close(context, means[modality].repeat(1, 4))


@pytest.mark.parametrize("stop_gradient", [True, False])
@pytest.mark.parametrize("crossed", ["ta", "at"])
def test_stop_gradient_keeps_the_other_modality_from_the_weights(crossed, stop_gradient):
    attention, text, audio, mask = cross_attention(stop_gradient=stop_gradient)
    getattr(attention(text, audio, mask), crossed).square().sum().backward()
    asking, asked = (text, audio) if crossed == "ta" else (audio, text)
    query = (attention.text if crossed == "ta" else attention.audio).queries.weight
    assert asked.grad.abs().sum() > 0
    if stop_gradient:
        assert asking.grad is None and query.grad is None
    else:
        assert asking.grad.abs().sum() > 0 and query.grad.abs().sum() > 0


def test_stop_gradient_changes_gradients_and_no_answers():
    batch, targets = SegmentBatch.pad(utterances("CAN")), torch.tensor([0, 1, 2, 3])
    stopped, let_through = can(stop_gradient=True).eval(), can(stop_gradient=False).eval()
    assert torch.equal(stopped(batch), let_through(batch))
    for model in (stopped, let_through):
        model.loss(batch, targets=targets).backward()
    gradients = [m.attention.text.queries.weight.grad for m in (stopped, let_through)]
    assert not torch.allclose(*gradients)


def test_without_cross_attention_each_modality_has_its_own_context_alone():
    attention, text, audio, mask = cross_attention(cross=False)
    contexts = attention(text, audio, mask)
    assert contexts.ta is contexts.at is None
    tt, aa = contexts.tt.sum(), contexts.aa.sum()
    assert torch.autograd.grad(tt, audio, retain_graph=True, allow_unused=True) == (None,)
    assert torch.autograd.grad(aa, text, allow_unused=True) == (None,)


# Words, folders, errors


def test_word_vectors_are_put_in_their_places_and_stay_trainable():
    model = can()
    before = model.text.embedding.weight.detach().clone()
    model.text.set_word_vectors({"apple": np.arange(12, dtype=np.float32), "kiwi": np.ones(12)})
    after = model.text.embedding.weight
    place = model.text.vocabulary.numbers(["Apple"])[0]
    assert after[place].tolist() == list(range(12))
    others = torch.arange(len(after)) != place
    assert torch.equal(after[others], before[others]) and after.requires_grad


@pytest.mark.parametrize(
    ("architecture", "features", "options"),
    [
        ("can", FEATURES, {"vocabulary": list(WORDS), **SMALL}),
        ("can", SegmentConfig(segmentation="equal"), {"vocabulary": list(WORDS), **SMALL}),
        ("can_text", FEATURES, {"vocabulary": list(WORDS), **SMALL}),
        ("can_audio", WHOLE, {"hidden": 8}),
    ],
)
def test_a_saved_model_includes_its_vocabulary(tmp_path, architecture, features, options):
    model = build_model(architecture, LABELS, features, options, BimodalModel).eval()
    info = ModelInfo(
        "tiny", architecture, LABELS, features, (1.0,) * 40, (2.0,) * 40, options
    )  # fmt: skip
    model.set_normalisation(torch.tensor(info.mean), torch.tensor(info.std))
    save_model(tmp_path, model, info)
    again, info_again = load_model(tmp_path, kind=BimodalModel)
    assert dataclasses.replace(info_again, weights={}) == info
    batch = SegmentBatch.pad(utterances("audio" if architecture == "can_audio" else "CAN"))
    assert torch.equal(again(batch), model(batch))
    if architecture != "can_audio":
        assert again.text.vocabulary.words == WORDS
    with pytest.raises(InputError, match="takes sound and words: name it as the text model"):
        load_model(tmp_path)


def test_models_of_another_kind_are_refused():
    with pytest.raises(InputError, match=r"'causal_crnn', which takes sound alone; .*are can,"):
        build_model("causal_crnn", LABELS, FEATURES, kind=BimodalModel)
    assert not issubclass(CrossAttentionNetwork, EmotionModel)


def test_wrong_options_are_named():
    with pytest.raises(InputError, match="align_weight: found -1; accepted are 0 and more"):
        can(align_weight=-1)
    with pytest.raises(InputError, match="found 'whole'; accepted are aligned, equal"):
        CrossAttentionNetwork(LABELS, WHOLE, WORDS)
    with pytest.raises(InputError, match="found 'aligned'; accepted is whole"):
        AudioModel(LABELS, FEATURES)
    with pytest.raises(InputError, match=r"found LogMelConfig; .* needs those of segments"):
        CrossAttentionNetwork(LABELS, LogMelConfig(), WORDS)


def test_a_batch_of_another_segmentation_is_refused():
    cut = SegmentBatch.pad([utterance([3, 2])])
    whole = SegmentBatch.pad([utterance([3, 2], whole=True)])
    with pytest.raises(ValueError, match="as many segments as words"):
        can()(whole)
    with pytest.raises(ValueError, match="more than one segment"):
        audio_model()(cut)


@pytest.mark.parametrize(
    ("segments", "words"), [([], [2]), ([(3, 40)], []), ([(3, 40), (0, 40)], [2, 2])]
)
def test_utterances_without_sound_or_words_are_refused(segments, words):
    frames = [np.zeros(shape, np.float32) for shape in segments]
    with pytest.raises(ValueError, match="one segment, frame and word at least"):
        SegmentBatch.pad([(frames, np.array(words, np.int64))])


def test_padding_follows_the_values_of_a_batch():
    batch = SegmentBatch.pad(utterances("CAN"))
    assert batch.frames.shape == (4, 5, 7, 40) and batch.words.shape == (4, 5)
    assert batch.n_segments.tolist() == batch.n_words.tolist() == [3, 1, 5, 2]
    assert batch.frame_lengths.tolist() == [
        [3, 1, 5, 0, 0], [2, 0, 0, 0, 0], [4, 4, 1, 1, 6], [7, 2, 0, 0, 0],
    ]  # fmt: skip
    segments, words = utterances("CAN")[3]
    assert torch.equal(batch.frames[3, 0], torch.from_numpy(segments[0]))
    assert torch.equal(batch.frames[3, 1, :2], torch.from_numpy(segments[1]))
    assert batch.words[3].tolist() == [*words, PADDING, PADDING, PADDING]
    assert (batch.frames[3, 1, 2:] == 0).all() and (batch.frames[3, 2:] == 0).all()
