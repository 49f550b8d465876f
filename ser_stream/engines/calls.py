"""Calls of a network: scoring yields them, and whoever runs a stream answers them.

Code that scores a stream does not run the network itself. It is a generator that yields a call and
is sent its answer. A single stream has its calls answered one at a time (`answered`); a pool
collects the calls of many streams and answers those of the same shape as one batch
(`answer_together`). So both run the same code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import numpy as np

from ser_stream.engines.base import Array, Network, Outputs, State

T = TypeVar("T")

MAX_REASON = 300
"""Characters of an engine's error that are reported."""


class NoAnswerError(Exception):
    """The network gave no answer that can be used; the message says why, as a phrase."""


@dataclasses.dataclass(frozen=True)
class Encode:
    """A call of the front end for one stream; its answer is an `Encoded`.

    Attributes:
        frames: (frames, dimension), see `Network.encode`.
        state: one stream's state, without the dimension of the batch; None at a turn's start.
    """

    frames: Array
    state: State | None = None


@dataclasses.dataclass(frozen=True)
class Encoded:
    """The steps (steps, n) of one stream, and its state after them."""

    steps: Array
    state: State


@dataclasses.dataclass(frozen=True)
class Score:
    """A call of the head for one stream; its answer is an `Outputs` without the batch's dimension.

    Attributes:
        steps: (steps, n) of the window.
        offset: (n,) of the speaker memory; None for zero.
    """

    steps: Array
    offset: Array | None = None


Call = Encode | Score
Answer = Encoded | Outputs
Asking = Generator[Call, Any, T]
"""A generator that yields calls, is sent their answers, and returns a T."""


def answered(network: Network, asking: Asking[T]) -> T:
    """Run a generator, answering each of its calls at once, and return its result.

    Where the network fails at a call, `NoAnswerError` is raised inside the generator.
    """
    try:
        call = next(asking)
        while True:
            call = proceed(asking, answer_together(network, [call])[0])
    except StopIteration as stop:
        return stop.value


def proceed(asking: Asking[Any], answer: Answer | NoAnswerError) -> Call:
    """Send a generator the answer of its call, or raise the failure in it; return the next call."""
    if isinstance(answer, NoAnswerError):
        return asking.throw(answer)
    return asking.send(answer)


def answer(network: Network, call: Call) -> Answer:
    """Return the answer of one call.

    Raises:
        NoAnswerError: the network failed.
    """
    found = answer_together(network, [call])[0]
    if isinstance(found, NoAnswerError):
        raise found
    return found


def answer_together(network: Network, calls: Sequence[Call]) -> list[Answer | NoAnswerError]:
    """Return the answers of calls in their order; calls of the same shape run as one batch.

    A batch at which the network fails is answered call by call, so that a call of one stream takes
    no answer from the others. The answer of a call that fails alone, too, is the error.
    """
    groups: dict[tuple[type, tuple[int, ...]], list[int]] = {}
    for place, call in enumerate(calls):
        array = call.frames if isinstance(call, Encode) else call.steps
        groups.setdefault((type(call), array.shape), []).append(place)
    answers: dict[int, Answer | NoAnswerError] = {}
    for (kind, _), places in groups.items():
        members: list[Any] = [calls[place] for place in places]
        run = _encode_together if kind is Encode else _score_together
        answers.update(zip(places, _tried(run, network, members), strict=True))
    return [answers[place] for place in range(len(calls))]


def _tried(
    run: Callable[[Network, Any], list[Answer]], network: Network, calls: Sequence[Any]
) -> list[Answer | NoAnswerError]:
    """Run a batch; where that fails, run its calls one by one."""
    try:
        return [*run(network, calls)]
    except Exception as error:  # of whatever type the engine raises; reported with the window
        if len(calls) == 1:
            text = " ".join(str(error).split())[:MAX_REASON]
            return [NoAnswerError(f"{type(error).__name__}: {text}")]
    return [each for call in calls for each in _tried(run, network, [call])]


def _encode_together(network: Network, calls: Sequence[Encode]) -> list[Answer]:
    states = [_initial_state(network) if call.state is None else call.state for call in calls]
    steps, state = network.encode(
        _stack([call.frames for call in calls]),
        tuple(_stack(arrays) for arrays in zip(*states, strict=True)),
    )
    # A stream keeps its state: copies, as views would keep those of the whole batch.
    return [
        Encoded(steps[row], tuple(array[row].copy() for array in state))
        for row in range(len(calls))
    ]


def _initial_state(network: Network) -> State:
    """Return the state of one stream at the start of a turn."""
    return tuple(array[0] for array in network.initial_state(1))


def _score_together(network: Network, calls: Sequence[Score]) -> list[Answer]:
    offset = None
    if network.remembers_statistics:
        zero = np.zeros_like(network.prior_statistics)
        offset = _stack([zero if call.offset is None else call.offset for call in calls])
    logits, affect, statistics = network.score(_stack([call.steps for call in calls]), offset)
    return [
        Outputs(
            logits[row],
            None if affect is None else affect[row],
            None if statistics is None else statistics[row],
        )
        for row in range(len(calls))
    ]


def _stack(arrays: Sequence[Array]) -> Array:
    """Stack arrays to a batch; a single one is not copied."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)
