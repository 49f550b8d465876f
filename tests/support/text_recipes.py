"""A small recipe for a network of texts."""

from __future__ import annotations

import yaml

from corpus_files import text

SMALL = {"word_dimension": 8, "hidden": 8, "ngram_buckets": 50}
OPTIMISATION = {"epochs": 12, "batch_size": 8, "learning_rate": 0.02, "patience": 12}
RECIPE = {
    "kind": "text",
    "name": "tiny",
    "evaluated_on": "meld",
    "max_words": 100,
    "max_error_rate": 0.1,
    "marked": 0.5,
    "options": SMALL,
    "stages": [
        {"mix": {"goemotions": 0.5, "meld": 1.0}, "optimisation": {**OPTIMISATION, "epochs": 1}},
        {"mix": {"meld": 1.0}, "balance": 0.5, "optimisation": OPTIMISATION},
    ],
}


def recipe_file(folder, **changes):
    return text(folder / "tiny.yaml", yaml.safe_dump({**RECIPE, **changes}))
