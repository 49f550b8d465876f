"""PocketSphinx: accurate words and times with a grammar or a known text; poor open dictation.

Its English model comes with its package and needs no network. Open dictation gets more than half of
the words wrong and may take longer than the speech; docs/words.md has the figures.

A grammar is a file whose ending says its format:

* .jsgf, .gram, .gsym: JSpeech Grammar Format (W3C Note, 2000); its first public rule
* .lm, .arpa: an n-gram model in the ARPA format
* .txt: the sentences that are expected, one a line
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pocketsphinx

from ser_stream.asr.base import within_segment
from ser_stream.errors import InputError
from ser_stream.features.vocabulary import spelling
from ser_stream.files import plain_name
from ser_stream.units import Seconds
from ser_stream.words import Word

log = logging.getLogger("ser_stream.asr")

JSGF, ARPA, SENTENCES = (".jsgf", ".gram", ".gsym"), (".lm", ".arpa"), (".txt",)
FRAMES_PER_SECOND = 100
SEARCH = "grammar"
"""Name that the decoder is given for the grammar."""
DICTIONARY = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))


class PocketSphinx:
    """A `SpeechRecognizer` for English.

    Args:
        grammar: path of a grammar, see the module's docstring; "" for open dictation.

    Raises:
        InputError: the grammar cannot be read, or has words that are not in the dictionary.
    """

    def __init__(self, grammar: str | Path = ""):
        if grammar == "":
            self._decoder = _decoder()
        else:
            self._decoder = _decoder_with_grammar(Path(grammar))

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
            raise InputError(f"text to align: no word of {text!r} is in PocketSphinx's dictionary")
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


def _decoder(**options: str | None) -> pocketsphinx.Decoder:
    return pocketsphinx.Decoder(loglevel="FATAL", **options)


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


def _decoder_with_grammar(path: Path) -> pocketsphinx.Decoder:
    ending = path.suffix.lower()
    if ending not in JSGF + ARPA + SENTENCES:
        raise InputError(
            f"asr grammar {path}: found the ending {ending!r}; accepted are "
            f"{', '.join(JSGF)} (JSGF), {', '.join(ARPA)} (n-grams) and .txt (a sentence a line)"
        )
    try:
        if ending in ARPA:
            return _decoder_with_ngrams(path)
        text = path.read_text(encoding="utf-8")
        return _decoder_with_jsgf(
            sentences_jsgf(text.splitlines()) if ending in SENTENCES else text
        )
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


def _decoder_with_jsgf(text: str) -> pocketsphinx.Decoder:
    if not text.lstrip("\ufeff").startswith("#JSGF"):  # its parser prints what it cannot parse
        raise ValueError("no JSGF: the first line is not like #JSGF V1.0;")
    decoder = _decoder(lm=None)
    grammar = decoder.parse_jsgf(text)
    missing = [word for word in _grammar_words(grammar) if not decoder.lookup_word(word)]
    if missing:
        raise ValueError(
            f"not in the English dictionary: {', '.join(missing)} (words are in lower case there, "
            "numbers in words)"
        )
    decoder.add_fsg(SEARCH, grammar)
    decoder.activate_search(SEARCH)
    return decoder


def _grammar_words(grammar: pocketsphinx.FsgModel) -> list[str]:
    """Return every word of a grammar. The package can list them only by writing them to a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grammar.fsg"
        grammar.writefile(str(path))
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    # TRANSITION from to probability [word]
    return sorted({line[4] for line in lines if line[:1] == ["TRANSITION"] and len(line) > 4})


def _decoder_with_ngrams(path: Path) -> pocketsphinx.Decoder:
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
    with tempfile.TemporaryDirectory() as folder:
        dictionary = Path(folder) / "words.dict"
        dictionary.write_text("\n".join(entries) + "\n", encoding="utf-8")
        with plain_name(path) as name:
            return _decoder(lm=str(name), dict=str(dictionary))


def _unigrams(path: Path) -> list[str]:
    """Return the words of an ARPA file, without sentence ends and <UNK>."""
    lines = iter(path.read_text(encoding="utf-8").splitlines())
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
