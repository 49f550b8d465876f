"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.base import EmotionModel
from ser_stream.models.cat import Cat, LstmTransformer
from ser_stream.models.causal_crnn import CausalCrnn
from ser_stream.models.cnn_blstm_attention import CnnBlstmAttention
from ser_stream.models.ilt import CnnLstmTransformer, CnnTransformer, Ilt
from ser_stream.models.moma import Moma

ARCHITECTURES: dict[str, Callable[..., EmotionModel]] = {
    "causal_crnn": CausalCrnn,
    "cnn_blstm_attention": CnnBlstmAttention,
    "ilt": Ilt,
    "cat": Cat,
    "cnn_transformer": CnnTransformer,
    "cnn_lstm_transformer": CnnLstmTransformer,
    "lstm_transformer": LstmTransformer,
    "moma": Moma,
}


def build_model(
    architecture: str,
    labels: tuple[str, ...],
    features: LogMelConfig,
    options: dict[str, Any] | None = None,
) -> EmotionModel:
    """A network with fresh weights.

    Raises:
        InputError: the architecture, or one of its options, is not known.
    """
    if architecture not in ARCHITECTURES:
        raise InputError(
            f"architecture: found {architecture!r}; accepted are {', '.join(ARCHITECTURES)}"
        )
    try:
        return ARCHITECTURES[architecture](labels, features, **(options or {}))
    except TypeError as error:
        raise InputError(f"options of {architecture}: {error}") from error
