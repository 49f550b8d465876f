"""The commands `ser-stream report` and `figures`: tables and plots of the papers' experiments."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from ser_stream.commands.parser import seed
from ser_stream.commands.shared import add_training, cache_of, device_of
from ser_stream.errors import InputError
from ser_stream.extras import require_extra
from ser_stream.files import prepare_file, write_json, write_text

if TYPE_CHECKING:
    from ser_stream.papers.run import Folders
    from ser_stream.recipes.experiment import Experiment


def add(commands) -> None:
    """Add the commands to those of `argparse`."""
    _add_report(commands)
    _add_figures(commands)


def _add_report(commands) -> None:
    report = commands.add_parser(
        "report",
        help="train what a table of a paper needs, and print it beside the paper's numbers",
    )
    report.add_argument(
        "table",
        metavar="TABLE",
        help="name of the table, such as sherman-3; an unknown name lists all",
    )
    report.add_argument(
        "--seeds", nargs="+", type=seed, default=[], metavar="N",
        help="random seeds; default: those of the recipes",
    )  # fmt: skip
    report.add_argument(
        "--no-train", action="store_true", help="print existing results and train nothing"
    )
    report.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table as Markdown"
    )
    report.add_argument("--json", type=Path, metavar="FILE", help="also write the table as JSON")
    report.add_argument(
        "--figures", type=Path, metavar="DIR", help="also plot its metrics and confusion matrices"
    )
    add_training(report, corpora_needed=False)
    report.set_defaults(run=_report)


def _add_figures(commands) -> None:
    figures = commands.add_parser("figures", help="plot what a trained experiment learned")
    figures.add_argument("recipe", type=Path, metavar="RECIPE", help="YAML file of an experiment")
    figures.add_argument(
        "--seeds", nargs="+", type=seed, default=[], metavar="N",
        help="random seeds; default: those of the recipe",
    )  # fmt: skip
    figures.add_argument(
        "--output",
        type=Path,
        default=Path("figures"),
        metavar="DIR",
        help="folder of the plots; default: figures",
    )
    figures.add_argument(
        "--examples", type=int, default=1, metavar="N",
        help="number of recordings whose attention is plotted; default: 1",
    )  # fmt: skip
    add_training(figures)
    figures.set_defaults(run=_figures)


def _report(arguments: argparse.Namespace) -> int:
    from ser_stream.papers.report import make_report, show, to_markdown

    if arguments.figures:
        require_extra("report --figures", "matplotlib")
    for path in filter(None, (arguments.markdown, arguments.json)):
        prepare_file(path)
    if arguments.corpora is None and not arguments.no_train:
        raise InputError(
            "--corpora: needed to train what has no result yet; to print only existing results, "
            "use --no-train"
        )
    report = make_report(
        arguments.table, arguments.on, arguments.seeds, folders_of(arguments),
        not arguments.no_train, device_of(arguments),
    )  # fmt: skip
    show(report)
    if arguments.markdown:
        write_text(arguments.markdown, to_markdown(report))
    if arguments.json:
        write_json(arguments.json, report.to_dict())
    if arguments.figures:
        from ser_stream.papers.report_plots import draw_report

        for path in draw_report(report, arguments.figures):
            print(path)
    return 0


def _figures(arguments: argparse.Namespace) -> int:
    from ser_stream.papers.experiment_plots import draw_experiment
    from ser_stream.recipes.experiment import Experiment
    from ser_stream.recipes.folders import read_overlays
    from ser_stream.recipes.load import load_recipe

    overlays = read_overlays(arguments.on)
    if arguments.seeds:
        overlays.append({"seeds": arguments.seeds})
    experiment = load_recipe(arguments.recipe, Experiment, overlays=overlays)
    folders = folders_of(arguments)
    for path in draw_experiment(experiment, folders, arguments.output, arguments.examples):
        print(path)
    return 0


def train_experiment(arguments: argparse.Namespace, experiment: Experiment) -> int:
    """Train the seeds and folds of an experiment that have no result yet, for `train`."""
    from ser_stream.distributed import is_first
    from ser_stream.papers.run import run_experiment
    from ser_stream.papers.summary import Summary

    if arguments.output:
        raise InputError("--output: an experiment has many runs; name their folder with --runs")
    if arguments.seed is not None:
        experiment = dataclasses.replace(experiment, seeds=(arguments.seed,))
    results = run_experiment(experiment, folders_of(arguments), device_of(arguments))
    if is_first():
        print(Summary.of(experiment, results))
    return 0


def folders_of(arguments: argparse.Namespace) -> Folders:
    """Return the folders of corpora, cached features and runs that the arguments name."""
    from ser_stream.papers.run import Folders

    corpora = arguments.corpora or Path()
    return Folders(corpora, cache_of(arguments), arguments.runs, arguments.skip_bad)
