"""Optional packages: every one has its extra, and every command says which one it needs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions

import pytest

from paths import RECIPES, ROOT, SPOKEN
from ser_stream.errors import InputError
from ser_stream.extras import EXTRAS, missing_extra, require_extra

NOT_INSTALLED = {"livekit": ["livekit-agents"], "pipecat": ["pipecat-ai"]}
"""Import name -> distribution, of packages that have an environment of their own."""

WITHOUT_EXTRAS = (
    "import sys\n"
    "from ser_stream.extras import EXTRAS\n"
    "sys.modules.update(dict.fromkeys(EXTRAS))\n"
    "from ser_stream.cli import main\n"
    "sys.exit(main(sys.argv[1:]))\n"
)
"""Runs a command as if no optional package were installed."""

COMMANDS = (
    "listen serve transcribe devices models train evaluate report figures calibrate adapt "
    "import-model export"
).split()
RECIPE = ["--recipe", RECIPES / "streaming" / "default.yaml", "--corpora", SPOKEN]
EXPERIMENT = RECIPES / "papers" / "he" / "cat.yaml"
LISTEN = ["listen", "--input", SPOKEN / "2-happy.flac"]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def normalised(name):
    return name.lower().replace("_", "-")


def installed_by(extra):
    """Distributions that an extra installs, as the metadata of this package says."""
    lines = [
        line
        for line in distribution("ser_stream").requires
        if re.search(rf"extra == ['\"]{extra}['\"]", line)
    ]
    return {normalised(re.match(r"[\w.-]+", line)[0]) for line in lines}


@pytest.mark.parametrize("package", EXTRAS)
def test_the_extra_that_an_error_names_installs_the_package(package):
    installed = packages_distributions()
    names = NOT_INSTALLED.get(package) or installed.get(package, [package])
    assert set(map(normalised, names)) & installed_by(EXTRAS[package])


def test_a_package_that_is_installed_is_accepted_without_its_import():
    code = (
        "import sys; from ser_stream.extras import require_extra; require_extra('x', 'scipy'); "
        "print('scipy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "False\n", run.stderr


def test_a_missing_package_is_an_error_that_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError) as error:
        require_extra("figures", "sklearn")
    assert str(error.value) == (
        "figures: needs sklearn, which is not installed: pip install 'ser_stream[research]'"
    )


def test_a_missing_module_that_no_extra_installs_is_not_blamed_on_one():
    assert missing_extra("train", ModuleNotFoundError("No module", name="ser_stream.typo")) is None
    assert missing_extra("train", ModuleNotFoundError("No module", name="torch.nn")) is not None


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_extra(command):
    done = run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_models_are_listed_without_extras():
    done = run("models")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ser-stream listen --model tiny" in done.stdout


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("asr", [*LISTEN, "--asr", "pocketsphinx"]),
        ("asr", ["transcribe", SPOKEN / "2-happy.flac"]),
        ("dds", [*LISTEN, "--dds"]),
        ("mqtt", [*LISTEN, "--mqtt", "localhost"]),
        ("serve", ["serve", "--port", "0"]),
        ("serve", [*LISTEN, "--realtime", "--page"]),
        ("train", ["train", RECIPE[1], "--corpora", SPOKEN]),
        ("train", ["train", EXPERIMENT, "--corpora", SPOKEN]),
        ("train", ["train", "{clips}", "--runs", "{output}"]),
        ("train", ["evaluate", "default", "{clips}"]),
        ("research", ["evaluate", "default", "{clips}", "--figures", "{output}"]),
        ("train", ["evaluate", "default", *RECIPE]),
        ("train", ["report", "sherman-3", "--no-train"]),
        ("train", ["figures", EXPERIMENT, "--corpora", SPOKEN]),
        ("train", ["calibrate", "default", *RECIPE]),
        ("train", ["adapt", "default", SPOKEN / "1-neutral.flac", "--output", "{output}"]),
        ("train", ["import-model", SPOKEN, "--output", "{output}"]),
        ("train", ["export", "default"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(map(str, value[:2])),
)
def test_a_command_without_its_extra_ends_with_one_line_that_names_it(tmp_path, extra, arguments):
    clips = tmp_path / "clips.csv"
    clips.write_text(f"path,label,speaker\n{SPOKEN / '2-happy.flac'},happy,a\n")
    paths = {"{clips}": clips, "{output}": tmp_path / "output"}
    done = run(*(paths.get(argument, argument) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"ser-stream: error: .+: needs \w+, which is not installed: "
        rf"pip install 'ser_stream\[{extra}\]'\n",
        done.stderr,
    ), done.stderr


def test_where_the_node_runs_the_error_names_create_venv(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/ws/install/ser_stream/lib/ser_stream/ser_node"])
    monkeypatch.setattr(sys, "prefix", "/home/anna/ser venv")
    with pytest.raises(InputError, match=r"create_venv '/home/anna/ser venv' --extra asr$"):
        raise missing_extra("asr", ModuleNotFoundError(name="pocketsphinx"))
