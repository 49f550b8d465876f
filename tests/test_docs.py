"""The documentation: its links lead somewhere, and the commands and files that it names exist."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from paths import ROOT
from ser_stream import cli

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("ser_stream/weights/*/README.md"),
    ]
)
HISTORICAL = ("CHANGELOG.md",)
"""Pages that may name commands and files that no longer exist."""

INTERNAL = re.compile(
    r"\bthe bar\b|not\W+reached|\bissue \d|(?<![\w&])#\d+\b|\.\./shared|\bTODO\b|\bFIXME\b"
)
"""Targets, issues and folders that only the project's developers know."""

MAX_README_WORDS = 900
MAX_LINE = 100

FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(
    r"(?<![\w/])"  # not of an absolute path, such as /etc/ser_stream/ser.yaml
    r"(?:ser_stream|config|deploy|launch|tools|benchmarks|examples|tests|docs|audio|stream|"
    r"features|models|data|corpora|recipes|training|evaluation|papers|outputs|ros|asr|commands|support)/"
    r"[\w./-]+\.(?:py|yaml|md|json|jsgf|png)"
)


def _page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _prose(page: Path) -> str:
    """Return the page without its code blocks."""
    return FENCE.sub("", _text(page))


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code(page: Path) -> Iterator[str]:
    """Yield the lines of a page's code blocks, and its inline code."""
    for block in FENCE.findall(_text(page)):
        yield from block.replace("\\\n", " ").splitlines()
    yield from INLINE_CODE.findall(_prose(page).replace("\n", " "))


def _commands(page: Path) -> Iterator[str]:
    """Yield what follows `ser-stream` in a page's code, where a subcommand follows."""
    for line in _code(page):
        for match in re.finditer(r"(?:^|[\s/])ser-stream ([a-z-]+\b[^;|]*)", line):
            yield match[1]
        for match in re.finditer(r"-m ser_stream\.cli ([a-z-]+\b[^;|]*)", line):
            yield match[1]


COMMANDS = sorted(
    {
        (_page_id(page), command)
        for page in PAGES
        if page.name not in HISTORICAL
        for command in _commands(page)
    }
)


@pytest.mark.parametrize("page", PAGES, ids=_page_id)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for link in LINK.findall(_prose(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=_page_id)
def test_every_file_that_a_page_names_exists(page):
    if page.name in HISTORICAL:
        pytest.skip("names files of the past")
    folders = (ROOT, ROOT / "ser_stream", ROOT / "config" / "recipes", ROOT / "tests", page.parent)
    for path in (match[0] for match in PATH.finditer(" ".join(_code(page)))):
        is_pattern = any(part in path for part in ("NAME", "runs/"))
        assert is_pattern or any((folder / path).exists() for folder in folders), path


def _where_is_what() -> Iterator[tuple[str, str]]:
    """Yield each module that the table of docs/development.md names, with the names in it."""
    table = _text(ROOT / "docs" / "development.md").partition("## Where is")[2].partition("##")[0]
    for row in re.findall(r"^\|[^|]+\|(.+)\|$", table, re.MULTILINE):
        module = ""
        for code in INLINE_CODE.findall(row):
            if code.endswith(".py"):
                module = code
            elif re.fullmatch(r"[A-Za-z_]+(\.[A-Za-z_]+)?", code) and not code.endswith(".json"):
                yield module, code


@pytest.mark.parametrize(("module", "name"), sorted(set(_where_is_what())))
def test_the_development_page_names_what_a_module_defines(module, name):
    source = (ROOT / "ser_stream" / module).read_text(encoding="utf-8")
    for part in name.split("."):
        assert re.search(rf"^ *((class|def) {part}\b|{part}\b.* = )", source, re.MULTILINE), part


@pytest.mark.parametrize("page", PAGES, ids=_page_id)
def test_pages_mention_nothing_internal(page):
    assert not INTERNAL.search(_prose(page))


def test_the_documentation_has_commands_to_check():
    assert len(COMMANDS) > 30


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda value: str(value)[:70])
def test_every_command_line_is_accepted_by_the_parser(page, command):
    words = shlex.split(command, comments=True)
    # Numbers stand for the letters that the documentation uses for them: `--seed N`.
    words = ["1" if word in ("N", "$seed", "S", "P") else word for word in words if word != "..."]
    parser = cli._parser()
    if len(words) == 1:  # a command that is mentioned, not shown
        words.append("--help")
    try:
        parser.parse_args(words)
    except SystemExit as ended:
        assert ended.code == 0, f"{page}: ser-stream {command}"


@pytest.mark.parametrize(
    ("title", "corpus"), [("RAVDESS", "ravdess"), ("CREMA-D", "cremad"), ("nEMO", "nemo")]
)
def test_the_readme_has_the_accuracy_of_the_shipped_models(title, corpus):
    found = re.search(rf"^\| {title} \(.*\|$", _text(ROOT / "README.md"), re.MULTILINE)
    assert found
    cells = [cell.strip() for cell in found[0].strip("|").split("|")]
    expected = []
    for model in ("default", "tiny"):
        info = json.loads(_text(ROOT / "ser_stream" / "weights" / model / "model.json"))
        scores = info["results"]["test"]["corpora"][corpus]
        expected += [scores["utterance"]["ua"], scores["in a row"]["ua"]]
    assert cells[2] == str(scores["utterance"]["n"])
    assert [float(cell) for cell in cells[3:]] == [round(100 * ua, 1) for ua in expected]


def test_the_readme_is_short():
    assert len(_text(ROOT / "README.md").split()) <= MAX_README_WORDS


@pytest.mark.parametrize("page", PAGES, ids=_page_id)
def test_lines_of_prose_are_wrapped(page):
    if "weights" in page.parts:
        pytest.skip("model cards are generated")
    long = [
        line
        for line in _prose(page).splitlines()
        if len(line) > MAX_LINE and not line.lstrip().startswith(("|", "!["))
    ]
    assert not long


def test_every_fault_on_the_page_of_reliability_has_a_test_that_exists():
    """The last column names files, each followed by the tests in it."""
    rows = _text(ROOT / "docs" / "reliability.md").splitlines()
    faults = [row for row in rows if row.startswith("| ") and "`tests/" in row]
    assert len(faults) >= 45
    for row in faults:
        content = ""
        for name in re.findall(r"`(tests/[\w/]+\.py|test_\w+)(?:\[[\w-]+\])?`", row):
            if name.endswith(".py"):
                content = (ROOT / name).read_text(encoding="utf-8")
            else:
                assert f"def {name}(" in content, f"{name} in {row}"
