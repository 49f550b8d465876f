"""Recipes for networks of texts."""

import pytest

from paths import RECIPES
from ser_stream.errors import InputError
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.text import TextRecipe
from text_recipes import OPTIMISATION, recipe_file


def test_the_shipped_recipe_is_of_texts_and_others_are_not():
    found = [
        path.stem for path in sorted((RECIPES / "streaming").glob("*.yaml"))
        if isinstance(load_recipe(path), TextRecipe)
    ]  # fmt: skip
    assert found == ["text-english"]
    recipe = load_recipe(RECIPES / "streaming" / "text-english.yaml")
    assert recipe.name == "text-english"
    assert recipe.corpora == ["goemotions", "meld"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "blue"}, "unknown setting colour"),
        ({"stages": []}, r"stages: found \[\]; accepted is a list"),
        ({"stages": [{"mix": {"meld": 1}}]}, r"stages\[0\]: settings missing: optimisation"),
        (
            {"stages": [{"mix": {"tweets": 1}, "optimisation": OPTIMISATION}]},
            r"stages\[0\]: mix: found",
        ),
        (
            {"stages": [{"mix": {"meld": 0}, "optimisation": OPTIMISATION}]},
            "meld: found 0; accepted is a number, above 0",
        ),
        ({"stages": [{"mix": {"meld": "x"}, "optimisation": OPTIMISATION}]}, "meld: found 'x'"),
        (
            {"stages": [{"mix": {"meld": 1}, "optimisation": OPTIMISATION, "balance": 2}]},
            "balance: found 2; accepted is a number, 0 to 1",
        ),
        ({"stages": [{"mix": {"meld": 1}, "optimisation": {"epochs": 0}}]}, "epochs: found 0"),
        ({"evaluated_on": "tweets"}, "evaluated_on: found 'tweets'"),
        ({"max_words": 0}, "max_words: found 0"),
        ({"max_error_rate": 1.5}, "max_error_rate: found 1.5"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        load_recipe(recipe_file(tmp_path, **changes))
