import math

import numpy as np
import pytest
import torch
from torch import nn

from scored import Encoder
from ser_stream.errors import InputError
from ser_stream.features.log_mel import HE, LogMelConfig
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import ModelInfo
from ser_stream.models.registry import build_model

LABELS = ("neutral", "happy", "sad", "angry")
SMALL = {"channels": (2, 4, 4, 8), "heads": 2, "feedforward": 16, "dropout": 0.0}
SMALL_LSTM_TRANSFORMER = {
    "lstm_input": 6, "hidden": 4, "heads": 2, "feedforward": 16, "dropout": 0.0
}  # fmt: skip

NETWORKS = [
    ("cnn_transformer", {}),
    ("cnn_lstm_transformer", {}),
    ("ilt", {"fusion": "concatenation"}),
    ("ilt", {"fusion": "plus"}),
    ("ilt", {"fusion": "trainable_plus"}),
    ("cat", {"variant": "cat"}),
    ("cat", {"variant": "cnn_to_lstm"}),
    ("cat", {"variant": "lstm_to_cnn"}),
    ("cat", {"variant": "cnn_plus_lstm"}),
    ("lstm_transformer", {}),
]
"""Every row of Tables 1 and 2, but for positional encoding."""


def name(network):
    return "-".join([network[0], *network[1].values()])


every_network = pytest.mark.parametrize("network", NETWORKS, ids=name)


def small(network, **changes):
    """Sixteen bands and few channels: the same steps in a fraction of the time."""
    torch.manual_seed(0)
    architecture, options = network
    sizes = SMALL_LSTM_TRANSFORMER if architecture == "lstm_transformer" else SMALL
    if architecture == "cat":
        sizes = {**sizes, "lstm_input": 6}
    model = build_model(
        architecture, LABELS, LogMelConfig(n_mels=16), {**sizes, **options, **changes}
    )
    model.set_normalisation(torch.full((16,), -40.0), torch.full((16,), 12.0))
    return model


