"""Grammars that PocketSphinx cannot use, or that end its process."""

import pytest

pytest.importorskip("pocketsphinx")

from ser_stream.asr import grammar_check
from ser_stream.asr.base import AsrSettings
from ser_stream.asr.factory import check_settings
from ser_stream.asr.grammar_check import check_grammar
from ser_stream.asr.grammars import SHIPPED
from ser_stream.errors import InputError

JSGF = "#JSGF V1.0;\ngrammar g;\npublic <a> = "
NGRAMS = "\\data\\\nngram 1=3\n\n\\1-grams:\n-1.0 <s> -0.3\n-1.0 hello -0.3\n-1.0 </s>\n\n\\end\\\n"
REFUSED = {
    "an ARPA file with a negative count": (
        "a.arpa", NGRAMS.replace("1=3", "1=-3"), r"exit code 255: calloc\(-3,8\) failed",
    ),
    "an ARPA file with a count beyond the memory": (
        "a.arpa", NGRAMS.replace("1=3", "1=2000000000"), "larger than 2 GiB in memory",
    ),
    "an ARPA file with a wrong count": (
        "a.arpa", NGRAMS.replace("1=3", "1=1"), "does not contain </s>",
    ),
    "a rule that uses itself": ("a.jsgf", f"{JSGF}<a> hello;", "Only right-recursion is permitted"),
    "a rule that does not exist": ("a.jsgf", f"{JSGF}hello | <b>;", "Undefined rule in RHS"),
    "a grammar that imports another": (
        "a.jsgf", f"{JSGF}hello;".replace("public", "import <x.y>;\npublic"), "left out: Failed",
    ),
    "rules that lead in a circle": ("a.jsgf", f"{JSGF}<b>;\n<b> = <a>;", "leads to no word"),
    "a grammar without words": ("a.jsgf", f"{JSGF}<NULL>;", "leads to no word"),
    "a chain of rules": (
        "a.jsgf",
        f"{JSGF}<a0>;\n{''.join(f'<a{n}> = <a{n + 1}>;' for n in range(200))}<a200> = hello;",
        "transitions without a word; accepted are 10000",
    ),
    "repetitions within one another": (
        "a.jsgf", f"{JSGF}{'(' * 7}hello{')+' * 7};", "transitions without a word",
    ),
    "nested too deeply": ("a.jsgf", f"{JSGF}{'(' * 20_000}hello;", "memory exhausted"),
    "a large grammar": ("a.jsgf", JSGF + "hello " * 2**20, "found 6291492 bytes; accepted are 4"),
    "a syntax error": ("a.gram", f"{JSGF};", "syntax error, unexpected ';'"),
    "unknown words": ("a.txt", "zzyzx " * 5000 + "\nhello", "not in the English dictionary: zzyzx"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_grammar_that_cannot_be_used_is_refused_by_one_line(tmp_path, kind):
    name, text, message = REFUSED[kind]
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=f"^(asr grammar )?{path}: .*{message}") as error:
        check_settings(AsrSettings("pocketsphinx", grammar=str(path)))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_grammar_of_a_few_lines_that_takes_years_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.jsgf"
    rules = "".join(f"<a{n}> = <a{n + 1}> <a{n + 1}>;\n" for n in range(60))
    path.write_text(f"{JSGF}<a0>;\n{rules}<a60> = hello;")
    monkeypatch.setattr(grammar_check, "MAX_CPU_S", 1)
    with pytest.raises(InputError, match="takes more than 1 s to load"):
        check_grammar(path)


def test_a_good_grammar_is_loaded_once(tmp_path, monkeypatch):
    path = tmp_path / "a.lm"
    path.write_text(NGRAMS)
    check_grammar(path)
    check_grammar(SHIPPED / "demo.jsgf")

    def fail(*_, **__):
        raise AssertionError("a second process")

    monkeypatch.setattr(grammar_check.subprocess, "run", fail)
    check_grammar(path)
    check_grammar(SHIPPED / "demo.jsgf")
    path.write_text(NGRAMS + "\n")
    with pytest.raises(AssertionError, match="a second process"):
        check_grammar(path)


def test_a_missing_grammar_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file; accepted are demo, robot-commands"):
        check_settings(AsrSettings("pocketsphinx", grammar=str(tmp_path / "a.jsgf")))
