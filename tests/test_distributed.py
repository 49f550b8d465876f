"""Training in two processes."""

import os
import subprocess
import sys

import torch
import yaml
from safetensors.torch import load_file

from experiments import CONTENT, VARIANTS
from ser_stream.cli import main


def test_two_processes_train_the_weights_of_one(corpora, feature_cache, tmp_path):
    """Without dropout and batch statistics, averaged gradients are those of the whole batch."""
    recipe = tmp_path / "moma.yaml"
    content = {
        "kind": "experiment",
        **CONTENT,
        **VARIANTS["MOMA"],
        "name": "moma",
        "protocol": {"name": "random", "test": 0.5},
    }
    # Adam takes a whole step where a gradient is all rounding; with weight decay none is.
    content["optimisation"] = {
        "epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "weight_decay": 1e-2,
    }  # fmt: skip
    recipe.write_text(yaml.safe_dump(content))
    command = ["-m", "ser_stream.cli", "train", str(recipe), "--corpora", str(corpora)]
    command += ["--cache", str(feature_cache)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    assert main([*command[2:], "--runs", str(tmp_path / "one")]) == 0
    subprocess.run(
        [sys.executable, *launcher, *command, "--runs", str(tmp_path / "two")],
        check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=180,
    )  # fmt: skip
    one, two = (
        load_file(next(tmp_path.glob(f"{runs}/moma-*/seed0-all/weights.safetensors")))
        for runs in ("one", "two")
    )
    for name, ours in one.items():
        torch.testing.assert_close(ours, two[name], atol=2e-4, rtol=1e-3)


def test_two_processes_train_a_network_with_batch_statistics(corpora, feature_cache, tmp_path):
    """Torch raises an error where a trained weight receives no gradient."""
    recipe = tmp_path / "sherman.yaml"
    content = {**CONTENT, **VARIANTS["Sherman's"], "optimisation": {"epochs": 1, "batch_size": 4}}
    content["protocol"] = {"name": "random", "test": 0.5}
    recipe.write_text(yaml.safe_dump({**content, "kind": "experiment"}))
    command = [
        "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "ser_stream.cli", "train", recipe, "--corpora", corpora, "--cache", feature_cache,
        "--runs", tmp_path / "runs",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command], check=True, env=environment, timeout=180)
    assert len(list(tmp_path.glob("runs/*/seed0-all/result.json"))) == 1
