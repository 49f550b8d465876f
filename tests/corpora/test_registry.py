"""Corpora register themselves by name and are imported on demand."""

import subprocess
import sys
from pathlib import Path

import pytest

from ser_stream.corpora import ravdess
from ser_stream.corpora.registry import CORPORA, READERS, get_corpus, read_corpora
from ser_stream.errors import InputError


def modules_after(code: str) -> set[str]:
    """Names of the readers that are imported by a fresh interpreter that runs this code."""
    code += "; import sys; print(*(n for n in sys.modules if n.startswith('ser_stream.corpora.')))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {name.rpartition(".")[2] for name in out.stdout.split()} & set(READERS)


def test_the_registry_imports_a_reader_when_its_corpus_is_asked_for():
    registry = "from ser_stream.corpora.registry import CORPORA"
    assert modules_after(registry) == set()
    assert modules_after(f"{registry}; list(CORPORA); 'nemo' in CORPORA") == set()
    assert modules_after(f"{registry}; CORPORA['nemo']") == {"nemo"}


def test_every_reader_registers_under_the_name_of_its_module():
    assert list(CORPORA) == list(READERS)
    for name in READERS:
        corpus = CORPORA[name]
        assert corpus.read.__module__ == f"ser_stream.corpora.{name}"
        assert corpus.title
        assert corpus.licence


def test_every_module_that_registers_a_reader_is_listed():
    import ser_stream.corpora

    folder = Path(ser_stream.corpora.__file__).parent
    registering = {p.stem for p in folder.glob("*.py") if "\n@register(" in p.read_text("utf-8")}
    assert registering == set(READERS)


def test_an_unknown_corpus_is_refused_with_the_names_of_all_corpora():
    message = "found 'fsc'; accepted are ravdess, cremad, nemo, iemocap, .*meld"
    with pytest.raises(InputError, match=message):
        get_corpus("fsc")


def test_the_corpora_have_the_clips_and_speakers_that_their_papers_count(corpora_root):
    utterances = read_corpora(corpora_root, ["ravdess", "nemo"])
    by_corpus = {name: [u for u in utterances if u.corpus == name] for name in ("ravdess", "nemo")}
    assert len(by_corpus["ravdess"]) == 1440
    assert len({u.speaker for u in by_corpus["ravdess"]}) == 24
    assert len(by_corpus["nemo"]) == 4481
    assert len({u.speaker for u in by_corpus["nemo"]}) == 9
    assert {actor for fold in ravdess.EMOBOX_FOLDS for actor in fold} == set(range(1, 25))
