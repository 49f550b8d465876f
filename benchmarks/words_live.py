"""Accuracy by sound alone, and by sound and words, with the words of a speech recogniser.

Clips of CREMA-D's speakers that `can-english` was not trained on are streamed as on the robot:
utterance estimates by sound, and those by sound and words, with PocketSphinx in open dictation and
with a grammar of the twelve sentences (nine words of ten recognised). Each sentence is said with
every emotion, so words cannot help here; the question is how much they cost.

python -m benchmarks.words_live --corpora DIR
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measuring import MODEL
from ser_stream import Recognizer
from ser_stream.asr.base import POCKETSPHINX, AsrSettings
from ser_stream.corpora import cremad
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.evaluation.metrics import score_answers
from ser_stream.evaluation.streamed import choose_clips
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.speech_text import SpeechTextRecipe

RECIPE = Path(__file__).parent.parent / "config" / "recipes" / "streaming" / "can-english.yaml"
SOUND, WORDS = "audio", "audio+text"


def answers(recognizer: Recognizer, clip: Utterance, labels: tuple[str, ...]) -> dict:
    """Return modality -> scores (labels,) of the clip's longest turn; {} without an estimate."""
    longest, found = {}, {}
    for estimate in recognizer.stream(clip.path):
        length = estimate.end_s - estimate.start_s
        if estimate.trigger == "utterance" and length > longest.get(estimate.modality, 0.0):
            longest[estimate.modality] = length
            found[estimate.modality] = np.array([estimate.scores[label] for label in labels])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True, metavar="DIR")
    parser.add_argument("--clips", type=int, default=120, metavar="N")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    arguments = parser.parse_args()

    voices = load_recipe(RECIPE, SpeechTextRecipe).voices
    parts = voices.split(read_corpora(arguments.corpora, list(voices.corpora)))
    clips = choose_clips(
        [clip for clip in parts[arguments.part] if clip.corpus == "cremad"], arguments.clips
    )
    labels = voices.labels
    truth = np.array([labels.index(clip.label) for clip in clips])
    with tempfile.TemporaryDirectory() as folder:
        grammar = Path(folder) / "sentences.txt"
        grammar.write_text("\n".join(cremad.STATEMENTS.values()))
        for name, path in (("open dictation", ""), ("grammar", str(grammar))):
            asr = AsrSettings(POCKETSPHINX, grammar=path)
            with Recognizer(MODEL, asr=asr, text_model="can-english") as recognizer:
                found = [answers(recognizer, clip, labels) for clip in clips]
            for modality in (SOUND, WORDS):
                given = np.array([clip[modality].argmax() if modality in clip else -1
                                  for clip in found])  # fmt: skip
                scores = score_answers(labels, truth, given)
                print(
                    f"{name:14}  {modality:10}  n {scores.n}, answered {(given >= 0).mean():.0%}: "
                    f"WA {scores.wa:.1%}, UA {scores.ua:.1%}"
                )


if __name__ == "__main__":
    main()
