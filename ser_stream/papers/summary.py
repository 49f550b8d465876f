"""Summary of the runs of an experiment: means and standard deviations over seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ser_stream.evaluation.metrics import Scores, pool
from ser_stream.papers.run import FoldResult
from ser_stream.recipes.experiment import Experiment

METRICS = ("wa", "ua", "macro_f1")


@dataclasses.dataclass(frozen=True)
class Summary:
    """Metrics of an experiment.

    The answers of all folds of a seed are pooled: each utterance is evaluated once per seed, and a
    seed has one WA and one UA. With a single seed the deviation is that over folds.

    Attributes:
        mean: metric -> mean over seeds, in [0, 1].
        deviation: metric -> sample standard deviation, in [0, 1]; 0 of a single value.
        deviation_over: "seeds", "folds", or "" where there is a single value.
        scores: scores of all seeds and folds together.
        epochs: numbers of the kept epochs and the maximum number, such as "12 to 31 of 100".
        hours: duration of all runs.
    """

    name: str
    protocol: str
    mean: dict[str, float]
    deviation: dict[str, float]
    deviation_over: str
    seeds: tuple[int, ...]
    n_folds: int
    scores: Scores
    parameters: int
    epochs: str
    hours: float

    @classmethod
    def of(cls, experiment: Experiment, results: Sequence[FoldResult]) -> Summary:
        """Summarise the results of an experiment; at least one is needed."""
        seeds = tuple(sorted({result.seed for result in results}))
        folds = sorted({result.fold for result in results})
        by_seed = [pool([r.scores for r in results if r.seed == seed]) for seed in seeds]
        spread, over = by_seed, "seeds"
        if len(seeds) == 1:
            spread, over = [result.scores for result in results], "folds"
        values = {metric: [getattr(scores, metric) for scores in spread] for metric in METRICS}
        optimisation = experiment.optimisation
        kept = [result.kept_epoch for result in results]
        epochs = f"{min(kept)} to {max(kept)}" if min(kept) < max(kept) else str(kept[0])
        return cls(
            name=experiment.name,
            protocol=f"{', '.join(experiment.corpora)}: {experiment.protocol}",
            mean={m: float(np.mean([getattr(s, m) for s in by_seed])) for m in METRICS},
            deviation={
                m: float(np.std(v, ddof=1)) if len(v) > 1 else 0.0 for m, v in values.items()
            },
            deviation_over=over if len(spread) > 1 else "",
            seeds=seeds,
            n_folds=len(folds),
            scores=pool([result.scores for result in results]),
            parameters=results[0].parameters,
            epochs=f"{epochs} of {optimisation.epochs}",
            hours=sum(result.seconds for result in results) / 3600,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON."""
        return {**dataclasses.asdict(self), "scores": self.scores.to_dict()}

    def __str__(self) -> str:
        metrics = ", ".join(
            f"{title} {percent(self.mean[metric], self.deviation[metric])}"
            for title, metric in (("WA", "wa"), ("UA", "ua"), ("macro-F1", "macro_f1"))
        )
        over = f", deviation over {self.deviation_over}" if self.deviation_over else ""
        return (
            f"{self.name}: {metrics} ({self.protocol}; seeds {', '.join(map(str, self.seeds))}; "
            f"folds {self.n_folds}{over}; epoch {self.epochs}; n {self.scores.n})"
        )


def percent(mean: float, deviation: float) -> str:
    """Format a mean and a deviation in percent: 61.3 ± 2.0, or 61.3 where the deviation is 0."""
    return f"{100 * mean:.1f}" + (f" ± {100 * deviation:.1f}" if deviation else "")
