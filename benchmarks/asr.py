"""Speed and word error rate of the speech recognisers.

On the test recordings, whose words are known; with --corpora, on clips of CREMA-D instead. Times
are of CPU time, with one thread for CTranslate2 (OMP_NUM_THREADS=1), since the machine may be
shared.

OMP_NUM_THREADS=1 python -m benchmarks.asr [--corpora DIR] [--whisper NAME|DIR ...]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.sound import SPOKEN
from ser_stream.asr.base import FASTER_WHISPER, POCKETSPHINX, AsrSettings
from ser_stream.asr.factory import open_recognizer
from ser_stream.asr.pocketsphinx import Aligner
from ser_stream.asr.transcription import transcribe
from ser_stream.asr.word_errors import word_error_rate
from ser_stream.audio.speech import read_samples, speech_span
from ser_stream.corpora import cremad
from ser_stream.features.vocabulary import spelling
from ser_stream.units import SAMPLE_RATE_HZ
from tools.make_test_recordings import RECORDINGS


def spelt(words: Iterable[str]) -> list[str]:
    """Return words in lower case, without punctuation; numbers as faster-whisper writes them."""
    numbers = {"10": "ten"}
    return [numbers.get(word, word) for word in map(spelling, words) if word]


def clips(corpora: Path | None, n: int) -> list[tuple[str, Path]]:
    """Return texts and recordings."""
    if corpora is None:
        return [(text, path) for path in SPOKEN for text in [RECORDINGS[path.stem][0]]]
    utterances = cremad.read(corpora / "cremad")
    random.Random(0).shuffle(utterances)
    return [(utterance.text, utterance.path) for utterance in utterances[:n]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, metavar="DIR")
    parser.add_argument("--clips", type=int, default=20, metavar="N", help="clips of CREMA-D")
    parser.add_argument("--whisper", nargs="*", default=["tiny", "base"], metavar="NAME|DIR")
    arguments = parser.parse_args()

    recordings = [
        (text, read_samples(path)) for text, path in clips(arguments.corpora, arguments.clips)
    ]
    sound_s = sum(
        (end - start) / SAMPLE_RATE_HZ
        for _, samples in recordings
        for start, end in [speech_span(samples)]
    )
    print(f"{len(recordings)} recordings, {sound_s:.1f} s of speech")
    with tempfile.TemporaryDirectory() as folder:
        grammar = Path(folder) / "sentences.txt"
        lines = "\n".join(text for text, _ in recordings)
        grammar.write_text("\n".join(cremad.STATEMENTS.values()) if arguments.corpora else lines)
        candidates = {
            "pocketsphinx, open dictation": AsrSettings(POCKETSPHINX),
            "pocketsphinx, grammar": AsrSettings(POCKETSPHINX, grammar=str(grammar)),
        } | {
            f"faster_whisper {Path(model).name}, {compute_type}": AsrSettings(
                FASTER_WHISPER, model, device="cpu", compute_type=compute_type
            )
            for model in arguments.whisper
            for compute_type in ("int8", "float32")
        }
        recognizers = {name: open_recognizer(settings) for name, settings in candidates.items()}
    for name, recognizer in recognizers.items():
        started = time.process_time()
        turns = [list(transcribe(samples, recognizer)) for _, samples in recordings]
        took_s = time.process_time() - started
        found = [[word.text for turn in each for word in turn.words] for each in turns]
        spoken = [spelt(text.split()) for text, _ in recordings]
        errors = word_error_rate(list(zip(spoken, map(spelt, found), strict=True)))
        print(
            f"{name:32} {took_s / sound_s:6.3f} s per second of speech, "
            f"{took_s / sum(map(len, turns)):5.2f} s per turn, "
            f"word error rate {errors:.0%}",
            flush=True,
        )

    aligner = Aligner()
    parts = [(text, samples[slice(*speech_span(samples))]) for text, samples in recordings]
    started = time.process_time()
    complete = [aligner.align(samples, text).complete for text, samples in parts]
    took_s = time.process_time() - started
    incomplete = f"{complete.count(False)} incomplete"
    print(f"{'alignment':32} {took_s / sound_s:6.3f} s per second of speech, {incomplete}")


if __name__ == "__main__":
    main()
