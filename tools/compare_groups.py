"""Accuracy by sex, age and ethnicity of the speakers, and by language.

    python tools/compare_groups.py --corpora DIR [--clips Korean=CLIPS.csv]

Writes docs/results/groups.json and prints a table for docs/responsible-use.md. Groups of CREMA-D
need the corpus's own VideoDemographics.csv beside its recordings. EmoDB is German, which was not in
training; `--clips` adds your own labelled clips in another language.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.cremad import speaker_name
from ser_stream.corpora.registry import read_corpora
from ser_stream.emotion import merge_label
from ser_stream.engines.choose import open_network
from ser_stream.evaluation.evaluate import by_corpus, held_out_clips, own_clips
from ser_stream.evaluation.metrics import score_answers, ua_interval
from ser_stream.evaluation.predictions import StreamedPredictions
from ser_stream.evaluation.streamed import stream_outputs_per_memory, with_speaker_memories
from ser_stream.files import write_text
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.speech import Recipe

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "config" / "recipes" / "streaming"
MODELS = ("default", "small", "open", "tiny")
AGE_BANDS = ((20, 34), (35, 49), (50, 79))

Answers = list[tuple[Utterance, int, int]]
"""Utterances, each with its true label and the model's; -1: no estimate."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--clips", nargs="*", default=[], metavar="LANGUAGE=CLIPS.csv")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--only", nargs="+", help="these corpora and languages; default: all")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs" / "results" / "groups.json", help="JSON file"
    )
    arguments = parser.parse_args()
    people = demographics(arguments.corpora / "cremad" / "VideoDemographics.csv")
    others = {"German": read_corpora(arguments.corpora, ["emodb"])}
    for each in arguments.clips:
        language, _, table = each.partition("=")
        others[language] = own_clips(Path(table)).utterances
    print("| model | corpus | group | speakers | n | UA (95 %) | UA in a row (95 %) |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for model in arguments.models:
        recipe = load_recipe(RECIPES / f"{model}.yaml", Recipe)
        held_out = by_corpus(held_out_clips(recipe, arguments.corpora, "test").utterances)
        for corpus, members in {**held_out, **others}.items():
            if arguments.only and corpus not in arguments.only:
                continue
            found = group_rows(model, corpus, *answers(model, members), people)
            rows += found
            for each in found:
                cells = (str(each[key]) for key in ("model", "corpus", "group", "speakers", "n"))
                percents = (_percent(each, condition) for condition in (0, 1))
                print(f"| {' | '.join([*cells, *percents])} |", flush=True)
    write_text(arguments.output, json.dumps(rows, indent=1) + "\n")


def demographics(path: Path) -> dict[str, dict[str, str]]:
    """Return speaker -> the row of CREMA-D's table; empty without the table."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {speaker_name(int(row["ActorID"])): row for row in csv.DictReader(file)}


def answers(model: str, utterances: Sequence[Utterance]) -> tuple[Sequence[str], list[Answers]]:
    """Return the labels that are scored, and the answers alone and, with a memory, in a row."""
    network, info = open_network(model)
    merged = [(u, merge_label(u.label, info.labels)) for u in utterances]
    known = [dataclasses.replace(u, label=label) for u, label in merged if label is not None]
    conditions: list[Answers] = [[] for _ in range(1 + network.has_speaker_memory)]
    for utterance, memories in with_speaker_memories(network, known, network.has_speaker_memory):
        scored = list(stream_outputs_per_memory(network, info.smoothing, utterance.path, memories))
        for number, found in enumerate(conditions):
            one = StreamedPredictions(info)
            outputs = [values[number] for _, values in scored]
            one.add(utterance, [window for window, _ in scored], outputs)
            ((_, truth, answer),) = one.answers
            found.append((utterance, truth, answer))
    return info.labels, conditions


def group_rows(
    model: str,
    corpus: str,
    labels: Sequence[str],
    found: list[Answers],
    people: dict[str, dict[str, str]],
) -> list[dict[str, Any]]:
    """Return the rows of a corpus: all speakers, then each group of them."""
    groups: dict[str, set[str]] = {"all": {u.speaker for u, _, _ in found[0]}}
    for utterance, _, _ in found[0]:
        person = people.get(utterance.speaker)
        names = [{"f": "women", "m": "men"}.get(utterance.gender, "")]
        if person is not None:
            age = int(person["Age"])
            names += [f"{a} to {b} years" for a, b in AGE_BANDS if a <= age <= b]
            names.append(person["Race"])
        for name in filter(None, names):
            groups.setdefault(name, set()).add(utterance.speaker)
    return [
        row(model, corpus, name, labels, [[a for a in c if a[0].speaker in who] for c in found])
        for name, who in groups.items()
    ]


def row(
    model: str, corpus: str, group: str, labels: Sequence[str], found: list[Answers]
) -> dict[str, Any]:
    """Return the scores of a group: alone and, where there is a memory, in a row."""
    scores = [
        score_answers(labels, np.array([t for _, t, _ in each]), np.array([a for _, _, a in each]))
        for each in found
    ]
    return {
        "model": model,
        "corpus": corpus,
        "group": group,
        "speakers": len({u.speaker for u, _, _ in found[0]}),
        "n": len(found[0]),
        "labels": sorted({labels[t] for _, t, _ in found[0]}),
        "ua": [round(s.ua, 4) for s in scores],
        "ua_ci95": [[round(end, 4) for end in ua_interval(s)] for s in scores],
    }


def _percent(row: dict[str, Any], condition: int) -> str:
    if condition >= len(row["ua"]):
        return ""
    low, high = row["ua_ci95"][condition]
    return f"{100 * row['ua'][condition]:.1f} ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()
