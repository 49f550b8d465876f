"""IEMOCAP: five sessions, each of a woman and a man in played and improvised dialogues.

Busso et al., "IEMOCAP: interactive emotional dyadic motion capture database", Language Resources
and Evaluation 42(4), 2008. Available for research, on signing a form. An utterance's label is the
majority vote of its annotators. Utterances without a majority (xxx, 2507 of the 10,039) or with
another emotion (oth, 3) are left out.

The speaker is in an utterance's name: Ses01F_impro01_M003 is said by the man of session 1. The F
after the session's number says which of the two wore the motion-capture markers.
"""

from __future__ import annotations

import re
from pathlib import Path

from ser_stream.corpora.base import (
    Utterance,
    check_folder,
    check_none_missing,
    label_at,
    read_text,
    sound_file,
    unique,
)
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError, shown
from ser_stream.words import Word

LAYOUT = (
    "IEMOCAP is read from IEMOCAP_full_release/SessionN/, or SessionN/, with "
    "dialog/EmoEvaluation/DIALOGUE.txt, dialog/transcriptions/DIALOGUE.txt, "
    "sentences/wav/DIALOGUE/UTTERANCE.wav and sentences/ForcedAlignment/DIALOGUE/UTTERANCE.wdseg"
)
FOLDERS = (
    "dialog/EmoEvaluation", "dialog/transcriptions", "sentences/wav", "sentences/ForcedAlignment",
)  # fmt: skip
WITHOUT_LABEL = ("xxx", "oth")

EVALUATION = re.compile(r"\[.*?\]\s+(\w+)\s+(\w+)\s+\[.*\]$")
"""[6.2901 - 8.2357] Ses01F_impro01_F000 neu [2.5000, 2.5000, 2.5000], between tabs."""
TRANSCRIPTION = re.compile(r"(\w+) \[.*?\]: *(.*)$")
"""Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me."""
SEGMENT = re.compile(r"(\d+)\s+(\d+)\s+-?\d+\s+(\S+)$")
"""First and last frame (inclusive), acoustic score, word: 52 75 -1234567 LIKE."""
FRAMES_PER_SECOND = 100
NAME = re.compile(r"(Ses\d\d)[FM]_\w+_([FM])\w+$")


def speaker_name(speaker: str) -> str:
    """Return `Utterance.speaker` of session and sex, as in Ses01F, the woman of session 1."""
    return f"iemocap-{speaker}"


@register(
    "iemocap",
    title="IEMOCAP",
    speaker_name=speaker_name,
    licence="IEMOCAP release form, research only",
    commercial_use=False,
    speech="acted dialogues, English",
)
def read(root: Path) -> list[Utterance]:
    """Return all utterances of IEMOCAP that have a label; `words` is () without an alignment.

    The release lacks the alignments of Ses03F_impro07_M030 and of Ses03M_impro03_M001 (excited);
    `exclude` in a recipe leaves an utterance out.

    Raises:
        InputError: the layout is not IEMOCAP's, a line cannot be read, a label is not known, an
            utterance is listed twice, or its sound or transcription is missing.
    """
    check_folder(root, LAYOUT)
    release = root / "IEMOCAP_full_release"
    release = release if release.is_dir() else root
    sessions = sorted(path for path in release.glob("Session*") if path.is_dir())
    if not sessions:
        raise InputError(f"corpus folder {release}: no folder Session*; {LAYOUT}")
    utterances, missing = [], []
    for session in sessions:
        for evaluation in _evaluations(session):
            found, without_sound = _dialogue(session, evaluation)
            utterances += found
            missing += without_sound
    check_none_missing(missing, release, LAYOUT)
    return unique(utterances)


