"""Speed and word error rate of PocketSphinx on CREMA-D, whose sentences are known.

Real-time factors (RTF) are of CPU time: it uses one thread, and the machine may be shared.

python -m benchmarks.asr --corpora DIR
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from ser_stream.asr.pocketsphinx import Aligner, PocketSphinx
from ser_stream.audio.speech import read_samples, speech_span
from ser_stream.corpora import cremad
from ser_stream.features.vocabulary import spelling
from ser_stream.units import SAMPLE_RATE_HZ


def word_errors(reference: list[str], recognised: list[str]) -> int:
    """Return the edit distance: the number of substitutions, insertions and deletions."""
    row = list(range(len(recognised) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(recognised, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
            diagonal, row[j] = row[j], cost
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True, metavar="DIR")
    parser.add_argument("--clips", type=int, default=20, metavar="N")
    arguments = parser.parse_args()

    utterances = cremad.read(arguments.corpora / "cremad")
    random.Random(0).shuffle(utterances)
    clips = []
    for utterance in utterances[: arguments.clips]:
        samples = read_samples(utterance.path)
        start, end = speech_span(samples)
        clips.append((utterance.text, samples[start:end]))
    sound_s = sum(len(samples) for _, samples in clips) / SAMPLE_RATE_HZ
    print(f"{len(clips)} clips, {sound_s:.1f} s of speech")

    with tempfile.TemporaryDirectory() as folder:
        grammar = Path(folder) / "sentences.txt"
        grammar.write_text("\n".join(cremad.STATEMENTS.values()))
        recognizers = {"open dictation": PocketSphinx(), "grammar": PocketSphinx(grammar)}
    for name, recognizer in recognizers.items():
        started = time.process_time()
        recognised = [recognizer.recognize(samples, 0.0) for _, samples in clips]
        rtf = (time.process_time() - started) / sound_s
        spoken = [[spelling(word) for word in text.split()] for text, _ in clips]
        errors = sum(
            word_errors(words, [word.text for word in found])
            for words, found in zip(spoken, recognised, strict=True)
        )
        n_words = sum(map(len, spoken))
        print(f"{name:14}  RTF {rtf:.3f}  word error rate {errors / n_words:.0%}")

    aligner = Aligner()
    started = time.process_time()
    complete = [aligner.align(samples, text).complete for text, samples in clips]
    rtf = (time.process_time() - started) / sound_s
    print(f"{'alignment':14}  RTF {rtf:.3f}  {complete.count(False)} incomplete")


if __name__ == "__main__":
    main()
