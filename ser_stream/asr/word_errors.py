"""The word error rate of a speech recogniser."""

from __future__ import annotations

from collections.abc import Sequence


def word_errors(spoken: Sequence[str], recognised: Sequence[str]) -> int:
    """Return the edit distance: the least number of substitutions, insertions and deletions.

    >>> word_errors("come over here now".split(), "come hear now please".split())
    3
    """
    row = list(range(len(recognised) + 1))
    for i, word in enumerate(spoken, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(recognised, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
            diagonal, row[j] = row[j], cost
    return row[-1]


def word_error_rate(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> float:
    """Return the errors per spoken word of (spoken, recognised) texts; insertions can exceed 1."""
    return sum(word_errors(*pair) for pair in pairs) / max(1, sum(len(said) for said, _ in pairs))
