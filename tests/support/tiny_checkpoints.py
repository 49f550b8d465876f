"""Hugging Face audio classifiers of 40 kB with random weights, by transformers' own classes.

They are saved as they lie on the Hub: config.json, model.safetensors, preprocessor_config.json.
"""

from __future__ import annotations

from pathlib import Path

SUPERB = ("neu", "hap", "ang", "sad")
"""Labels of superb/wav2vec2-base-superb-er."""

EMOTION2VEC = (
    "angry", "disgusted", "fearful", "happy", "neutral", "other", "sad", "surprised", "unknown",
)  # fmt: skip
"""Labels of emotion2vec_plus."""

SIZES = dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
    classifier_proj_size=8, conv_dim=(8,) * 7,
)  # fmt: skip
POSITIONS = dict(num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2)
LARGE = dict(feat_extract_norm="layer", do_stable_layer_norm=True)
"""As the large checkpoints, which are trained with a mask."""

KINDS = {
    "wav2vec2": ("Wav2Vec2", SIZES | POSITIONS),
    "wav2vec2_large": ("Wav2Vec2", SIZES | POSITIONS | LARGE),
    "hubert": ("Hubert", SIZES | POSITIONS),
    "hubert_large": ("Hubert", SIZES | POSITIONS | LARGE),
    "wavlm_large": ("WavLM", SIZES | POSITIONS | LARGE),
    "data2vec": ("Data2VecAudio", SIZES | dict(num_conv_pos_embeddings=2, conv_pos_kernel_size=5)),
    "whisper": (
        "Whisper",
        dict(
            d_model=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=32,
            decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=32, vocab_size=32,
            pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
            classifier_proj_size=8,
        ),
    ),
}  # fmt: skip
"""Name -> transformers' name for the family, and sizes."""


def make_checkpoint(
    folder: Path, kind: str = "wav2vec2", names: tuple[str, ...] = SUPERB, pickled: bool = False
) -> Path:
    """Write one.

    Args:
        kind: a name in `KINDS`; `_large` ones ask for an attention mask.
        names: of its outputs.
        pickled: weights as pytorch_model.bin, as in the Hub's older folders.
    """
    import torch
    import transformers

    family, sizes = KINDS[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**sizes, id2label=dict(enumerate(names)))
    head = "AudioClassification" if family == "Whisper" else "SequenceClassification"
    network = getattr(transformers, f"{family}For{head}")(config).eval()
    with torch.no_grad():  # untrained, it says much the same whatever it hears
        network.projector.weight *= 30
        network.classifier.weight *= 30
    network.save_pretrained(folder)
    if family == "Whisper":
        extractor = transformers.WhisperFeatureExtractor()
    else:
        extractor = transformers.Wav2Vec2FeatureExtractor(
            do_normalize=True, return_attention_mask=kind.endswith("_large")
        )
    extractor.save_pretrained(folder)
    if pickled:
        torch.save(network.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    return folder
