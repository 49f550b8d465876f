"""Noises and measured rooms that a recipe names, and their licences."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ser_stream.corpora.sounds import (
    SoundFile,
    SoundSource,
    noise_recordings,
    room_responses,
    sources_of,
)
from ser_stream.data.acoustics import BackgroundSounds
from ser_stream.data.noisy_channels import NoisyChannels
from ser_stream.data.rooms import MeasuredRooms
from ser_stream.file_checks import file_stamps
from ser_stream.recipes.speech import Recipe


class RecipeSounds:
    """The sounds that a recipe mixes with speech, looked for when they are asked for.

    Args:
        corpora: folder that holds esc10/, noise/ and rir/, those of them that the recipe names.
    """

    def __init__(self, recipe: Recipe, corpora: Path):
        self._recipe, self._corpora = recipe, corpora

    def check(self) -> None:
        """Look for all sounds of the recipe.

        Raises:
            InputError: a folder is missing, or has no sound that the recipe accepts.
        """
        _ = self._rooms, self._noises

    @cached_property
    def noises(self) -> list[Path]:
        """Recorded noises.

        Raises:
            InputError: see `noise_recordings`.
        """
        return [file.path for file in self._noises]

    @cached_property
    def rooms(self) -> MeasuredRooms | None:
        """Measured rooms; None: rooms are simulated.

        Raises:
            InputError: see `room_responses`.
        """
        return MeasuredRooms(self._rooms) if self._rooms else None

    @cached_property
    def noisy_channels(self) -> NoisyChannels | None:
        """Simulated channels with noise, for a frozen encoder; None: the recipe has none.

        Raises:
            InputError: see `noise_recordings` and `room_responses`.
        """
        settings = self._recipe.simulated_noise
        if settings is None:
            return None
        stamps = file_stamps([(file.path.name, file.path) for file in self._noises])
        return NoisyChannels(settings, self.rooms, BackgroundSounds(self.noises), stamps)

    @property
    def sources(self) -> list[SoundSource]:
        """Sources and licences that a model trained with these sounds has to name."""
        return [*sources_of(self._noises, "noise"), *sources_of(self._rooms, "rooms")]

    @cached_property
    def _noises(self) -> list[SoundFile]:
        recipe = self._recipe
        only = bool(recipe.commercial_sounds)
        return noise_recordings(self._corpora, recipe.noise_names, recipe.noise_folds, only)

    @cached_property
    def _rooms(self) -> list[SoundFile]:
        if self._recipe.rooms != "measured":
            return []
        return room_responses(self._corpora, bool(self._recipe.commercial_sounds))
