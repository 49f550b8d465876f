"""What the runs of one experiment come to: mean and deviation over seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ser_stream.evaluation.metrics import Scores
from ser_stream.papers.run import FoldResult
from ser_stream.recipes.experiment import Experiment

METRICS = ("wa", "ua", "macro_f1")


@dataclasses.dataclass(frozen=True)
class Summary:
    """Figures of an experiment.

    Folds are pooled: each utterance of the corpus is judged once per seed, and a seed has one WA
    and one UA. With one seed there is no deviation over seeds, and that over folds is given.

    Attributes:
        mean, deviation: of each metric, in [0, 1]; the deviation is the sample's, 0 of one value.
        deviation_over: "seeds", "folds", or "" where there is one value.
        scores: of all seeds and folds together.
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
        seeds = tuple(sorted({result.seed for result in results}))
        folds = sorted({result.fold for result in results})
        by_seed = [pooled([r.scores for r in results if r.seed == seed]) for seed in seeds]
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
            scores=pooled([result.scores for result in results]),
            parameters=results[0].parameters,
            epochs=f"{epochs} of {optimisation.epochs}",
            hours=sum(result.seconds for result in results) / 3600,
        )

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "scores": self.scores.to_dict()}

    def __str__(self) -> str:
        figures = ", ".join(
            f"{title} {percent(self.mean[metric], self.deviation[metric])}"
            for title, metric in (("WA", "wa"), ("UA", "ua"), ("macro-F1", "macro_f1"))
        )
        over = f", deviation over {self.deviation_over}" if self.deviation_over else ""
        return (
            f"{self.name}: {figures} ({self.protocol}; seeds {', '.join(map(str, self.seeds))}; "
            f"folds {self.n_folds}{over}; epoch {self.epochs}; n {self.scores.n})"
        )


def percent(mean: float, deviation: float) -> str:
    """Such as 61.3 ± 2.0, in percent; without the deviation where there is none."""
    return f"{100 * mean:.1f}" + (f" ± {100 * deviation:.1f}" if deviation else "")


def pooled(scores: Sequence[Scores]) -> Scores:
    """All answers together."""
    return Scores(
        scores[0].labels,
        np.sum([s.confusion for s in scores], axis=0),
        np.sum([s.no_speech for s in scores], axis=0),
    )
