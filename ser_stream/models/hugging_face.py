"""Any Hugging Face audio classifier: wav2vec 2.0, HuBERT, WavLM, data2vec, Whisper and others.

They hear the window's samples, not frames of a spectrogram, and look at all of them at once:
nothing can be computed before the window is there. So the front end hands on blocks of samples as
they are, and the head is the whole network, from scratch at every hop::

    samples  |--320--|--320--|--320--| ...      encode(): as they are
    window       [--------------------]         classify(): the checkpoint's own preprocessing of
                                                these samples, then the network
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ser_stream.errors import InputError
from ser_stream.features.samples import SampleConfig
from ser_stream.models.base import EmotionModel
from ser_stream.models.hub import require_transformers
from ser_stream.models.hugging_face_info import require_safetensors
from ser_stream.models.info import HUGGING_FACE, ModelInfo
from ser_stream.units import SAMPLE_RATE_HZ

MIN_SAMPLES = SAMPLE_RATE_HZ // 10
"""Silence is added behind a turn that is shorter: convolutions need some samples to answer at all
(wav2vec 2.0 takes 400 for its first step)."""


class HuggingFaceModel(EmotionModel):
    """A checkpoint of transformers in the place of a streaming network.

    Outputs whose label has no place here are left out, and those of one emotion are added up; the
    softmax over what remains is that of the checkpoint, renormalised.

    Args:
        network: of transformers' audio classifiers.
        extractor: its feature extractor, which normalises each window by itself where the
            checkpoint was trained so.
        emotions: label of the checkpoint -> one of `labels`, or None where it is left out.

    Attributes:
        masked: windows of different lengths are padded and masked. Otherwise each length is run on
            its own: a network without a mask, or which normalises over time (`feat_extract_norm:
            group`), would hear the padding.

    Raises:
        InputError: `emotions` does not fit to `labels` or to the network's outputs.
    """

    frames_per_step = 1
    context_frames = 0

    def __init__(
        self,
        labels: tuple[str, ...],
        features: SampleConfig,
        network: nn.Module,
        extractor: Any,
        emotions: Mapping[str, str | None],
        window_frames: int,
        hop_frames: int,
    ):
        super().__init__(labels, features)
        names = network.config.id2label
        if set(names.values()) != emotions.keys():
            raise InputError(
                f"options: emotions: found {', '.join(emotions)}; the checkpoint's labels are "
                f"{', '.join(names.values())}"
            )
        if set(filter(None, emotions.values())) != set(labels):
            raise InputError(
                f"labels: found {', '.join(labels)}; they must be those that options: emotions maps"
                " to"
            )
        self.network = network
        self.window_frames = window_frames
        self.hop_frames = hop_frames
        self.masked = (
            extractor.return_attention_mask
            and "attention_mask" in inspect.signature(network.forward).parameters
            and getattr(network.config, "feat_extract_norm", None) != "group"
        )
        self._extractor = extractor
        self._outputs = [[i for i in names if emotions[names[i]] == label] for label in labels]

    def encode(self, features: Tensor) -> Tensor:
        """Blocks of samples (batch, frames, hop_length), as they are."""
        return features

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        waveforms = self._waveforms(steps, lengths)
        if self.masked:
            return self._logits(waveforms, padding=True, return_attention_mask=True)
        logits = steps.new_empty(len(waveforms), len(self.labels))
        sizes = [len(waveform) for waveform in waveforms]
        for size in set(sizes):
            members = [i for i, n in enumerate(sizes) if n == size]
            logits[members] = self._logits(
                [waveforms[i] for i in members], return_attention_mask=False
            )
        return logits

    def _waveforms(self, steps: Tensor, lengths: Tensor | None) -> list[np.ndarray]:
        """Samples of each item without its padding, `MIN_SAMPLES` at least."""
        samples = steps.flatten(1).float().cpu().numpy()
        if lengths is not None:
            n_samples = (lengths * self.features.hop_length).tolist()
            samples = [row[:n] for row, n in zip(samples, n_samples, strict=True)]
        return [np.pad(row, (0, max(0, MIN_SAMPLES - len(row)))) for row in samples]

    def _logits(self, waveforms: list[np.ndarray], **padding) -> Tensor:
        inputs = self._extractor(
            waveforms, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt", **padding
        )
        if "attention_mask" in inputs and inputs["attention_mask"].all():
            del inputs["attention_mask"]  # it hides nothing, and attention is slower with one
        outputs = self.network(**inputs.to(next(self.parameters()).device)).logits.float()
        return torch.stack([outputs[:, i].logsumexp(dim=1) for i in self._outputs], dim=1)


def load_checkpoint(folder: Path, info: ModelInfo) -> HuggingFaceModel:
    """The network of a folder that holds a checkpoint, in float32, ready to infer.

    No code that comes with a checkpoint is run, and nothing is downloaded.

    Raises:
        InputError: transformers is not installed, the files are damaged, missing or no audio
            classifier's, or `info` does not fit to them.
    """
    require_safetensors(folder, str(folder))
    require_transformers(f"{folder}: a Hugging Face checkpoint")
    network, extractor = _from_transformers(folder)
    bad = [name for name, values in network.named_parameters() if not values.isfinite().all()]
    if bad:
        raise InputError(f"{folder}: weights: {bad[0]} holds NaN or infinite values")
    if extractor.sampling_rate != SAMPLE_RATE_HZ:
        raise InputError(
            f"{folder / 'preprocessor_config.json'}: found sampling_rate {extractor.sampling_rate};"
            f" accepted is {SAMPLE_RATE_HZ}"
        )
    try:
        model = HuggingFaceModel(info.labels, info.features, network, extractor, **info.options)
    except (TypeError, InputError) as error:
        raise InputError(f"{folder / 'model.json'}: {HUGGING_FACE}: {error}") from error
    return model.eval()


def _from_transformers(folder: Path) -> tuple[nn.Module, Any]:
    """Network and feature extractor."""
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        with _silent():
            extractor = AutoFeatureExtractor.from_pretrained(folder, **local)
            network, report = AutoModelForAudioClassification.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **local
            )
    except Exception as error:  # whatever transformers makes of damaged or foreign files
        reason = " ".join(str(error).split())
        raise InputError(
            f"{folder}: not a Hugging Face audio classifier that transformers can load: "
            f"{type(error).__name__}: {reason[:300]}"
        ) from error
    # Drawn at random by transformers, where a file lacks them: answers would be noise. The vector
    # that masks steps in training is not needed.
    missing = sorted(k for k in report["missing_keys"] if not k.endswith("masked_spec_embed"))
    if missing:
        raise InputError(
            f"{folder}: no weights for {', '.join(missing[:4])} of {type(network).__name__}; "
            "accepted is a checkpoint that was trained to classify"
        )
    return network.float(), extractor


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without transformers' progress bars and warnings: what matters is raised as an error."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
