"""A network's outputs for recordings that pass the recogniser's own windowing and scoring."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ser_stream.audio.block import AudioSource
from ser_stream.audio.turns import TurnSettings
from ser_stream.corpora.base import Utterance
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.engines.base import Network
from ser_stream.evaluation.encoded_once import EncodedOnce
from ser_stream.features.speaker_memory import SpeakerMemory
from ser_stream.stream.scoring import (
    ScoredPart,
    ScoringSettings,
    WindowScorer,
    new_speaker_memory,
)
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.sources import SampleBlocks, open_source
from ser_stream.stream.window import TurnEnd, Window, WindowSettings
from ser_stream.stream.windowing import StreamWindower
from ser_stream.units import SAMPLE_RATE_HZ

MIN_SPEECH_S = RecognizerSettings.min_speech_s

RecordingOf = Callable[[Utterance], Path | AudioSource]
"""Returns the recording of an utterance, such as its file, or a changed one in memory."""


def recorded(utterance: Utterance) -> Path:
    """Return the file of an utterance."""
    return utterance.path


def changed(change: Callable[[Utterance], np.ndarray]) -> RecordingOf:
    """Return a function that streams changed samples (n,) at 16 kHz from memory, see `recorded`."""
    return lambda utterance: SampleBlocks([change(utterance)], SAMPLE_RATE_HZ)


def stream_outputs(
    network: Network,
    smoothing: float,
    recording: Path | AudioSource,
    memory: SpeakerMemory | None = None,
) -> Iterator[tuple[Window | TurnEnd, ScoredPart]]:
    """Yield each window of a recording and the network's outputs, as in the recogniser.

    Args:
        memory: speaker memory of earlier recordings, to which this one is added; None: empty.

    Raises:
        InputError: the recording cannot be read.
    """
    for window, (outputs,) in stream_outputs_per_memory(network, smoothing, recording, [memory]):
        yield window, outputs


def stream_outputs_per_memory(
    network: Network,
    smoothing: float,
    recording: Path | AudioSource,
    memories: Sequence[SpeakerMemory | None],
) -> Iterator[tuple[Window | TurnEnd, list[ScoredPart]]]:
    """Yield each window with the outputs for each speaker memory; see `stream_outputs`.

    The recording is read, cut into windows and, unless the speaker memories change the network's
    input, encoded once.
    """
    framing = network.framing
    settings = WindowSettings(
        network.features, framing.window_frames, framing.hop_frames, MIN_SPEECH_S
    )
    source = open_source(recording)
    windower = StreamWindower(settings, TurnSettings(), settle_s=source.settle_s)
    scoring = ScoringSettings(framing.window_steps, smoothing, {}, MIN_SPEECH_S)
    encoded_once = EncodedOnce(network)
    scorers = [WindowScorer(encoded_once, "", scoring, memory) for memory in memories]
    for block in source.blocks():
        assert block is not None, "recordings have no interruptions"
        for window in windower.push(block):
            yield window, [scorer.outputs(window) for scorer in scorers]
    for window in windower.finish():
        yield window, [scorer.outputs(window) for scorer in scorers]


def choose_clips(utterances: list[Utterance], clips: int | None) -> list[Utterance]:
    """Return the same `clips` utterances of each corpus every time: by the checksum of their keys.

    Args:
        clips: number of utterances per corpus; None: all utterances, in their order.
    """
    if clips is None:
        return utterances
    by_corpus: dict[str, list[Utterance]] = {}
    for utterance in _in_hashed_order(utterances):
        by_corpus.setdefault(utterance.corpus, []).append(utterance)
    return [u for members in by_corpus.values() for u in members[:clips]]


def _in_hashed_order(utterances: list[Utterance]) -> list[Utterance]:
    """Return the utterances in a fixed pseudo-random order, by the checksums of their keys."""
    return sorted(utterances, key=lambda u: zlib.crc32(u.key.encode()))


def with_speaker_memories(
    network: Network, utterances: list[Utterance], in_a_row: bool
) -> Iterator[tuple[Utterance, list[SpeakerMemory | None]]]:
    """Yield each recording with the speaker memories to score it with.

    The first is None: an empty memory, for the recording alone. With `in_a_row` the second holds
    the speaker's earlier recordings.
    """
    memories = {u.speaker: new_speaker_memory(network) for u in utterances} if in_a_row else {}
    for utterance in _in_hashed_order(utterances):
        yield utterance, [None, memories[utterance.speaker]] if in_a_row else [None]


IN_A_ROW = "in a row"
"""Report key of utterance estimates where a speaker's recordings follow one another."""

ESTIMATE_TITLES = {
    UTTERANCE: "utterances, one per recording",
    INTERVAL: "interval estimates, one per window",
    IN_A_ROW: "utterances, recordings of a speaker in a row",
}
"""Kind of estimates -> its description in tables."""
