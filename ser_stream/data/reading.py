"""Reading of all recordings of a corpus, of which some may be damaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ser_stream.audio.speech import read_samples
from ser_stream.corpora.base import Utterance
from ser_stream.errors import InputError
from ser_stream.progress import progress

MAX_NAMED = 10
"""Recordings that an error names; others are counted."""


def read_utterances(
    utterances: Sequence[Utterance], description: str
) -> Iterator[tuple[Utterance, np.ndarray]]:
    """Yield each utterance with its samples, (n,) float32 at 16 kHz.

    All recordings are read, whichever of them is damaged, so that one error names all that are. A
    network is never trained without them unnoticed.

    Args:
        description: of the loop, see `progress`.

    Raises:
        InputError: at the end, where not all recordings can be read wholly.
    """
    errors = []
    for utterance in progress(utterances, description):
        try:
            samples = read_samples(utterance.path)
        except InputError as error:
            errors.append(str(error))
        else:
            if not errors:
                yield utterance, samples
    if errors:
        named = "; ".join(errors[:MAX_NAMED])
        more = f"; and {len(errors) - MAX_NAMED} more" if len(errors) > MAX_NAMED else ""
        raise InputError(
            f"{len(errors)} of {len(utterances)} recordings cannot be read wholly: {named}{more}; "
            "replace or remove them"
        )
