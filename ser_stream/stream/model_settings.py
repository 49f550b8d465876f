"""Conversion of recogniser settings for one model: frames, steps, calibration."""

from __future__ import annotations

import dataclasses
import math

from ser_stream.engines.base import Network
from ser_stream.errors import InputError
from ser_stream.models.info import ModelInfo
from ser_stream.stream.scoring import ScoringSettings
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.text_scoring import TextScoringSettings
from ser_stream.stream.window import WindowSettings
from ser_stream.units import Seconds


def window_settings(network: Network, settings: RecognizerSettings) -> WindowSettings:
    """Return window and hop in frames.

    Raises:
        InputError: window or hop is not a whole number of the model's steps, or too long; the
            message names the nearest accepted values.
    """
    framing, frame_s = network.framing, network.features.frame_s
    step, overlap = framing.frames_per_step, framing.step_overlap_frames
    hop_frames, window_frames = framing.hop_frames, framing.window_frames
    if settings.hop_s is not None:
        longest_hop = framing.window_frames - overlap
        hop_frames = _whole_steps("hop", settings.hop_s, step, 0, longest_hop, frame_s)
    if settings.window_s is not None:
        window_frames = _whole_steps(
            "window", settings.window_s, step, overlap, framing.window_frames, frame_s
        )
    return WindowSettings(network.features, window_frames, hop_frames, settings.min_speech_s)


def scoring_settings(
    network: Network, info: ModelInfo, settings: RecognizerSettings, windows: WindowSettings
) -> ScoringSettings:
    """Return how windows are scored: the model's own values where settings are None.

    Raises:
        InputError: sets of labels are asked for, and the model has no thresholds for them.
    """
    if settings.label_sets and any(c.label_sets is None for c in info.calibration.values()):
        raise InputError(
            f"label_sets: found True, but model {info.name} has no thresholds of label sets; "
            "accepted is False, or a model calibrated by ser-stream calibrate MODEL --from RUN"
        )
    floor, smoothing = settings.min_confidence, settings.smoothing
    return ScoringSettings(
        window_steps=network.framing.steps_in(windows.window_frames),
        smoothing=info.smoothing if smoothing is None else smoothing,
        calibration={
            trigger: fitted if floor is None else dataclasses.replace(fitted, floor=floor)
            for trigger, fitted in info.calibration.items()
        },
        min_speech=settings.min_speech_s,
        label_sets=settings.label_sets,
    )


def text_scoring_settings(settings: RecognizerSettings) -> TextScoringSettings:
    """Return how windows and their words are scored."""
    return TextScoringSettings(settings.min_speech_s, settings.min_confidence)


def _whole_steps(
    name: str, value_s: Seconds, step: int, base: int, longest: int, frame_s: Seconds
) -> int:
    """Return `value_s` in frames: `base` and one or more whole steps, up to `longest`."""
    frames = value_s / frame_s
    finite = min(max(frames, 0), longest) if math.isfinite(frames) else longest
    nearest = base + step * max(1, round((finite - base) / step))
    if not abs(frames - nearest) <= 0.01:
        neighbours = {n for n in (nearest - step, nearest, nearest + step) if base < n <= longest}
        listed = ", ".join(f"{n * frame_s:g}" for n in sorted(neighbours))
        raise InputError(
            f"{name}: found {value_s:g} s; this model takes {(base + step) * frame_s:g} to "
            f"{longest * frame_s:g} s in steps of {step * frame_s:g} s; nearest are {listed} s"
        )
    return nearest
