"""Networks by name."""

from __future__ import annotations

from typing import Any, TypeVar

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.base import EmotionModel, NormalisingModel
from ser_stream.models.causal_crnn import CausalCrnn
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.models.papers.can_baselines import AudioModel, TextModel
from ser_stream.models.papers.cat import Cat, LstmTransformer
from ser_stream.models.papers.cnn_blstm_attention import CnnBlstmAttention
from ser_stream.models.papers.ilt import CnnLstmTransformer, CnnTransformer, Ilt
from ser_stream.models.papers.moma import Moma
from ser_stream.models.voice_lstm import VoiceLstm

ModelT = TypeVar("ModelT", bound=NormalisingModel)

ARCHITECTURES: dict[str, type[NormalisingModel]] = {
    "can": CrossAttentionNetwork,
    "can_audio": AudioModel,
    "can_text": TextModel,
    "causal_crnn": CausalCrnn,
    "cnn_blstm_attention": CnnBlstmAttention,
    "ilt": Ilt,
    "cat": Cat,
    "cnn_transformer": CnnTransformer,
    "cnn_lstm_transformer": CnnLstmTransformer,
    "lstm_transformer": LstmTransformer,
    "moma": Moma,
    "voice_lstm": VoiceLstm,
}


def build_model(
    architecture: str,
    labels: tuple[str, ...],
    features: LogMelConfig,
    options: dict[str, Any] | None = None,
    kind: type[ModelT] = EmotionModel,
) -> ModelT:
    """A network with fresh weights.

    Args:
        kind: `BimodalModel` for a network that sees words beside sound.

    Raises:
        InputError: the architecture is not known or of another kind, or one of its options is not
            known.
    """
    accepted = [name for name, network in ARCHITECTURES.items() if issubclass(network, kind)]
    if architecture not in accepted:
        found = repr(architecture)
        if architecture in ARCHITECTURES:
            found += f", which takes {ARCHITECTURES[architecture].takes}"
        raise InputError(f"architecture: found {found}; accepted are {', '.join(accepted)}")
    try:
        return ARCHITECTURES[architecture](labels, features, **(options or {}))
    except TypeError as error:
        raise InputError(f"options of {architecture}: {error}") from error
