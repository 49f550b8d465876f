"""The commands that train experiments and plot their results."""

import yaml

from experiments import CONTENT, VARIANTS
from ser_stream.cli import main


def test_the_commands_train_print_and_plot(corpora, tmp_path, capsys):
    recipe = tmp_path / "words.yaml"
    recipe.write_text(
        yaml.safe_dump({"kind": "experiment", **CONTENT, **VARIANTS["words"], "name": "words"})
    )
    over = tmp_path / "over.yaml"
    over.write_text(yaml.safe_dump({"protocol": {"name": "random", "test": 0.25}}))
    where = ["--corpora", str(corpora), "--runs", str(tmp_path / "runs"), "--on", str(over)]
    assert main(["train", str(recipe), *where, "--seed", "1"]) == 0
    out = capsys.readouterr().out
    assert "words, seed 1, all: WA" in out
    assert "words: WA" in out and "seeds 1;" in out and "last epoch" in out
    output = tmp_path / "figures"
    assert main(["figures", str(recipe), *where, "--seeds", "1", "--output", str(output)]) == 0
    names = {path.name for path in output.iterdir()}
    assert {"words-confusion.png", "words-curves.svg", "words-t-sne.png"} <= names
    assert main(["figures", str(recipe), *where, "--output", str(output)]) == 2
    assert "was not trained yet" in capsys.readouterr().err
