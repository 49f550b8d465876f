import pytest
import yaml

from paths import RECIPES
from ser_stream.errors import InputError, shown
from ser_stream.recipes.experiment import Experiment
from ser_stream.recipes.folders import experiment_path, read_overlays, recipes_folder
from ser_stream.recipes.load import KINDS, load_recipe
from ser_stream.recipes.settings import read_settings
from ser_stream.recipes.speech import Recipe
from ser_stream.recipes.speech_text import SpeechTextRecipe
from ser_stream.recipes.text import TextRecipe

FILES = sorted(path for path in RECIPES.rglob("*.yaml") if path.parent.name != "settings")
DEFAULT = RECIPES / "streaming" / "default.yaml"


def name_of(path):
    return str(path.relative_to(RECIPES))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_recipe_names_its_kind_and_can_be_read(path):
    kind = yaml.safe_load(path.read_text())["kind"]
    recipe = load_recipe(path)
    assert isinstance(recipe, KINDS[kind].settings)
    assert isinstance(recipe, Experiment) == ("papers" in path.parts)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("streaming/default", Recipe),
        ("streaming/text-english", TextRecipe),
        ("streaming/can-english", SpeechTextRecipe),
        ("papers/he/cat", Experiment),
    ],
)
def test_the_kind_decides_the_type_of_the_settings(name, kind):
    assert type(load_recipe(RECIPES / f"{name}.yaml")) is kind


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (None, r"a\.yaml: kind: missing; accepted are speech, text, speech_text, experiment$"),
        ("sound", r"a\.yaml: kind: found 'sound'; accepted are speech, text, "),
        (["text"], r"a\.yaml: kind: found \['text'\]; accepted are speech, text, "),
    ],
)
def test_a_missing_or_unknown_kind_is_named(tmp_path, kind, message):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"name": "a", "kind": kind}))
    with pytest.raises(InputError, match=message):
        load_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize("wanted", [kind.settings for kind in KINDS.values()])
@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_of_another_kind_than_wanted_is_refused(kind, wanted):
    path = RECIPES.parents[1] / KINDS[kind].example
    if KINDS[kind].settings is wanted:
        assert isinstance(load_recipe(path, wanted), wanted)
        return
    with pytest.raises(InputError, match=f"the recipe of {KINDS[kind].title}; accepted is one of"):
        load_recipe(path, wanted)


def test_settings_files_apply_to_experiments_only():
    with pytest.raises(InputError, match="--on: goes with the recipe of an experiment"):
        load_recipe(DEFAULT, overlays=[{"seeds": [1]}])
    with pytest.raises(InputError, match="unknown setting kind"):
        load_recipe(experiment_path("cat"), overlays=[{"kind": "speech"}])


def test_an_extending_file_overrides_single_settings(tmp_path):
    (tmp_path / "a.yaml").write_text(
        f"extends: {DEFAULT}\noptimisation: {{epochs: 1}}\nspeeds: [1.0]"
    )
    changed, default = load_recipe(tmp_path / "a.yaml", Recipe), load_recipe(DEFAULT, Recipe)
    assert changed.optimisation.epochs == 1
    assert changed.optimisation.learning_rate == default.optimisation.learning_rate
    assert changed.speeds == (1.0,)


def test_the_name_of_an_experiment_leads_to_its_file():
    assert experiment_path("cat") == recipes_folder() / "papers" / "he" / "cat.yaml"
    sherman = recipes_folder() / "papers" / "sherman" / "ravdess.yaml"
    assert experiment_path("sherman-ravdess") == sherman
    with pytest.raises(InputError, match="recipe: found 'dog'"):
        experiment_path("dog")


def test_unknown_settings_files_are_named():
    with pytest.raises(InputError, match="settings: found 'mars'; accepted are bfloat16"):
        read_overlays(["mars"])


WRONG = [
    None, True, -1, 1.5, float("nan"), 10**400, "text", "two\nlines", [], [[]], {},
    {"two\nlines": {}},
]  # fmt: skip


@pytest.mark.parametrize("value", WRONG, ids=shown)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_value_of_any_setting_is_an_error_of_one_line(kind, value):
    """Each setting, and each setting inside of settings, is replaced in turn."""
    path = RECIPES.parents[1] / KINDS[kind].example
    content = read_settings(path)
    del content["kind"]
    fields = [(name,) for name in content]
    groups = ("optimisation", "augmentation", "protocol", "clip", "features", "mix", "speakers")
    fields += [(group, name) for group in groups for name in _names(load_recipe(path), group)]
    refused = 0
    for field in fields:
        over = value
        for name in reversed(field):
            over = {name: over}
        try:
            KINDS[kind].build({**content, **over}, "recipe a.yaml")
        except InputError as error:
            refused += 1
            assert "\n" not in str(error) and "recipe a.yaml: " in str(error)
    assert refused > len(fields) // 2


def _names(recipe, group):
    settings = getattr(getattr(recipe, "voices", recipe), group, {})
    return list(settings if isinstance(settings, dict) else vars(settings))


def test_a_recipe_may_not_extend_itself(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: b.yaml")
    (tmp_path / "b.yaml").write_text("extends: a.yaml")
    with pytest.raises(InputError, match=r"a\.yaml: extends itself"):
        load_recipe(tmp_path / "a.yaml")
