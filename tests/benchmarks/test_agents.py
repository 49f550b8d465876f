"""The measurement of voice agents at its smallest: where no framework is, what adapters share."""

from __future__ import annotations

import json
import subprocess
import sys

from paths import ROOT


def test_the_wait_for_an_emotion_is_measured(tmp_path):
    output = tmp_path / "agents.json"
    command = [sys.executable, "-m", "benchmarks.agents", "--quick", "--output", output]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    found = json.loads(output.read_text())
    assert set(found["by_adapter"]["shared"]) == {"0.2", "0.8"}
    assert all(summary["n"] == 1 for summary in found["by_adapter"]["shared"].values())
