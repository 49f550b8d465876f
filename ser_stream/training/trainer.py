"""The training loop: resumable, seeded, judged on speakers it does not train on."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from ser_stream.models.base import EmotionModel
from ser_stream.training.dataset import TrainingSet, collate
from ser_stream.training.feature_cache import FeatureStore
from ser_stream.training.metrics import Scores, score
from ser_stream.training.recipe import Recipe


class Trainer:
    """Trains one model by a recipe and a seed, and remembers how far it came in `folder`.

    What is kept is the moving average of the weights after the last epoch: no epoch is chosen, so
    nothing is chosen on the speakers it is judged on.
    """

    def __init__(
        self,
        model: EmotionModel,
        training_set: TrainingSet,
        recipe: Recipe,
        seed: int,
        folder: Path,
        device: str = "cpu",
    ):
        # Channels last: convolutions and pooling take two thirds of the time on a CPU.
        self.model = model.to(device, memory_format=torch.channels_last)
        self.training_set = training_set
        self.recipe = recipe
        self.seed = seed
        self.folder = folder
        self.device = torch.device(device)
        self.bfloat16 = has_bfloat16(self.device)
        self.average = AveragedModel(
            self.model, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        # Shares of the corpora are rounded: an epoch may have one batch more.
        steps = recipe.utterances_per_epoch // recipe.batch_size + 1
        self.scheduler = OneCycleLR(
            self.optimizer, recipe.learning_rate, total_steps=recipe.epochs * steps,
            pct_start=0.15,
        )  # fmt: skip
        self.epoch = 0
        self._resume()

    @property
    def state_path(self) -> Path:
        return self.folder / "state.pt"

    def run(self, validation: tuple[FeatureStore, np.ndarray]) -> EmotionModel:
        """Train to the last epoch and return the averaged model.

        Args:
            validation: features and target indices (n,) that are scored after each epoch.
        """
        log = self.folder / "metrics.jsonl"
        for epoch in range(self.epoch, self.recipe.epochs):
            started = time.monotonic()
            loss = self._train_epoch(epoch)
            scores = evaluate(self.averaged_model(), *validation)
            record = {
                "epoch": epoch + 1,
                "loss": round(loss, 4),
                "validation_wa": round(scores.wa, 4),
                "validation_ua": round(scores.ua, 4),
                "seconds": round(time.monotonic() - started, 1),
            }
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            self.epoch = epoch + 1
            self._save()
        return self.averaged_model()

    def averaged_model(self) -> EmotionModel:
        return copy.deepcopy(self.average.module).eval()

    def _train_epoch(self, epoch: int) -> float:
        """One pass; returns the mean loss. An epoch's randomness follows from seed and number."""
        torch.manual_seed(self.seed * 1000 + epoch)
        rng = np.random.default_rng([self.seed, epoch])
        recipe = self.recipe
        batches = self.training_set.epoch(recipe.utterances_per_epoch, recipe.batch_size, rng)
        total = recipe.utterances_per_epoch // recipe.batch_size
        self.model.train()
        losses = []
        for batch in tqdm(batches, total=total, desc=f"epoch {epoch + 1}/{recipe.epochs}"):
            features, lengths, targets = (part.to(self.device) for part in batch)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
                logits = self.model(features, lengths)
            loss = torch.nn.functional.cross_entropy(
                logits.float(), targets, label_smoothing=recipe.label_smoothing
            )
            loss = loss + self.model.penalty()
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            self.scheduler.step()
            self.average.update_parameters(self.model)
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    def _save(self) -> None:
        state = {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }
        unfinished = self.state_path.with_suffix(".tmp")
        torch.save(state, unfinished)
        unfinished.replace(self.state_path)  # atomic: a stop never leaves half a state

    def _resume(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.state_path.is_file():
            return
        state = torch.load(self.state_path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.epoch = state["epoch"]


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 makes a step two to three times faster. Emulated, it is 7 times slower."""
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


def evaluate(
    model: EmotionModel, store: FeatureStore, targets: np.ndarray, batch_size: int = 64
) -> Scores:
    """Score one window per utterance: its speech, the last `window_frames` where it is longer."""
    logits = predict(model, store, batch_size)
    return score(model.labels, targets, logits.argmax(1).numpy())


def predict(model: EmotionModel, store: FeatureStore, batch_size: int = 64) -> Tensor:
    """Logits (utterances, labels) of one window per utterance."""
    device = next(model.parameters()).device
    order = np.argsort(store.speech_frames)
    logits = torch.empty(len(store), len(model.labels))
    with torch.inference_mode():
        for batch in _batches(order, batch_size):
            windows = [store.utterance(i)[-model.window_frames :] for i in batch]
            features, lengths, _ = collate([(window, np.empty(0)) for window in windows])
            logits[batch] = model(features.to(device), lengths.to(device)).float().cpu()
    return logits


def _batches(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(order), size):
        yield order[start : start + size]
