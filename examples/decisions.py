"""What a robot does about the emotions it hears: comfort, continue, or give space.

Plain Python, shared by the examples that listen through rclpy and through DDS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ACTIONS = {
    "comfort": ("sad", "scared"),
    "give space": ("angry", "annoyed", "disgusted"),
    "continue": ("neutral", "happy", "excited", "surprised"),
}
"""Action -> the hri_msgs expressions that call for it."""


@dataclass(frozen=True)
class Decision:
    action: str
    reason: str


class DialogueManager:
    """Smooths what it hears, and decides.

    Each expression has a weight: the confidence with which it was heard, averaged over time. The
    action whose expressions weigh most is taken; but one that is under way is only left for another
    that is clearly ahead: a robot that changes its mind twice a second helps nobody.

    Args:
        memory_s: what was heard so long ago has a third (1/e) of its weight left.
        lead: how far another action must be ahead.
    """

    def __init__(self, memory_s: float = 4.0, lead: float = 0.1):
        self._memory_s = memory_s
        self._lead = lead
        self._weights: dict[str, float] = {}
        self._heard_s: float | None = None
        self._action = "continue"

    def hear(
        self, expression: str, confidence: float, time_s: float, whole_turn: bool = False
    ) -> Decision:
        """Take one emotion in, and decide.

        Args:
            expression, confidence: of hri_msgs/msg/Expression.
            time_s: its stamp.
            whole_turn: it speaks of all that was said, and counts like five windows.
        """
        since_s = 0.0 if self._heard_s is None else max(0.0, time_s - self._heard_s)
        self._heard_s = time_s
        kept = math.exp(-since_s / self._memory_s)
        self._weights = {name: kept * weight for name, weight in self._weights.items()}
        speaks_for_s = 2.5 if whole_turn else 0.5
        added = (1 - math.exp(-speaks_for_s / self._memory_s)) * confidence
        self._weights[expression] = self._weights.get(expression, 0.0) + added
        return self._decide()

    def _decide(self) -> Decision:
        support = {
            action: sum(self._weights.get(name, 0.0) for name in names)
            for action, names in ACTIONS.items()
        }
        best = max(support, key=support.get)
        if support[best] > support[self._action] + self._lead:
            self._action = best
        strongest = sorted(self._weights.items(), key=lambda item: -item[1])[:3]
        heard = ", ".join(f"{name} {weight:.2f}" for name, weight in strongest)
        reason = f"weighs {support[self._action]:.2f}; lately heard {heard}"
        if best != self._action:
            reason += f"; {best} {support[best]:.2f} is not clearly ahead"
        return Decision(self._action, reason)
