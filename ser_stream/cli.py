"""The command `ser-stream`. Each subcommand imports what it needs: --help must answer at once."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ser_stream import __version__
from ser_stream.errors import InputError
from ser_stream.json_files import write_json


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, or 2 for input that cannot be used."""
    arguments = _parser().parse_args(argv)
    _log_to_stderr()
    try:
        return arguments.run(arguments)
    except InputError as error:
        _print_error(error)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as in `ser-stream ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ser-stream", description="Real-time speech emotion recognition for robots."
    )
    parser.add_argument("--version", action="version", version=f"ser-stream {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    listen = commands.add_parser("listen", help="recognise emotions in a microphone or recordings")
    source = listen.add_mutually_exclusive_group()
    source.add_argument(
        "--input",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="recordings: wav, flac, ogg, opus, mp3",
    )
    source.add_argument(
        "--device", metavar="NAME", help="microphone: name, part of a name, or index"
    )
    listen.add_argument(
        "--model",
        default="default",
        metavar="NAME|DIR",
        help="shipped model, model folder, or a Hugging Face checkpoint's folder or name",
    )
    listen.add_argument("--window", type=float, metavar="S", help="window length in seconds")
    listen.add_argument("--hop", type=float, metavar="S", help="seconds between estimates")
    listen.add_argument(
        "--min-confidence", type=float, metavar="P", help="abstain below this confidence"
    )
    listen.add_argument(
        "--channel", type=_channel, default="mix", metavar="N|mix", help="channel, from 0, or mix"
    )
    listen.add_argument(
        "--realtime", action="store_true", help="play recordings at the speed of a microphone"
    )
    listen.add_argument(
        "--asr", choices=("pocketsphinx", "faster_whisper"), help="recognise words too"
    )
    listen.add_argument(
        "--asr-model", metavar="NAME|DIR", help="of --asr faster_whisper; default base"
    )
    listen.add_argument("--language", metavar="CODE", help="of --asr, such as en")
    listen.add_argument("--grammar", metavar="FILE", help="of --asr pocketsphinx: what may be said")
    listen.add_argument(
        "--text-model",
        metavar="NAME|DIR",
        help="with --asr: a second estimate, of sound and words, by this model",
    )
    listen.add_argument("--json", action="store_true", help="one JSON object per estimate")
    listen.add_argument(
        "--dds", action="store_true", help="publish in a robot's ROS 2 graph too; needs no ROS"
    )
    listen.add_argument(
        "--domain", type=int, metavar="N", help="of --dds: ROS domain; default ROS_DOMAIN_ID, or 0"
    )
    listen.add_argument(
        "--namespace", metavar="NAME", help="of --dds: goes in front of the topics' names"
    )
    listen.set_defaults(run=_listen)

    transcribe = commands.add_parser("transcribe", help="write down what is said in a recording")
    transcribe.add_argument("file", type=Path, metavar="FILE", help="wav, flac, ogg, opus, mp3")
    transcribe.add_argument(
        "--asr",
        choices=("faster_whisper", "pocketsphinx"),
        help="recogniser; default faster_whisper, or pocketsphinx with --grammar or --text",
    )
    transcribe.add_argument(
        "--asr-model", default="", metavar="NAME|DIR", help="of faster_whisper; default base"
    )
    what = transcribe.add_mutually_exclusive_group()
    what.add_argument(
        "--grammar", default="", metavar="FILE", help="what may be said: jsgf, arpa, or txt"
    )
    what.add_argument("--text", metavar="TEXT", help="what is said: only its times are looked for")
    transcribe.add_argument(
        "--language", default="", metavar="CODE", help="such as en; default: detected"
    )
    transcribe.add_argument("--format", choices=("json", "textgrid", "srt"), default="json")
    transcribe.set_defaults(run=_transcribe)

    devices = commands.add_parser("devices", help="list microphones")
    devices.set_defaults(run=_devices)

    models = commands.add_parser("models", help="list the models that come with the package")
    models.set_defaults(run=_models)

    train = commands.add_parser(
        "train", help="train by a recipe: a model, or a paper's experiment; or on your own clips"
    )
    train.add_argument(
        "recipe", type=Path, metavar="RECIPE|CLIPS",
        help="YAML file, see config/recipes; or a CSV file of clips: path, label, speaker",
    )  # fmt: skip
    train.add_argument(
        "--model", metavar="NAME|DIR",
        help="whose weights are trained further; for your own clips: default, if none is named",
    )  # fmt: skip
    train.add_argument(
        "--seed", type=int, metavar="N", help="of a model, 0 by default; one of an experiment's"
    )
    train.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of a model's run; default NAME-seedN"
    )
    train.add_argument(
        "--teachers", nargs="+", type=Path, default=[], metavar="DIR",
        help="models whose opinion a model's recipe gives a share",
    )  # fmt: skip
    _add_training(train, corpora_needed=False)
    train.set_defaults(run=_train)

    report = commands.add_parser("report", help="a paper's table: its numbers and ours")
    report.add_argument("table", metavar="TABLE", help="such as sherman-3; a wrong name lists them")
    report.add_argument("--seeds", nargs="+", type=int, default=[], metavar="N")
    report.add_argument("--no-train", action="store_true", help="show what is there; train nothing")
    report.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown too")
    report.add_argument("--json", type=Path, metavar="FILE", help="write it as JSON too")
    report.add_argument(
        "--figures", type=Path, metavar="DIR", help="draw its bars and confusion matrices too"
    )
    _add_training(report)
    report.set_defaults(run=_report)

    figures = commands.add_parser("figures", help="draw what a trained experiment learned")
    figures.add_argument("recipe", type=Path, metavar="RECIPE", help="of the experiment")
    figures.add_argument("--seeds", nargs="+", type=int, default=[], metavar="N")
    figures.add_argument("--output", type=Path, default=Path("figures"), metavar="DIR")
    figures.add_argument(
        "--examples", type=int, default=1, metavar="N", help="recordings whose attention is drawn"
    )
    _add_training(figures)
    figures.set_defaults(run=_figures)

    evaluate = commands.add_parser("evaluate", help="score a model on speakers it never heard")
    evaluate.add_argument(
        "models", nargs="+", metavar="NAME|DIR", help="models; of several, also mean and deviation"
    )
    _add_held_out(evaluate)
    evaluate.add_argument("--json", action="store_true", help="one JSON object per model")
    evaluate.add_argument(
        "--save", action="store_true", help="write the figures into model.json and model card"
    )
    evaluate.set_defaults(run=_evaluate)

    robustness = commands.add_parser(
        "robustness", help="score a model in noise, rooms and over bad lines"
    )
    robustness.add_argument("model", metavar="NAME|DIR")
    _add_held_out(robustness)
    robustness.add_argument(
        "--conditions", nargs="+", metavar="NAME", help="such as clean noise-10dB; default: all"
    )
    robustness.add_argument(
        "--clips", type=_count, metavar="N", help="of each corpus; default: all"
    )
    robustness.add_argument("--json", action="store_true", help="all scores, as one JSON object")
    robustness.set_defaults(run=_robustness)

    windows = commands.add_parser(
        "windows", help="score a model by window length, hop and smoothing"
    )
    windows.add_argument("model", metavar="NAME|DIR")
    _add_held_out(windows)
    windows.add_argument("--clips", type=_count, metavar="N", help="of each corpus; default: all")
    windows.add_argument("--json", action="store_true", help="all figures, as one JSON object")
    windows.set_defaults(run=_windows)

    calibrate = commands.add_parser(
        "calibrate", help="fit a model's confidence to speakers it never heard"
    )
    calibrate.add_argument("model", metavar="DIR", help="its model.json is written to")
    calibrate.add_argument(
        "--recipe", type=Path, required=True, help="whose validation speakers are used"
    )
    _add_corpora(calibrate)
    calibrate.set_defaults(run=_calibrate)

    affect = commands.add_parser(
        "fit-affect", help="give a model a layer for valence and arousal, if that is better"
    )
    affect.add_argument("model", metavar="DIR", help="its weights are written to")
    affect.add_argument("--recipe", type=Path, required=True, help="whose speakers are used")
    _add_corpora(affect)
    affect.add_argument("--cache", type=Path, default=Path("runs/cache"), metavar="DIR")
    affect.set_defaults(run=_fit_affect)

    adapt = commands.add_parser(
        "adapt", help="fit a model to one person by a minute of their neutral speech"
    )
    adapt.add_argument("model", metavar="NAME|DIR")
    adapt.add_argument("recordings", nargs="*", type=Path, metavar="FILE", help="neutral speech")
    adapt.add_argument("--output", type=Path, metavar="DIR", help="folder of the person's model")
    adapt.add_argument(
        "--recipe", type=Path, help="instead of recordings: what it is worth on held-out speakers"
    )
    _add_corpora(adapt, needed=False)
    adapt.add_argument("--part", choices=("validation", "test"), default="test")
    adapt.add_argument("--json", action="store_true", help="of what it is worth, one JSON object")
    adapt.set_defaults(run=_adapt)

    imported = commands.add_parser(
        "import-model", help="make a model folder of a Hugging Face audio classifier"
    )
    imported.add_argument(
        "checkpoint", metavar="DIR|OWNER/NAME", help="folder, or name on the Hugging Face Hub"
    )
    imported.add_argument("--output", type=Path, required=True, metavar="DIR")
    imported.add_argument(
        "--labels",
        nargs="+",
        default=[],
        metavar="NAME=EMOTION",
        help="emotions of labels whose names do not say it; EMOTION may be drop",
    )
    imported.add_argument("--window", type=float, default=5.0, metavar="S", help="default 5")
    imported.add_argument("--hop", type=float, default=0.5, metavar="S", help="default 0.5")
    imported.set_defaults(run=_import_model)
    return parser


def _add_corpora(parser: argparse.ArgumentParser, needed: bool = True) -> None:
    parser.add_argument(
        "--corpora", type=Path, required=needed, metavar="DIR",
        help="folder that holds each corpus in a folder of its name, such as ravdess/",
    )  # fmt: skip


def _add_held_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", type=Path, required=True, help="whose speakers are held out")
    _add_corpora(parser)
    parser.add_argument("--part", choices=("validation", "test"), default="test")


def _add_training(parser: argparse.ArgumentParser, corpora_needed: bool = True) -> None:
    _add_corpora(parser, corpora_needed)
    parser.add_argument(
        "--on", nargs="+", default=[], metavar="NAME",
        help="settings that go over an experiment's: files of config/recipes/settings, or paths",
    )  # fmt: skip
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="of all runs"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="computed features; default RUNS/cache"
    )
    parser.add_argument("--device", default="cpu", metavar="NAME", help="cpu or cuda")


def _channel(text: str) -> int | str:
    if text == "mix" or text.isdecimal():
        return text if text == "mix" else int(text)
    raise argparse.ArgumentTypeError(f"found {text!r}; accepted are mix, or a number from 0")


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"found {text!r}; accepted is a whole number from 1")
    return int(text)


def _listen(arguments: argparse.Namespace) -> int:
    if arguments.realtime and not arguments.input:
        raise InputError("--realtime: goes with --input; a microphone is always in real time")
    for name in ("domain", "namespace"):
        if getattr(arguments, name) is not None and not arguments.dds:
            raise InputError(f"--{name}: goes with --dds")
    asr = _asr_settings(arguments)
    # Before torch is loaded, which takes a second: a file that cannot be heard says so at once.
    sources, failed = _sources(arguments)
    if not sources:
        return 2
    with contextlib.ExitStack() as graph:
        # The graph is joined first too: by the first estimate, subscribers have found us.
        outputs = [graph.enter_context(_dds(arguments, asr))] if arguments.dds else []
        from ser_stream.recognizer import Recognizer

        recognizer = graph.enter_context(
            Recognizer(
                arguments.model,
                window_s=arguments.window,
                hop_s=arguments.hop,
                min_confidence=arguments.min_confidence,
                channel=arguments.channel,
                asr=asr,
                text_model=arguments.text_model or "",
            )
        )
        for dds in outputs:
            dds.watch(lambda: recognizer.status, recognizer.info.name)
        tally = _Tally(failed)
        with contextlib.suppress(KeyboardInterrupt), _view(arguments.json, recognizer) as view:
            _recognise(recognizer, sources, [*outputs, view], tally)
        print(tally.line(), file=sys.stderr)
    return 2 if tally.failed else 0


def _asr_settings(arguments: argparse.Namespace):
    from ser_stream.asr.base import AsrSettings, check_settings

    if not arguments.asr:
        for name in ("asr_model", "language", "grammar", "text_model"):
            if getattr(arguments, name) is not None:
                raise InputError(f"--{name.replace('_', '-')}: goes with --asr")
        return AsrSettings()
    settings = AsrSettings(
        arguments.asr,
        model=arguments.asr_model or "",
        language=arguments.language or "",
        grammar=arguments.grammar or "",
    )
    check_settings(settings)
    return settings


def _recognise(recognizer, sources: list, outputs: list, tally: _Tally) -> None:
    def hear(speech) -> None:
        for output in outputs:
            output.hear(speech)

    for source in sources:
        for output in outputs:
            output.title(source.name)
        try:
            for estimate in recognizer.stream(source, hear):
                tally.estimates += 1
                tally.utterances += estimate.trigger == "utterance" and estimate.decisive
                for output in outputs:
                    output.show(estimate)
        except InputError as error:  # the other files are still worth hearing
            _print_error(error)
            tally.failed = True
        finally:
            tally.add(recognizer.status)


def _dds(arguments: argparse.Namespace, asr):
    from ser_stream.outputs.dds import DdsPublisher

    return DdsPublisher(arguments.domain, arguments.namespace or "", language=asr.spoken_language)


def _sources(arguments: argparse.Namespace) -> tuple[list, bool]:
    """What can be listened to, and whether there was something that cannot."""
    if not arguments.input:
        from ser_stream.audio.microphone import Microphone

        return [Microphone(arguments.device)], False
    from ser_stream.audio.recording import Recording

    sources, failed = [], False
    for path in arguments.input:
        try:
            sources.append(Recording(path, realtime=arguments.realtime))
        except InputError as error:
            _print_error(error)
            failed = True
    return sources, failed


def _print_error(error: InputError) -> None:
    print(f"ser-stream: error: {error}", file=sys.stderr)


def _view(as_json: bool, recognizer):
    from rich.console import Console

    from ser_stream.outputs.console import LiveView, PlainView
    from ser_stream.outputs.json_lines import JsonLines

    if as_json:
        return JsonLines(sys.stdout)
    console = Console()
    if console.is_terminal:
        return LiveView(console, lambda: recognizer.status, recognizer.info.labels)
    return PlainView(console)


class _Tally:
    """What was done, over all sources, for the closing line and the exit code."""

    def __init__(self, failed: bool) -> None:
        self.failed = failed
        self.estimates = self.utterances = self.skipped = self.gaps = 0
        self.heard_s = 0.0

    def add(self, status) -> None:
        self.heard_s += status.position_s
        self.skipped += status.skipped
        self.gaps += status.gaps

    def line(self) -> str:
        return (
            f"heard {self.heard_s:.1f} s: {self.utterances} utterances, {self.estimates} "
            f"estimates, {self.skipped} windows skipped, {self.gaps} gaps"
        )


def _transcribe(arguments: argparse.Namespace) -> int:
    from ser_stream.asr.base import AsrSettings, check_settings
    from ser_stream.audio.speech import read_samples
    from ser_stream.outputs.transcript import json_line, srt, textgrid
    from ser_stream.units import SAMPLE_RATE_HZ

    offline = arguments.grammar or arguments.text is not None
    settings = AsrSettings(
        arguments.asr or ("pocketsphinx" if offline else "faster_whisper"),
        model=arguments.asr_model,
        language=arguments.language,
        grammar=arguments.grammar,
    )
    check_settings(settings)
    samples = read_samples(arguments.file)
    turns, missing = _spoken_turns(settings, arguments.text, samples)
    if arguments.format == "json":
        for turn in turns:
            print(json_line(turn), flush=True)
    elif arguments.format == "textgrid":
        print(textgrid(list(turns), len(samples) / SAMPLE_RATE_HZ), end="")
    else:
        print(srt(turns), end="")
    if missing:
        raise InputError(f"{arguments.file}: {missing}")
    return 0


def _spoken_turns(settings, text: str | None, samples) -> tuple[Iterable, str]:
    """Turns with their words, and what is missing in them, "" where nothing is."""
    from ser_stream.asr.base import POCKETSPHINX, open_recognizer
    from ser_stream.asr.transcription import align, transcribe

    if text is None:
        return transcribe(samples, open_recognizer(settings)), ""
    if settings.backend != POCKETSPHINX:
        raise InputError(f"--text: goes with --asr {POCKETSPHINX}, not with {settings.backend}")
    return align(samples, text)


def _devices(_arguments: argparse.Namespace) -> int:
    from ser_stream.audio.devices import NO_DEVICE, list_devices

    devices = list_devices()
    if not devices:
        raise InputError(NO_DEVICE)
    for device in devices:
        mark = "*" if device.is_default else " "
        print(
            f"{mark} {device.index:3}  {device.name}  ({device.host_api}, {device.channels} "
            f"channels, {device.default_rate_hz} Hz)"
        )
    print("* default. Choose with: ser-stream listen --device NAME")
    return 0


def _models(_arguments: argparse.Namespace) -> int:
    from ser_stream.features.segments import SegmentConfig
    from ser_stream.models.info import SHIPPED, read_info, shipped_models

    for name in shipped_models():
        info = read_info(SHIPPED / name)
        data = info.training_data
        option = "--text-model" if isinstance(info.features, SegmentConfig) else "--model"
        print(f"{name}: {', '.join(info.labels)}")
        print(f"    {option} {name}: {info.architecture}, trained on {', '.join(data.corpora)}")
        print(f"    {data.licence}")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from ser_stream.training.conversation import is_conversation
    from ser_stream.training.experiment import is_experiment
    from ser_stream.training.text_recipe import is_text_recipe

    if arguments.recipe.suffix == ".csv" or arguments.recipe.is_dir():
        return _fine_tune(arguments)
    if arguments.corpora is None:
        raise InputError("--corpora: needed to train by a recipe; name the folder of the corpora")
    if (arguments.teachers or arguments.model) and (
        is_experiment(arguments.recipe) or is_text_recipe(arguments.recipe)
        or is_conversation(arguments.recipe)
    ):  # fmt: skip
        raise InputError("--teachers, --model: go with own clips or the recipe of a model of sound")
    if is_experiment(arguments.recipe):
        return _train_experiment(arguments)
    if arguments.on:
        raise InputError("--on: goes with the recipe of an experiment")
    if is_text_recipe(arguments.recipe):
        return _train_on_texts(arguments)
    if is_conversation(arguments.recipe):
        return _train_conversation(arguments)
    from ser_stream.training.processes import is_first
    from ser_stream.training.recipe import load_recipe
    from ser_stream.training.run import train

    recipe, seed = load_recipe(arguments.recipe), arguments.seed or 0
    output = arguments.output or arguments.runs / f"{recipe.name}-seed{seed}"
    cache = arguments.cache or arguments.runs / "cache"
    if recipe.folds is not None:
        return _train_folds(arguments, recipe, cache, output)
    train(
        recipe, arguments.corpora, cache, output, seed, arguments.device, arguments.teachers,
        arguments.model,
    )  # fmt: skip
    if is_first():
        print(f"model written to {output / 'model'}")
    return 0


def _train_folds(arguments: argparse.Namespace, recipe, cache: Path, output: Path) -> int:
    from ser_stream.training.folds import print_folds, train_folds

    if arguments.teachers:
        raise InputError("--teachers: does not go with a recipe that has folds")
    report = train_folds(
        recipe, arguments.corpora, cache, output, arguments.seed or 0, arguments.device,
        arguments.model,
    )  # fmt: skip
    print_folds(report)
    return 0


def _fine_tune(arguments: argparse.Namespace) -> int:
    from ser_stream.training.fine_tune import fine_tune, print_report

    model = arguments.model or "default"
    output = arguments.output or arguments.runs / f"{Path(model).name}-own"
    report = fine_tune(model, arguments.recipe, output, arguments.seed or 0)
    print_report(report)
    print(f"model written to {output / 'model'}")
    return 0


def _train_on_texts(arguments: argparse.Namespace) -> int:
    from ser_stream.training.text_recipe import load_text_recipe
    from ser_stream.training.text_run import figures_table, train_on_texts

    recipe, seed = load_text_recipe(arguments.recipe), arguments.seed or 0
    output = arguments.output or arguments.runs / f"{recipe.name}-seed{seed}"
    info = train_on_texts(recipe, arguments.corpora, output, seed, arguments.device)
    print("\n".join(figures_table(info.results)))
    print(f"model written to {output / 'model'}")
    return 0


def _train_conversation(arguments: argparse.Namespace) -> int:
    from ser_stream.training.conversation import (
        figures_table,
        load_conversation,
        train_conversation,
    )

    recipe, seed = load_conversation(arguments.recipe), arguments.seed or 0
    output = arguments.output or arguments.runs / f"{recipe.voices.name}-seed{seed}"
    cache = arguments.cache or arguments.runs / "cache"
    info = train_conversation(recipe, arguments.corpora, cache, output, seed, arguments.device)
    print("\n".join(figures_table(info.results)))
    print(f"model written to {output / 'model'}")
    return 0


def _train_experiment(arguments: argparse.Namespace) -> int:
    from ser_stream.training.experiment_run import run_experiment
    from ser_stream.training.processes import is_first
    from ser_stream.training.summary import Summary

    if arguments.output:
        raise InputError("--output: an experiment has many runs; name their folder with --runs")
    seeds = [] if arguments.seed is None else [arguments.seed]
    experiment, folders = _experiment(arguments, seeds)
    results = run_experiment(experiment, folders, arguments.device)
    if is_first():
        print(Summary.of(experiment, results))
    return 0


def _experiment(arguments: argparse.Namespace, seeds: list[int]):
    """The experiment that the arguments name, and where its runs are."""
    from ser_stream.training.experiment import load_experiment, read_overlays
    from ser_stream.training.experiment_run import Folders

    over = read_overlays(arguments.on)
    if seeds:
        over.append({"seeds": seeds})
    cache = arguments.cache or arguments.runs / "cache"
    folders = Folders(arguments.corpora, cache, arguments.runs)
    return load_experiment(arguments.recipe, *over), folders


def _report(arguments: argparse.Namespace) -> int:
    from ser_stream.training.experiment_run import Folders
    from ser_stream.training.report import check_writable, make_report, show, to_markdown

    for path in filter(None, (arguments.markdown, arguments.json)):
        check_writable(path)
    cache = arguments.cache or arguments.runs / "cache"
    report = make_report(
        arguments.table, arguments.on, arguments.seeds,
        Folders(arguments.corpora, cache, arguments.runs), not arguments.no_train, arguments.device,
    )  # fmt: skip
    show(report)
    if arguments.markdown:
        arguments.markdown.write_text(to_markdown(report), encoding="utf-8")
    if arguments.json:
        write_json(arguments.json, report.to_dict())
    if arguments.figures:
        from ser_stream.training.report_figures import draw_report

        for path in draw_report(report, arguments.figures):
            print(path)
    return 0


def _figures(arguments: argparse.Namespace) -> int:
    from ser_stream.training.experiment_figures import draw_experiment

    experiment, folders = _experiment(arguments, arguments.seeds)
    for path in draw_experiment(experiment, folders, arguments.output, arguments.examples):
        print(path)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from ser_stream.models.info import find_writable
    from ser_stream.training.conversation import is_conversation
    from ser_stream.training.evaluate import (
        evaluate_model,
        print_report,
        print_summary,
        save_report,
    )
    from ser_stream.training.recipe import load_recipe

    if arguments.save:  # before hours of evaluation
        for model in arguments.models:
            find_writable(model)
    if is_conversation(arguments.recipe):
        return _evaluate_conversation(arguments)
    recipe = load_recipe(arguments.recipe)
    reports = []
    for model in arguments.models:
        report = evaluate_model(model, recipe, arguments.corpora, arguments.part)
        reports.append(report)
        if arguments.save:
            save_report(model, report)
        if arguments.json:
            print(json.dumps(report))
        else:
            print_report(report)
    if len(reports) > 1 and not arguments.json:
        print_summary(reports)
    return 0


def _evaluate_conversation(arguments: argparse.Namespace) -> int:
    from ser_stream.training.conversation import (
        evaluate_conversation,
        figures_table,
        load_conversation,
        save_figures,
    )

    recipe, part = load_conversation(arguments.recipe), arguments.part
    for model in arguments.models:
        report = evaluate_conversation(model, recipe, arguments.corpora, part)
        if arguments.save:
            save_figures(model, part, report)
        if arguments.json:
            print(json.dumps({"model": model, "part": part, "errors": report}))
        else:
            print("\n".join([f"{model}:", "", *figures_table({part: report})]))
    return 0


def _windows(arguments: argparse.Namespace) -> int:
    from ser_stream.training.recipe import load_recipe
    from ser_stream.training.windows import compare, to_markdown

    recipe = load_recipe(arguments.recipe)
    report = compare(arguments.model, recipe, arguments.corpora, arguments.part, arguments.clips)
    print(json.dumps(report) if arguments.json else to_markdown(report))
    return 0


def _robustness(arguments: argparse.Namespace) -> int:
    from ser_stream.training.conditions import CONDITIONS
    from ser_stream.training.recipe import load_recipe
    from ser_stream.training.robustness import NO_SPEECH, conditions_table, evaluate_conditions

    accepted = [*CONDITIONS, NO_SPEECH]
    names = arguments.conditions or accepted
    if unknown := [name for name in names if name not in accepted]:
        raise InputError(f"--conditions {unknown[0]}: accepted are {', '.join(accepted)}")
    report = evaluate_conditions(
        arguments.model, load_recipe(arguments.recipe), arguments.corpora, arguments.part,
        names, arguments.clips,
    )  # fmt: skip
    print(json.dumps(report) if arguments.json else conditions_table(report))
    return 0


def _calibrate(arguments: argparse.Namespace) -> int:
    from ser_stream.training.calibrate import calibrate_model
    from ser_stream.training.recipe import load_recipe

    fitted = calibrate_model(arguments.model, load_recipe(arguments.recipe), arguments.corpora)
    for trigger, calibration in fitted.items():
        print(f"{trigger}: temperature {calibration.temperature:g}, floor {calibration.floor:g}")
    return 0


def _fit_affect(arguments: argparse.Namespace) -> int:
    from ser_stream.training.affect import fit_affect
    from ser_stream.training.recipe import load_recipe

    recipe = load_recipe(arguments.recipe)
    report = fit_affect(arguments.model, recipe, arguments.corpora, arguments.cache)
    print(
        f"{report['pairs']} pairs: strong above normal in arousal by the circumplex "
        f"{report['circumplex']:.1%}, by the layer {report['layer']:.1%}: "
        + ("the model has it now" if report["kept"] else "the model stays as it was")
    )
    return 0


def _adapt(arguments: argparse.Namespace) -> int:
    from ser_stream.training.adapt import adapt, measure, print_measured
    from ser_stream.training.recipe import load_recipe

    if bool(arguments.recordings) != bool(arguments.output) or (
        bool(arguments.recipe) != bool(arguments.corpora)
    ):
        raise InputError("adapt: recordings go with --output, and --recipe goes with --corpora")
    if bool(arguments.recordings) == bool(arguments.recipe):
        raise InputError("adapt: name recordings of one person, or --recipe and --corpora")
    if arguments.recordings:
        speech_s = adapt(arguments.model, arguments.recordings, arguments.output)
        print(f"{speech_s:.0f} s of speech heard; model written to {arguments.output}")
        return 0
    recipe = load_recipe(arguments.recipe)
    report = measure(arguments.model, recipe, arguments.corpora, arguments.part)
    if arguments.json:
        print(json.dumps(report))
    else:
        print_measured(report)
    return 0


def _import_model(arguments: argparse.Namespace) -> int:
    from ser_stream.training.import_model import import_model, parse_emotions

    info = import_model(
        arguments.checkpoint, arguments.output, parse_emotions(arguments.labels),
        arguments.window, arguments.hop,
    )  # fmt: skip
    print(f"model written to {arguments.output}: {', '.join(info.labels)}")
    print(f"model {info.name}: {info.training_data.licence}", file=sys.stderr)
    return 0


class _StderrHandler(logging.Handler):
    """Writes to whatever sys.stderr is now: the live view puts its own there."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"ser-stream: {record.getMessage()}", file=sys.stderr)


def _log_to_stderr() -> None:
    logger = logging.getLogger("ser_stream")
    if not logger.handlers:
        logger.addHandler(_StderrHandler())
        logger.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
