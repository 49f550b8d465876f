"""Decides by the recognised emotions whether a robot comforts, continues or gives space.

Plain Python, shared by the programs that subscribe through rclpy and through DDS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ACTIONS = {
    "comfort": ("sad", "scared"),
    "give space": ("angry", "annoyed", "disgusted"),
    "continue": ("neutral", "happy", "excited", "surprised"),
}
"""Action -> the hri_msgs expressions that support it."""


@dataclass(frozen=True)
class Decision:
    action: str
    reason: str


class DialogueManager:
    """Smooths expressions over time and decides on an action.

    The weight of an expression is its confidence, averaged over time with exponential decay. The
    support of an action is the sum of the weights of its expressions. The current action is kept
    until the support of another one is larger by a margin, so that the robot does not change its
    behaviour twice a second.

    Args:
        decay_s: time after which a weight has decayed to 1/e.
        margin: by how much the support of another action must be larger.
    """

    def __init__(self, decay_s: float = 4.0, margin: float = 0.1) -> None:
        self._decay_s = decay_s
        self._margin = margin
        self._weights: dict[str, float] = {}
        self._last_s: float | None = None
        self._action = "continue"

    def add(
        self, expression: str, confidence: float, time_s: float, whole_turn: bool = False
    ) -> Decision:
        """Take one expression into account and decide.

        Args:
            expression, confidence: fields of hri_msgs/msg/Expression.
            time_s: stamp of the message.
            whole_turn: the expression is of a whole turn, and has the weight of five windows.
        """
        since_s = 0.0 if self._last_s is None else max(0.0, time_s - self._last_s)
        self._last_s = time_s
        kept = math.exp(-since_s / self._decay_s)
        self._weights = {name: kept * weight for name, weight in self._weights.items()}
        duration_s = 2.5 if whole_turn else 0.5
        added = (1 - math.exp(-duration_s / self._decay_s)) * confidence
        self._weights[expression] = self._weights.get(expression, 0.0) + added
        return self._decide()

    def _decide(self) -> Decision:
        support = {
            action: sum(self._weights.get(name, 0.0) for name in names)
            for action, names in ACTIONS.items()
        }
        best = max(support, key=lambda action: support[action])
        if support[best] > support[self._action] + self._margin:
            self._action = best
        strongest = sorted(self._weights.items(), key=lambda item: -item[1])[:3]
        recent = ", ".join(f"{name} {weight:.2f}" for name, weight in strongest)
        reason = f"weighs {support[self._action]:.2f}; recently {recent}"
        if best != self._action:
            reason += f"; {best} {support[best]:.2f} is not larger by the margin"
        return Decision(self._action, reason)
