"""The LiveKit example, as far as it goes without a LiveKit server: its agent."""

from __future__ import annotations

import pytest

pytest.importorskip("livekit.agents", reason="livekit-agents is not installed: make test-agents")

from estimates import estimate
from ser_stream import StreamPool
from ser_stream.examples.livekit_agent import Assistant, server

pytestmark = pytest.mark.livekit


def test_the_agent_prints_what_is_recognised_while_the_user_speaks(capsys):
    with StreamPool("tiny") as pool:
        assistant = Assistant(pool)
        assistant.on_estimate(estimate(end_s=2.04, expression="sad"))
        assistant.on_estimate(estimate(end_s=2.54, expression="", reason="unsure"))
    assert capsys.readouterr().out == "2.0 s: sad\n2.5 s: -\n"
    assert "how the user's voice sounded" in str(assistant.instructions)
    assert server is not None
