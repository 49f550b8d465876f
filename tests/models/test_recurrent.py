import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ser_stream.models.recurrent import hidden_states


def packed_states(rnn, steps, lengths):
    packed = pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(rnn(packed)[0], batch_first=True, total_length=steps.shape[1])[0]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("both", [True, False])
def test_states_and_gradients_are_those_of_packed_sequences(kind, layers, both):
    torch.manual_seed(0)
    rnn = kind(5, 4, num_layers=layers, batch_first=True, bidirectional=both)
    lengths = torch.tensor([7, 9, 1, 4])
    results = []
    for states_of in (hidden_states, packed_states):
        own = copy.deepcopy(rnn)
        steps = torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)
        states = states_of(own, steps, lengths)
        (states * torch.linspace(0, 1, states.shape[2])).square().sum().backward()
        results.append([states, steps.grad, *(p.grad for p in own.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_padding_behind_an_item_has_no_influence():
    rnn = nn.LSTM(5, 4, batch_first=True, bidirectional=True)
    steps, lengths = torch.randn(2, 6, 5), torch.tensor([6, 2])
    other = steps.clone()
    other[1, 2:] = 1e3
    torch.testing.assert_close(
        hidden_states(rnn, steps, lengths), hidden_states(rnn, other, lengths)
    )
    assert (hidden_states(rnn, other, lengths)[1, 2:] == 0).all()


def test_dropout_between_layers_is_in_training_only():
    rnn = nn.LSTM(5, 4, num_layers=2, dropout=0.9, batch_first=True)
    steps, lengths = torch.randn(2, 6, 5), torch.tensor([6, 3])
    trained = [hidden_states(rnn.train(), steps, lengths) for _ in range(2)]
    assert not torch.equal(*trained)
    judged = hidden_states(rnn.eval(), steps, lengths)
    torch.testing.assert_close(judged, packed_states(rnn, steps, lengths))
