"""Conversion of written text to words as a speech recogniser returns them."""

from __future__ import annotations

import html
import re
import zlib

from ser_stream.features.vocabulary import MARKS

APOSTROPHES = re.compile("[\u2018\u2019\u0091\u0092\u00b4`]|(?<=\\w)\ufffd(?=\\w)")
"""Characters used as apostrophes. U+0091, U+0092 and U+FFFD come from wrongly decoded files, MELD's
among them."""
LINKS = re.compile(r"https?://\S+|www\.\S+|(?<!\w)/?[ru]/\w+")
PLACEHOLDER = re.compile(r"\[(NAME|RELIGION)\]")
"""Placeholders of GoEmotions for people's names and religions."""
SUBSTITUTES = {
    "NAME": (
        "james", "mary", "john", "linda", "david", "susan", "michael", "karen", "daniel", "lisa",
        "paul", "anna", "mark", "emma", "kevin", "laura", "brian", "sarah", "eric", "julia",
    ),
    "RELIGION": ("christian", "muslim", "jewish", "hindu", "buddhist"),
}  # fmt: skip
WORD = r"[^\W_]+(?:'[^\W_]+)*"
WORD_OR_MARK = re.compile(rf"{WORD}|[?!]")
REPEATED_AT_END, REPEATED = re.compile(r"(\w)\1{2,}\b"), re.compile(r"(\w)\1{2,}")


def spoken_words(text: str, marks: bool = False) -> list[str]:
    """Return the words of a written text, as spelt in `ser_stream.features.vocabulary`.

    Punctuation, emoji and links are removed, and compounds are split. A letter that occurs three or
    more times in a row is kept once at a word's end and twice elsewhere. A placeholder of
    GoEmotions is replaced by one of a few names, always the same for the same text, so that names
    say nothing about emotions.

    Args:
        text: the written text.
        marks: whether question and exclamation marks are words, the first of several in a row, as
            from recognisers that set them.

    >>> spoken_words("Sooo, that's [NAME]'s well-known cat!!")
    ['so', "that's", "john's", 'well', 'known', 'cat']
    >>> spoken_words("What?! No...", marks=True)
    ['what', '?', 'no']
    """
    choice = zlib.crc32(text.encode())
    text = html.unescape(text)
    text = PLACEHOLDER.sub(lambda found: _substitute(found[1], choice + found.start()), text)
    text = APOSTROPHES.sub("'", LINKS.sub(" ", text)).lower()
    text = REPEATED.sub(r"\1\1", REPEATED_AT_END.sub(r"\1", text))
    found = WORD_OR_MARK.findall(text)
    return [
        word for before, word in zip(["", *found], found, strict=False)
        if word not in MARKS or (marks and before not in ("", *MARKS))
    ]  # fmt: skip


def _substitute(placeholder: str, choice: int) -> str:
    names = SUBSTITUTES[placeholder]
    return names[choice % len(names)]
