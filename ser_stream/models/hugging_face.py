"""Hugging Face audio classifiers: wav2vec 2.0, HuBERT, WavLM, data2vec, Whisper and others.

Their input is the window's samples, all at once: nothing can be computed before the window is
complete. So the front end passes on blocks of samples unchanged, and the head is the whole network,
run from scratch at every hop::

    samples  |--320--|--320--|--320--| ...      encode(): unchanged
    window       [--------------------]         classify(): the checkpoint's own preprocessing of
                                                these samples, then the network
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ser_stream.errors import InputError, shown
from ser_stream.extras import require_extra
from ser_stream.features.samples import SampleConfig
from ser_stream.files import plain_name
from ser_stream.models.base import EmotionModel
from ser_stream.models.folder import UPDATE
from ser_stream.models.hugging_face_info import require_safetensors
from ser_stream.models.info import HUGGING_FACE, ModelInfo
from ser_stream.models.options import Frames, checked_options
from ser_stream.models.strict_json import read_json
from ser_stream.models.weights import check_files
from ser_stream.units import SAMPLE_RATE_HZ

MAX_BYTES = 8 * 2**30
"""Size of the largest weights that are loaded; those of WavLM Large have 1.2 GiB."""
MAX_LAYERS = 256

_LOCAL = {"local_files_only": True, "trust_remote_code": False}

MIN_SAMPLES = SAMPLE_RATE_HZ // 10
"""Shorter turns are padded with silence: the convolutions need some samples (wav2vec 2.0: 400 for
its first step)."""


class HuggingFaceModel(EmotionModel):
    """A checkpoint of transformers with the interface of a streaming network.

    Outputs whose label is mapped to no emotion are left out, and those of one emotion are added up;
    the softmax over the remaining labels is that of the checkpoint, renormalised.

    Args:
        labels: labels of the logits.
        features: settings of the blocks of samples.
        network: an audio classifier of transformers.
        extractor: its feature extractor, which normalises each window where the checkpoint was
            trained so.
        emotions: label of the checkpoint -> one of `labels`, or None to leave it out.
        window_frames, hop_frames: blocks of samples in a window and from one answer to the next.

    Attributes:
        masked: whether windows of different lengths are padded and masked. If not, each length is
            run on its own: padding would change the answers of a network without a mask, or one
            that normalises over time (`feat_extract_norm: group`).

    Raises:
        InputError: `emotions` does not fit `labels` or the network's outputs.
    """

    frames_per_step = 1
    context_frames = 0

    def __init__(
        self,
        labels: tuple[str, ...],
        features: SampleConfig,
        network: nn.Module,
        extractor: Any,
        emotions: dict[str, str | None],
        window_frames: Frames,
        hop_frames: Frames,
    ):
        super().__init__(labels, features)
        config: Any = network.config
        names: dict[int, str] = config.id2label
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
            and getattr(config, "feat_extract_norm", None) != "group"
        )
        self._extractor = extractor
        self._outputs = [[i for i in names if emotions[names[i]] == label] for label in labels]

    def encode(self, features: Tensor) -> Tensor:
        """Return the blocks of samples (batch, frames, hop_length) unchanged."""
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
        """Return the samples of each item without its padding, at least `MIN_SAMPLES`."""
        rows = list(steps.flatten(1).float().cpu().numpy())
        if lengths is not None:
            n_samples = (lengths * self.features.hop_length).tolist()
            rows = [row[:n] for row, n in zip(rows, n_samples, strict=True)]
        return [np.pad(row, (0, max(0, MIN_SAMPLES - len(row)))) for row in rows]

    def _logits(self, waveforms: list[np.ndarray], **padding) -> Tensor:
        inputs = self._extractor(
            waveforms, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt", **padding
        )
        if "attention_mask" in inputs and inputs["attention_mask"].all():
            del inputs["attention_mask"]  # nothing is masked, and attention is slower with a mask
        outputs = self.network(**inputs.to(next(self.parameters()).device)).logits.float()
        return torch.stack([outputs[:, i].logsumexp(dim=1) for i in self._outputs], dim=1)


def load_checkpoint(folder: Path, info: ModelInfo) -> HuggingFaceModel:
    """Load a folder's checkpoint in float32, ready for inference.

    No code that comes with the checkpoint is run, and nothing is downloaded.

    Raises:
        InputError: transformers is not installed; files are missing, damaged or not those of an
            audio classifier; or `info` does not fit them.
    """
    require_safetensors(folder, str(folder))
    if (folder / UPDATE).is_dir():
        raise InputError(
            f"{folder}: an update of the folder was interrupted; run the same command again"
        )
    require_extra(f"{folder}, a Hugging Face checkpoint", "transformers")
    check_files(folder, info)
    _check_size(folder)
    network, extractor = _from_transformers(folder)
    bad = [name for name, values in network.named_parameters() if not values.isfinite().all()]
    if bad:
        raise InputError(f"{folder}: weights: {bad[0]} holds NaN or infinite values")
    if extractor.sampling_rate != SAMPLE_RATE_HZ:
        raise InputError(
            f"{folder / 'preprocessor_config.json'}: found sampling_rate {extractor.sampling_rate};"
            f" accepted is {SAMPLE_RATE_HZ}"
        )
    if not isinstance(info.features, SampleConfig):
        raise InputError(
            f"{folder / 'model.json'}: features: found {type(info.features).__name__}; a Hugging "
            "Face checkpoint takes samples"
        )
    try:
        options = checked_options(HuggingFaceModel, info.options, "options")
        model = HuggingFaceModel(info.labels, info.features, network, extractor, **options)
    except (TypeError, InputError) as error:
        raise InputError(f"{folder / 'model.json'}: {HUGGING_FACE}: {error}") from error
    return model.eval()


def _check_size(folder: Path) -> None:
    """Check the size of a checkpoint before memory is taken for it.

    Raises:
        InputError: the weights are too large, or config.json describes a larger network than theirs
            or one of too many layers.
    """
    n_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if n_bytes > MAX_BYTES:
        raise InputError(f"{folder}: weights: found {n_bytes} bytes; accepted are {MAX_BYTES}")
    path = folder / "config.json"
    for name, value in read_json(path).items():
        if name.endswith("layers") and isinstance(value, int) and value > MAX_LAYERS:
            raise InputError(f"{path}: {name}: found {shown(value)}; accepted are {MAX_LAYERS}")
    n_parameters = _count_parameters(folder)
    if n_parameters is not None and n_parameters > n_bytes:
        raise InputError(
            f"{path}: found a network of {n_parameters} parameters; the weights beside it have "
            f"{n_bytes} bytes"
        )


def _count_parameters(folder: Path) -> int | None:
    """Return how many numbers the network of config.json has; None: it cannot be built."""
    from transformers import AutoConfig, AutoModelForAudioClassification

    try:
        with _silent(), torch.device("meta"):  # shapes without memory
            config = AutoConfig.from_pretrained(folder, **_LOCAL)
            network = AutoModelForAudioClassification.from_config(config)
    except Exception:  # of any type; `_from_transformers` reports it
        return None
    return sum(parameter.numel() for parameter in network.parameters())


def _from_transformers(folder: Path) -> tuple[nn.Module, Any]:
    """Load the network and its feature extractor."""
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    try:
        with _silent(), plain_name(folder) as name:
            extractor = AutoFeatureExtractor.from_pretrained(name, **_LOCAL)
            network, report = AutoModelForAudioClassification.from_pretrained(
                name, use_safetensors=True, output_loading_info=True, **_LOCAL
            )
    except Exception as error:  # of any type, for damaged or foreign files
        reason = " ".join(str(error).split())
        raise InputError(
            f"{folder}: not a Hugging Face audio classifier that transformers can load: "
            f"{type(error).__name__}: {reason[:300]}"
        ) from error
    # transformers initialises missing weights at random: answers would be noise. Only the vector
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
    """Suppress transformers' progress bars and warnings: what matters is raised as an error."""
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
