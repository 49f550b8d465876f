"""PocketSphinx: accurate words and times with a grammar or a known text; poor open dictation.

Its English model comes with its package and needs no network. Open dictation gets more than half of
the words wrong and may take longer than the speech; docs/words.md has the figures.

A grammar is a file whose ending says its format:

* .jsgf, .gram, .gsym: JSpeech Grammar Format (W3C Note, 2000); its first public rule
* .lm, .arpa: an n-gram model in the ARPA format
* .txt: the sentences that are expected, one a line
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pocketsphinx

from ser_stream.asr.base import within_segment
from ser_stream.asr.grammars import ARPA, JSGF, SENTENCES
from ser_stream.errors import MAX_SHOWN, InputError, shown
from ser_stream.features.vocabulary import spelling
from ser_stream.files import plain_name, read_limited
from ser_stream.units import Seconds
from ser_stream.words import Word

log = logging.getLogger("ser_stream.asr")

FRAMES_PER_SECOND = 100
MAX_GRAMMAR_BYTES, MAX_NGRAMS_BYTES = 2**22, 2**28
"""Sizes of the largest grammar, in JSGF or as sentences, and of the largest n-gram model."""
MAX_EMPTY_TRANSITIONS = 10_000
"""Transitions of a grammar between states without a word; robot-commands has 358. With 40,000, the
end of a word takes minutes."""
MAX_LISTED = 10
"""Words of a grammar that an error message lists."""
SEARCH = "grammar"
"""Name that the decoder is given for the grammar."""
DICTIONARY = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))


class PocketSphinx:
    """A `SpeechRecognizer` for English.

    Args:
        grammar: path of a grammar, see the module's docstring; "" for open dictation.
        loglevel: least severe level of PocketSphinx's own log on stderr.

    Raises:
        InputError: the grammar cannot be read, or has words that are not in the dictionary.
    """

    def __init__(self, grammar: str | Path = "", loglevel: str = "FATAL"):
        if grammar == "":
            self._decoder = _decoder(loglevel=loglevel)
        else:
            self._decoder = _decoder_with_grammar(Path(grammar), loglevel)

    def recognize(self, samples: np.ndarray, start_s: Seconds) -> tuple[Word, ...]:
        """See `SpeechRecognizer`; () where nothing in the grammar fits."""
        _decode(self._decoder, samples)
        self._decoder.end_utt()
        return _words(self._decoder, start_s, len(samples))


@dataclasses.dataclass(frozen=True)
class Alignment:
    """The times of the words of a known text.

    Attributes:
        words: words that were found, spelt as in the text.
        complete: whether every word was found, in order, up to the end. If not, the sound is cut
            off or has another text.
        unknown: words of the text that are not in the dictionary and have no times.
    """

    words: tuple[Word, ...]
    complete: bool
    unknown: tuple[str, ...] = ()


class Aligner:
    """Forced alignment of English speech with its text, about 50 times faster than real time."""

    def __init__(self) -> None:
        self._decoder = _decoder(lm=None)

    def align(self, samples: np.ndarray, text: str, start_s: Seconds = 0.0) -> Alignment:
        """Find the times of the words.

        Args:
            samples: (n,) float32 at 16 kHz: the whole text and nothing else, apart from silence.
            text: the spoken text.
            start_s: time of the first sample, on the clock on which words have times.

        Raises:
            InputError: not one word of the text is in the dictionary.
        """
        spelt = [word for word in text.split() if spelling(word)]
        known = [word for word in spelt if self._decoder.lookup_word(spelling(word))]
        unknown = tuple(word for word in spelt if word not in known)
        if not known:
            raise InputError(
                f"text to align: no word of {shown(text)} is in PocketSphinx's dictionary"
            )
        self._decoder.set_align_text(" ".join(map(spelling, known)))
        _decode(self._decoder, samples)
        partial = _words(self._decoder, start_s, len(samples))
        self._decoder.end_utt()
        words = _words(self._decoder, start_s, len(samples))  # () unless the text's end was reached
        found = tuple(
            dataclasses.replace(word, text=as_written)
            for word, as_written in zip(words or partial, known, strict=False)
        )
        return Alignment(found, complete=len(words) == len(spelt), unknown=unknown)


def _decoder(loglevel: str = "FATAL", **options: str | None) -> pocketsphinx.Decoder:
    return pocketsphinx.Decoder(loglevel=loglevel, **options)


def _decode(decoder: pocketsphinx.Decoder, samples: np.ndarray) -> None:
    """Search through one segment; the caller ends the utterance."""
    pcm = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
    decoder.reinit_feat()  # or earlier segments would change the result
    decoder.start_utt()
    if pcm:
        decoder.process_raw(pcm, full_utt=True)


def _words(decoder: pocketsphinx.Decoder, start_s: Seconds, n_samples: int) -> tuple[Word, ...]:
    """Return the words of the best path so far, without fillers such as <sil> and [NOISE]."""
    if decoder.hyp() is None:
        return ()
    words = (
        Word(
            text=spelling(segment.word),
            start_s=start_s + segment.start_frame / FRAMES_PER_SECOND,
            end_s=start_s + (segment.end_frame + 1) / FRAMES_PER_SECOND,
            probability=min(1.0, max(0.0, segment.prob)),
        )
        for segment in decoder.seg()
        if not Word(segment.word, 0.0, 0.0).is_special
    )
    return within_segment(words, start_s, n_samples)


def _decoder_with_grammar(path: Path, loglevel: str) -> pocketsphinx.Decoder:
    ending = path.suffix.lower()
    if ending not in JSGF + ARPA + SENTENCES:
        raise InputError(
            f"asr grammar {path}: found the ending {ending!r}; accepted are "
            f"{', '.join(JSGF)} (JSGF), {', '.join(ARPA)} (n-grams) and .txt (a sentence a line)"
        )
    try:
        if ending in ARPA:
            return _decoder_with_ngrams(path, loglevel)
        text = read_limited(path, MAX_GRAMMAR_BYTES).decode("utf-8-sig")
        return _decoder_with_jsgf(
            sentences_jsgf(text.splitlines()) if ending in SENTENCES else text, loglevel
        )
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"asr grammar {path}: {error.strerror or error}") from error
    except (ValueError, RuntimeError) as error:
        raise InputError(f"asr grammar {path}: {error}") from error


def sentences_jsgf(sentences: Iterable[str]) -> str:
    """Return a JSGF grammar that accepts each of these sentences as a whole.

    >>> print(sentences_jsgf(["Come here!", "", "Don't."]))
    #JSGF V1.0;
    grammar sentences;
    public <sentence> = come here | don't;

    Raises:
        ValueError: there is no sentence.
    """
    spelt = [" ".join(filter(None, map(spelling, line.split()))) for line in sentences]
    choices = " | ".join(dict.fromkeys(filter(None, spelt)))
    if not choices:
        raise ValueError("found no sentence; expected one a line")
    return f"#JSGF V1.0;\ngrammar sentences;\npublic <sentence> = {choices};"


def _decoder_with_jsgf(text: str, loglevel: str) -> pocketsphinx.Decoder:
    if not text.startswith("#JSGF"):  # its parser prints what it cannot parse
        raise ValueError("no JSGF: the first line is not like #JSGF V1.0;")
    decoder = _decoder(loglevel, lm=None)
    grammar = decoder.parse_jsgf(text)
    words, n_empty = _grammar_transitions(grammar)
    if n_empty > MAX_EMPTY_TRANSITIONS:
        raise ValueError(
            f"its rules need {n_empty} transitions without a word; accepted are "
            f"{MAX_EMPTY_TRANSITIONS}: put fewer rules, + and * within one another"
        )
    if not words:
        raise ValueError("its first public rule leads to no word")
    missing = [word for word in words if not decoder.lookup_word(word)]
    if missing:
        listed = ", ".join(word[:MAX_SHOWN] for word in missing[:MAX_LISTED])
        more = f" and {len(missing) - MAX_LISTED} more" if len(missing) > MAX_LISTED else ""
        raise ValueError(
            f"not in the English dictionary: {listed}{more} (words are in lower case there, "
            "numbers in words)"
        )
    decoder.add_fsg(SEARCH, grammar)
    decoder.activate_search(SEARCH)
    return decoder


def _grammar_transitions(grammar: pocketsphinx.FsgModel) -> tuple[list[str], int]:
    """Return every word of a grammar, and the number of its transitions without one.

    The package can list them only by writing them to a file.
    """
    with _file_without_name() as path:
        grammar.writefile(path)
        lines = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    # TRANSITION from to probability [word]
    transitions = [line for line in lines if line[:1] == ["TRANSITION"]]
    words = [line[4] for line in transitions if len(line) > 4]
    return sorted(set(words)), len(transitions) - len(words)


def _decoder_with_ngrams(path: Path, loglevel: str) -> pocketsphinx.Decoder:
    """Open a decoder with an n-gram model and a dictionary of its words only.

    With the whole English dictionary, loading takes 15 s.
    """
    words = set(_unigrams(path))
    entries = [
        line
        for line in DICTIONARY.read_text(encoding="utf-8").splitlines()
        if line.partition(" ")[0].partition("(")[0] in words
    ]
    missing = sorted(words - {line.partition(" ")[0] for line in entries})
    if not entries:
        raise ValueError("not one word is in the English dictionary (they are in lower case there)")
    if missing:  # a large model with some unknown words is still useful
        log.warning(
            "asr grammar %s: %d of %d words are not in the dictionary and will not be recognised, "
            "such as %s", path, len(missing), len(words), missing[0],
        )  # fmt: skip
    with _file_without_name("\n".join(entries) + "\n") as dictionary, plain_name(path) as name:
        return _decoder(loglevel, lm=str(name), dict=dictionary)


@contextlib.contextmanager
def _file_without_name(text: str = "") -> Iterator[str]:
    """Yield a path of a temporary file of which nothing stays, whatever ends the process."""
    with tempfile.TemporaryFile() as file:
        path = f"/dev/fd/{file.fileno()}"
        if os.path.exists(path):
            file.write(text.encode())
            file.flush()
            file.seek(0)
            yield path
            return
    with tempfile.TemporaryDirectory() as folder:  # Windows
        named = Path(folder) / "file"
        named.write_text(text, encoding="utf-8")
        yield str(named)


def _unigrams(path: Path) -> list[str]:
    """Return the words of an ARPA file, without sentence ends and <UNK>."""
    lines = iter(read_limited(path, MAX_NGRAMS_BYTES).decode("utf-8").splitlines())
    if not any(line.strip() == "\\1-grams:" for line in lines):
        raise ValueError("no n-gram model in the ARPA format: no line \\1-grams:")
    words = []
    for line in lines:
        if line.startswith("\\"):
            break
        fields = line.split()
        if len(fields) > 1 and not Word(fields[1], 0.0, 0.0).is_special:
            words.append(fields[1])
    return words
