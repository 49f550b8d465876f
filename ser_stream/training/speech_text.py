"""Trains CAN for English conversation: from voices without free words, and texts without sound.

No corpus at hand has both in free speech. The text branch has learned from texts (`text_run`); the
branch of sound and what joins them learn from pairs (`pairs`). Figures are of pairs too: speakers
and texts that training never met, but no recording of anyone who says what they feel.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from ser_stream.corpora.registry import CORPORA
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.evaluation.pair_scores import scores_table
from ser_stream.evaluation.speech_text import _Data
from ser_stream.features.segments import SegmentConfig
from ser_stream.files import write_json
from ser_stream.models.base import BimodalModel
from ser_stream.models.calibration import Calibration
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import ModelInfo, TrainingData, find_writable, read_info
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.models.papers.can_baselines import TextModel
from ser_stream.models.registry import build_model
from ser_stream.recipes.speech_text import SpeechTextRecipe
from ser_stream.training.calibrate import fit_temperature
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.provenance import environment
from ser_stream.training.trainer import Trainer, predict


def train_speech_text(
    recipe: SpeechTextRecipe,
    corpora: Path,
    cache: Path,
    output: Path,
    seed: int,
    device: str = "cpu",
) -> ModelInfo:
    """Train by a recipe, and write `output`/model with its figures.

    Args:
        corpora: folder that holds each corpus, of sound and of texts, in a folder of its name;
            texts may lie in its folder text.
        cache: folder for computed features; several runs share it.

    Raises:
        InputError: a corpus or the text branch is not there, or does not fit the recipe.
    """
    keep_freed_memory()
    voices = recipe.voices
    config = SegmentConfig()
    text_branch, text_info = load_model(recipe.text_branch, kind=TextModel)
    torch.manual_seed(seed)
    options = {**text_info.options, **voices.options}
    model = build_model("can", voices.labels, config, options, CrossAttentionNetwork)
    model.set_text_branch(text_branch)

    data = _Data(recipe, corpora, cache, config, model.text.vocabulary)
    pairs = data.pairs()
    mean, std = pairs.statistics()
    model.set_normalisation(mean, std)
    output.mkdir(parents=True, exist_ok=True)
    _write_run(recipe, seed, model, output)
    trainer = Trainer(model, pairs, voices.optimisation, seed, output, device)
    validation = data.judged("validation")
    trained = trainer.run(validation).to("cpu")

    calibration = Calibration(
        fit_temperature(predict(trained, validation).numpy(), validation.targets)
    )
    info = ModelInfo(
        name=voices.name,
        architecture="can",
        labels=voices.labels,
        features=config,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        options=options,
        calibration={INTERVAL: calibration, UTTERANCE: calibration},
        training_data=_training_data(recipe, text_info, seed),
        results={part: data.figures(trained, part, calibration) for part in ("validation", "test")},
    )
    save_model(output / "model", trained, info)
    write_card(output / "model", info)
    return info


def save_pair_scores(model: str | Path, part: str, report: dict[str, dict]) -> None:
    """Write the figures of a part into the model's model.json and model card.

    Raises:
        InputError: it has none, see `find_writable`.
    """
    folder = find_writable(model)
    info = read_info(folder)
    info = dataclasses.replace(info, results={**info.results, part: report})
    info.write(folder)
    write_card(folder, info)


def _training_data(recipe: SpeechTextRecipe, text_info: ModelInfo, seed: int) -> TrainingData:
    corpora = [CORPORA[name] for name in recipe.voices.corpora]
    named = tuple(f"{corpus.title} ({corpus.licence})" for corpus in corpora)
    commercial = text_info.training_data.commercial_use
    commercial = commercial and all(corpus.commercial_use for corpus in corpora)
    licence = "all corpora allow commercial use" if commercial else "non-commercial use only"
    return TrainingData(named + text_info.training_data.corpora, licence, commercial, seed)


def write_card(folder: Path, info: ModelInfo) -> None:
    """Write README.md of a model's folder."""
    data = info.training_data
    card = "\n".join(
        [
            f"# Model `{info.name}`",
            "",
            "Emotion of what is said and how, for English. Architecture `can` "
            f"(`ser_stream/models/papers/can.py`), {len(info.labels)} classes: "
            f"{', '.join(info.labels)}.",
            "",
            f"* Trained on: {', '.join(data.corpora)}.",
            "* **No recording of anyone who says what they feel was at hand**: clips of acted "
            "speech were laid under texts of the same emotion, or one of the two was neutral. The "
            "figures are of such pairs; recognition errors, a share of the words, are simulated.",
            "* Beside a stream, the mean of its scores and those of the model that streams is "
            "published.",
            "* Acted speech of adults, comments of Reddit and a television series; nothing is "
            "known about children or other ways of speaking. What is heard is not how someone "
            "feels: do not decide about people by it.",
            f"* Use: {data.licence}.",
            f"* Seed of the training run: {data.seed}. Temperature "
            f"{info.calibration[UTTERANCE].temperature:g}.",
            "",
            "## Figures: speakers and texts that training never met, in percent",
            "",
            *scores_table(info.results),
            "",
        ]
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def _write_run(recipe: SpeechTextRecipe, seed: int, model: BimodalModel, output: Path) -> None:
    """What the run was made of."""
    description = {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        **environment(),
    }
    write_json(output / "run.json", description)