def turn(n_frames, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(-40, 12, (n_frames, 16)).astype(np.float32)


def logits_of(model, frames, lengths=None):
    with torch.inference_mode():
        return model(torch.as_tensor(frames), lengths)


@every_network
def test_parameter_counts_are_those_computed_by_hand(network):
    """The paper gives none.

    CNN: 9 * (1*32 + 32*64 + 64*128 + 128*256) = 387,360, and 2 * (32 + 64 + 128 + 256) = 960.
    BLSTM: 2 * 4 * 128 * (n + 128 + 2), 395,264 for n = 256 and 264,192 for n = 128.
    Transformer: 2 * (4 * 256 * 257 + 256*512 + 512 + 512*256 + 256 + 4 * 256) = 1,054,208.
    1-D convolution: 40 * 5 * 128 + 128 = 25,728. Pooling: 256. FC: 256 * 4 + 4 = 1,028.
    """
    cnn, transformer, reduction, fc = 387_360 + 960, 1_054_208, 25_728, 1_028
    of_table_1 = cnn + transformer + fc
    of_table_2 = cnn + reduction + 264_192 + fc
    expected = {
        "cnn_transformer": of_table_1,
        "cnn_lstm_transformer": of_table_1 + 395_264,
        "ilt-concatenation": of_table_1 + 395_264 + 256 + 256 * 4,
        "ilt-plus": of_table_1 + 395_264 + 256,
        "ilt-trainable_plus": of_table_1 + 395_264 + 256 + 2,
        "cat-cat": of_table_2 + 2 * transformer,
        "cat-cnn_to_lstm": of_table_2 + transformer,
        "cat-lstm_to_cnn": of_table_2 + transformer,
        "cat-cnn_plus_lstm": of_table_2,
        "lstm_transformer": of_table_2 - cnn + transformer,
    }[name(network)]
    model = build_model(network[0], LABELS, HE, network[1])
    assert sum(p.numel() for p in model.parameters()) == expected < 5_000_000


def test_the_window_is_the_papers_matrix():
    """40 x 750; the CNN leaves 75 steps of 256, the LSTM's branch has 150 of 128."""
    model = build_model("cat", LABELS, HE).eval()
    assert (HE.dimension, model.window_frames, model.window_steps) == (40, 750, 75)
    assert logits_of(model, torch.zeros(1, 750, 40)).shape == (1, 4)
    with torch.inference_mode():
        assert model.encode(torch.zeros(1, 750, 40)).shape == (1, 75, 256 + 2 * 128)
        ilt = build_model("ilt", LABELS, HE).eval()
        assert ilt.encode(torch.zeros(1, 750, 40)).shape == (1, 75, 256)


@pytest.mark.parametrize("masked", [False, True])
@every_network
def test_cached_and_whole_window_logits_agree(network, masked):
    model = small(network, masked=masked).eval()
    frames = turn(1300)
    encoder = Encoder(model, frames, model.window_steps)
    for n_frames in (50, 100, 150, 400, 738, 750, 800, 850, 1300):
        with torch.inference_mode():
            steps = model.encode(torch.from_numpy(frames[None, :n_frames]))
            whole = model.classify(steps[:, -model.window_steps :])[0].numpy()
        np.testing.assert_allclose(encoder.logits(n_frames), whole, atol=1e-5)
        if n_frames <= model.window_frames:
            at_once = logits_of(model, frames[None, :n_frames])[0]
            np.testing.assert_allclose(encoder.logits(n_frames), at_once, atol=1e-5)


@every_network
def test_a_short_turn_has_the_same_logits_in_a_batch_and_alone(network):
    """Frames behind a turn have no influence; without a mask, they count as zeros."""
    for masked in (False, True):
        model = small(network, masked=masked).eval()
        frames = np.stack([turn(750, 1), turn(750, 2), turn(750, 3)])
        lengths = torch.tensor([750, 320, 10])
        for row, n in zip(frames, lengths, strict=True):
            row[n:] = 1e6
        together = logits_of(model, frames, lengths)
        alone = [logits_of(model, row[None, :n]) for row, n in zip(frames, lengths, strict=True)]
        torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


@every_network
def test_the_level_of_padding_has_no_influence_in_training(network):
    """Batch normalisation ignores lengths, so padding becomes the mean of the training set."""
    frames = torch.from_numpy(np.stack([turn(750, 1), turn(750, 2)]))
    lengths = torch.tensor([750, 320])
    answers = []
    for level in (0.0, 1e6, -40.0):
        frames[1, 320:] = level
        model = small(network).train()
        answers.append(model(frames, lengths))
    torch.testing.assert_close(answers[0], answers[2], atol=0, rtol=0)
    torch.testing.assert_close(answers[1], answers[2], atol=0, rtol=0)


@every_network
def test_padding_counts_unless_it_is_masked(network):
    """Unmasked, a short turn is one of 75 steps, of which the last are zero."""
    frames = turn(300)[None]
    unmasked, masked = small(network).eval(), small(network, masked=True).eval()
    with torch.inference_mode():
        steps = unmasked.encode(torch.from_numpy(frames))
        filled = torch.cat([steps, torch.zeros(1, 45, steps.shape[2])], dim=1)
        torch.testing.assert_close(unmasked(torch.from_numpy(frames)), masked.classify(filled))
    assert (logits_of(unmasked, frames) - logits_of(masked, frames)).abs().max() > 1e-3
    whole = turn(750)[None]
    torch.testing.assert_close(logits_of(unmasked, whole), logits_of(masked, whole))


@every_network
def test_every_parameter_gets_a_gradient(network):
    model = small(network).train()
    model(torch.from_numpy(np.stack([turn(750, i) for i in range(4)]))).logsumexp(
        1
    ).sum().backward()
    assert [n for n, p in model.named_parameters() if not p.grad.abs().sum() > 0] == []


@every_network
def test_overfits_one_batch(network):
    model = small(network, masked=True).train()
    windows = torch.from_numpy(np.stack([turn(50, i) for i in range(6)]))
    targets = torch.arange(6) % 4
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(25):
        loss = nn.functional.cross_entropy(model(windows), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model(windows).argmax(1).tolist() == targets.tolist()


def test_a_loaded_network_has_the_logits_of_the_saved_one(tmp_path):
    options = {**SMALL, "fusion": "plus", "alpha": 0.3, "channels": list(SMALL["channels"])}
    model = build_model("ilt", LABELS, LogMelConfig(n_mels=16), options).eval()
    info = ModelInfo(
        "ilt", "ilt", LABELS, LogMelConfig(n_mels=16), (0.0,) * 16, (1.0,) * 16, options
    )
    save_model(tmp_path, model, info)
    frames = turn(400)[None]
    torch.testing.assert_close(logits_of(load_model(tmp_path)[0], frames), logits_of(model, frames))


def summaries(model, steps):
    """Return the pooled branches of ILT: attention for the LSTM, mean for the transformer."""
    return (
        model.pooling(model.blstm(steps)[0]),
        model.transformer(steps).mean(dim=1),
    )


@pytest.mark.parametrize("fusion", ["concatenation", "plus", "trainable_plus"])
def test_fusion_is_the_papers(fusion):
    """Eqs. 12 to 16; scores of ln 65 and ln 35 give the weights the paper reports."""
    model = small(("ilt", {"fusion": fusion}), alpha=0.8).eval()
    if fusion == "trainable_plus":
        assert [weight.item() for weight in model.fusion_weights()] == [0.5, 0.5]
        model.fusion_scores.data = torch.tensor([math.log(65), math.log(35)])
    steps = torch.randn(2, 75, 8)
    with torch.inference_mode():
        lstm, transformer = summaries(model, steps)
        fused = {
            "concatenation": torch.cat([lstm, transformer], dim=1),
            "plus": 0.8 * lstm + 0.2 * transformer,
            "trainable_plus": 0.65 * lstm + 0.35 * transformer,
        }[fusion]
        torch.testing.assert_close(model.classify(steps), model.output(fused))


@pytest.mark.parametrize(
    ("network", "by_default"),
    [("ilt", False), ("cnn_transformer", True), ("cat", True), ("lstm_transformer", True)],
)
def test_positional_encoding_is_on_where_the_paper_does_best(network, by_default):
    on, off = (small((network, {}), positional_encoding=on).eval() for on in (True, False))
    frames = turn(750)[None]
    answers = {True: logits_of(on, frames), False: logits_of(off, frames)}
    assert (answers[True] - answers[False]).abs().max() > 1e-3
    torch.testing.assert_close(logits_of(small((network, {})).eval(), frames), answers[by_default])


def test_without_positions_the_transformer_cannot_tell_order():
    steps = torch.randn(2, 75, 8)
    order = torch.randperm(75)
    for encoding in (False, True):
        model = small(("cnn_transformer", {}), positional_encoding=encoding).eval()
        with torch.inference_mode():
            difference = model.classify(steps[:, order]) - model.classify(steps)
        assert (difference.abs().max() < 1e-5) == (not encoding)


def test_the_two_ways_of_cat_add_up():
    """FC(a + b) = FC(a) + FC(b) - bias, with a and b what either way gives alone."""
    both = small(("cat", {})).eval()
    frames = turn(500)[None]
    sides = []
    for variant in ("cnn_to_lstm", "lstm_to_cnn"):
        side = small(("cat", {"variant": variant})).eval()
        left_out = set(side.load_state_dict(both.state_dict(), strict=False).unexpected_keys)
        other = {"cnn_to_lstm": "lstm_to_cnn", "lstm_to_cnn": "cnn_to_lstm"}[variant]
        assert left_out == {n for n in both.state_dict() if n.startswith(f"{other}.")}
        sides.append(logits_of(side, frames))
    expected = sides[0] + sides[1] - both.output.bias.detach()
    torch.testing.assert_close(logits_of(both, frames), expected, atol=1e-5, rtol=0)


def test_queries_are_of_the_side_that_is_mapped():
    """In CtoL the 75 steps of the CNN are queries to the 150 of the LSTM; in LtoC vice versa."""
    model = small(("cat", {})).eval()
    asked = {}
    for way in ("cnn_to_lstm", "lstm_to_cnn"):
        model.get_submodule(way).register_forward_hook(
            lambda module, given, result, way=way: asked.update(
                {way: (given[0].shape[1], given[1].shape[1], result.shape[1])}
            )
        )
    logits_of(model, turn(750)[None])
    assert asked == {"cnn_to_lstm": (75, 150, 75), "lstm_to_cnn": (150, 75, 150)}


def test_cnn_plus_lstm_is_the_sum_of_their_means():
    model = small(("cat", {"variant": "cnn_plus_lstm"})).eval()
    frames = torch.from_numpy(turn(750)[None])
    with torch.inference_mode():
        normalised = model.normalise(frames)
        cnn = model.cnn(normalised).mean(dim=1)
        reduced = model.reduction.conv(normalised.mT).mT
        lstm = model.blstm(reduced)[0].mean(dim=1)
        torch.testing.assert_close(model(frames), model.output(cnn + lstm))


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        ("ilt", {"fusion": "minus"}, "'minus'; accepted are concatenation, plus, trainable_plus"),
        ("ilt", {"colour": 1}, "options of ilt.*'colour'"),
        ("ilt", {"channels": (4, 8)}, "found 2 sizes; accepted are 4"),
        ("cat", {"variant": "dog"}, "'dog'; accepted are cat, cnn_to_lstm, lstm_to_cnn, cnn_plus"),
        ("cat", {"heads": 3}, "found 256 in the last block; it must be .* a multiple of heads, 3"),
    ],
)
def test_options_that_do_not_fit_are_errors(network, options, message):
    with pytest.raises(InputError, match=message):
        build_model(network, LABELS, HE, options)
