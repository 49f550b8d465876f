"""Recurrent layers over sequences of unequal length."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def hidden_states(rnn: nn.LSTM | nn.GRU, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
    """States (batch, steps, directions * hidden) of a batch-first recurrent layer.

    Args:
        steps: (batch, steps, dimension).
        lengths: (batch,) valid steps; the backward direction begins at an item's own last one, and
            states behind it are zero. None where all are valid.
    """
    if lengths is None:
        return rnn(steps)[0]
    packed = pack_padded_sequence(steps, lengths.cpu(), batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(rnn(packed)[0], batch_first=True, total_length=steps.shape[1])[0]