def _evaluations(session: Path) -> list[Path]:
    """Return the evaluation files of the session's dialogues, not those of annotators."""
    for folder in FOLDERS:
        if not (session / folder).is_dir():
            raise InputError(f"corpus folder {session}: no folder {folder}; {LAYOUT}")
    # Archives made on a Mac put a hidden file beside each: ._Ses01F_impro01.txt.
    files = sorted((session / "dialog/EmoEvaluation").glob("Ses*.txt"))
    if not files:
        raise InputError(f"corpus folder {session}: no dialog/EmoEvaluation/Ses*.txt; {LAYOUT}")
    return files


def _dialogue(session: Path, evaluation: Path) -> tuple[list[Utterance], list[str]]:
    """Return the labelled utterances of a dialogue, and the names of those without sound."""
    dialogue = evaluation.stem
    labels = _labels(evaluation)
    transcription = session / "dialog/transcriptions" / f"{dialogue}.txt"
    texts = _texts(transcription)
    utterances, missing = [], []
    for name, label in labels.items():
        path = sound_file(session / "sentences/wav" / dialogue, name)
        if path is None:
            missing.append(f"{session.name}/sentences/wav/{dialogue}/{name}.wav")
            continue
        if name not in texts:
            raise InputError(f"{transcription}: no utterance {name}, which is in {evaluation}")
        number, gender = _session_and_gender(name)
        alignment = session / "sentences/ForcedAlignment" / dialogue / f"{name}.wdseg"
        utterances.append(
            Utterance(
                path=path,
                corpus="iemocap",
                speaker=speaker_name(number + gender),
                gender=gender.lower(),
                label=label,
                language="en",
                session=number,
                text=texts[name],
                words=_words(alignment) if alignment.is_file() else (),
            )
        )
    return utterances, missing


def _session_and_gender(name: str) -> tuple[str, str]:
    """Return ("Ses01", "M") of the name Ses01F_impro01_M003, which `NAME` matches."""
    match = NAME.match(name)
    assert match is not None
    return match[1], match[2]


def _labels(evaluation: Path) -> dict[str, str]:
    """Return utterance -> label, without utterances that have none."""
    found: dict[str, str] = {}
    for number, line in enumerate(read_text(evaluation, LAYOUT).splitlines(), 1):
        where, line = f"{evaluation}, line {number}", line.strip()
        if not line.startswith("["):  # a single annotator's vote, or a comment
            continue
        match = EVALUATION.match(line)
        if match is None or NAME.match(match[1]) is None:
            raise InputError(
                f"{where}: found {shown(line)}, expected [START - END], utterance, emotion and "
                "[V, A, D], as in [6.2901 - 8.2357] Ses01F_impro01_F000 neu [2.5, 2.5, 2.5]"
            )
        name, code = match.groups()
        if name in found:
            raise InputError(f"{where}: utterance {name} is in the file twice")
        found[name] = "" if code in WITHOUT_LABEL else label_at(code, where)
    if not found:
        raise InputError(f"{evaluation}: no line [START - END], utterance, emotion, [V, A, D]")
    return {name: label for name, label in found.items() if label}


def _texts(transcription: Path) -> dict[str, str]:
    """Return utterance -> text. Lines without times are remarks of the transcriber."""
    matches = map(TRANSCRIPTION.match, read_text(transcription, LAYOUT).splitlines())
    return {match[1]: match[2].strip() for match in matches if match}


def _words(alignment: Path) -> tuple[Word, ...]:
    """Return words and special tokens; pronunciation numbers of Sphinx, as in THE(2), are kept."""
    words = []
    for number, line in enumerate(read_text(alignment, LAYOUT).splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(("SFrm", "Total score")):
            continue
        match = SEGMENT.match(line)
        if match is None:
            raise InputError(
                f"{alignment}, line {number}: found {shown(line)}, expected SFrm EFrm "
                "SegAScr Word, as "
                "in 52 75 -1234567 LIKE"
            )
        first, last = int(match[1]), int(match[2])
        words.append(Word(match[3], first / FRAMES_PER_SECOND, (last + 1) / FRAMES_PER_SECOND))
    return tuple(words)
