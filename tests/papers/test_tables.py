"""The tables of the papers that reports are compared with."""

from paths import RECIPES
from ser_stream.papers.tables import TABLES
from ser_stream.recipes.experiment import Experiment
from ser_stream.recipes.load import load_recipe

EXPERIMENTS = sorted((RECIPES / "papers").glob("*/*.yaml"))


def test_every_row_of_the_tables_has_its_recipe_and_every_recipe_a_row():
    rows = {row.recipe for table in TABLES.values() for row in table.rows}
    assert rows == {load_recipe(path, Experiment).name for path in EXPERIMENTS}


def test_published_numbers_equal_those_of_the_papers():
    """Spot checks against the papers' own text, one of each table."""
    found = {(n, r.title): r.paper for n, t in TABLES.items() for r in t.rows}
    assert found["sherman-2", "MFCC"] == {"wa": 57}
    assert found["sherman-3", "RAVDESS, 3"] == {"wa": 68}
    assert found["sherman-4", "RAVDESS, convolutions + BLSTM"] == {"wa": 74}
    assert found["lee-2", "AudioModel"] == {"wa": 43.1, "ua": 32.3}
    assert found["lee-4", "- cross attention"] == {"wa": 55.6, "ua": 45.8}
    assert found["he-1", "ILT, trainable plus, no PE"] == {"wa": 67.56, "ua": 68.63}
    assert found["he-2", "LSTM-Transformer"] == {"wa": 55.19, "ua": 56.4}
