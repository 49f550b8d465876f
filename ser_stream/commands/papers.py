"""`ser-stream report` and `figures`: the papers' experiments."""

from __future__ import annotations

import argparse
from pathlib import Path

from ser_stream.commands.shared import add_training, device_of
from ser_stream.errors import InputError
from ser_stream.files import write_json


def add(commands) -> None:
    """Add the commands to those of `argparse`."""
    _add_report(commands)
    _add_figures(commands)


def _add_report(commands) -> None:
    report = commands.add_parser("report", help="a paper's table: its numbers and ours")
    report.add_argument("table", metavar="TABLE", help="such as sherman-3; a wrong name lists them")
    report.add_argument("--seeds", nargs="+", type=int, default=[], metavar="N")
    report.add_argument("--no-train", action="store_true", help="show what is there; train nothing")
    report.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown too")
    report.add_argument("--json", type=Path, metavar="FILE", help="write it as JSON too")
    report.add_argument(
        "--figures", type=Path, metavar="DIR", help="draw its bars and confusion matrices too"
    )
    add_training(report, corpora_needed=False)
    report.set_defaults(run=_report)


def _add_figures(commands) -> None:
    figures = commands.add_parser("figures", help="draw what a trained experiment learned")
    figures.add_argument("recipe", type=Path, metavar="RECIPE", help="of the experiment")
    figures.add_argument("--seeds", nargs="+", type=int, default=[], metavar="N")
    figures.add_argument("--output", type=Path, default=Path("figures"), metavar="DIR")
    figures.add_argument(
        "--examples", type=int, default=1, metavar="N", help="recordings whose attention is drawn"
    )
    add_training(figures)
    figures.set_defaults(run=_figures)


def _report(arguments: argparse.Namespace) -> int:
    from ser_stream.files import check_file
    from ser_stream.papers.report import make_report, show, to_markdown
    from ser_stream.papers.run import Folders

    for path in filter(None, (arguments.markdown, arguments.json)):
        check_file(path)
    if arguments.corpora is None and not arguments.no_train:
        raise InputError("--corpora: needed to train what is missing; or --no-train: show the rest")
    folders = Folders(
        arguments.corpora or Path(), arguments.cache or arguments.runs / "cache", arguments.runs
    )
    report = make_report(
        arguments.table, arguments.on, arguments.seeds, folders, not arguments.no_train,
        device_of(arguments),
    )  # fmt: skip
    show(report)
    if arguments.markdown:
        arguments.markdown.write_text(to_markdown(report), encoding="utf-8")
    if arguments.json:
        write_json(arguments.json, report.to_dict())
    if arguments.figures:
        from ser_stream.papers.report_plots import draw_report

        for path in draw_report(report, arguments.figures):
            print(path)
    return 0


def _figures(arguments: argparse.Namespace) -> int:
    from ser_stream.papers.experiment_plots import draw_experiment

    experiment, folders = _experiment(arguments, arguments.seeds)
    for path in draw_experiment(experiment, folders, arguments.output, arguments.examples):
        print(path)
    return 0


def train_experiment(arguments: argparse.Namespace) -> int:
    """Train what an experiment has not trained yet, for `ser-stream train`."""
    from ser_stream.distributed import is_first
    from ser_stream.papers.run import run_experiment
    from ser_stream.papers.summary import Summary

    if arguments.output:
        raise InputError("--output: an experiment has many runs; name their folder with --runs")
    seeds = [] if arguments.seed is None else [arguments.seed]
    experiment, folders = _experiment(arguments, seeds)
    results = run_experiment(experiment, folders, device_of(arguments))
    if is_first():
        print(Summary.of(experiment, results))
    return 0


def _experiment(arguments: argparse.Namespace, seeds: list[int]):
    """The experiment that the arguments name, and where its runs are."""
    from ser_stream.papers.run import Folders
    from ser_stream.recipes.experiment import load_experiment, read_overlays

    over = read_overlays(arguments.on)
    if seeds:
        over.append({"seeds": seeds})
    cache = arguments.cache or arguments.runs / "cache"
    folders = Folders(arguments.corpora, cache, arguments.runs)
    return load_experiment(arguments.recipe, *over), folders
