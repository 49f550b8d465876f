"""Written text as a speech recogniser gives it: words in lower case, and marks if it sets them."""

from __future__ import annotations

import html
import re
import zlib

from ser_stream.features.vocabulary import MARKS

APOSTROPHES = re.compile("[\u2018\u2019\u0091\u0092\u00b4`]|(?<=\\w)\ufffd(?=\\w)")
"""Marks that stand for one. U+0091, U+0092 and U+FFFD are what wrongly decoded files have, MELD's
among them."""
LINKS = re.compile(r"https?://\S+|www\.\S+|(?<!\w)/?[ru]/\w+")
PLACEHOLDER = re.compile(r"\[(NAME|RELIGION)\]")
"""What GoEmotions has in the place of people's names and of religions."""
STAND_INS = {
    "NAME": (
        "james", "mary", "john", "linda", "david", "susan", "michael", "karen", "daniel", "lisa",
        "paul", "anna", "mark", "emma", "kevin", "laura", "brian", "sarah", "eric", "julia",
    ),
    "RELIGION": ("christian", "muslim", "jewish", "hindu", "buddhist"),
}  # fmt: skip
WORD = r"[^\W_]+(?:'[^\W_]+)*"
WORD_OR_MARK = re.compile(rf"{WORD}|[?!]")
DRAWN_OUT_END, DRAWN_OUT = re.compile(r"(\w)\1{2,}\b"), re.compile(r"(\w)\1{2,}")


def spoken_words(text: str, marks: bool = False) -> list[str]:
    """Words of a written text, in the spelling of `ser_stream.features.vocabulary`.

    Punctuation, emoji and links are gone; parts of compounds are words of their own; letters that
    are drawn out are written once at a word's end, else twice. Where GoEmotions put a placeholder,
    a recogniser hears some name: one of a few, always the same for the same text, so that
    names say nothing about emotions.

    Args:
        marks: question and exclamation marks are words of their own; of several in a row, the
            first. Some recognisers set them.

    >>> spoken_words("Sooo, that's [NAME]'s well-known cat!!")
    ['so', "that's", "john's", 'well', 'known', 'cat']
    >>> spoken_words("What?! No...", marks=True)
    ['what', '?', 'no']
    """
    choice = zlib.crc32(text.encode())
    text = html.unescape(text)
    text = PLACEHOLDER.sub(lambda found: _stand_in(found[1], choice + found.start()), text)
    text = APOSTROPHES.sub("'", LINKS.sub(" ", text)).lower()
    text = DRAWN_OUT.sub(r"\1\1", DRAWN_OUT_END.sub(r"\1", text))
    found = WORD_OR_MARK.findall(text)
    return [
        word for before, word in zip(["", *found], found, strict=False)
        if word not in MARKS or (marks and before not in ("", *MARKS))
    ]  # fmt: skip


def _stand_in(placeholder: str, choice: int) -> str:
    names = STAND_INS[placeholder]
    return names[choice % len(names)]
