"""Opening of the model that scores sound, for one stream or for many."""

from __future__ import annotations

import logging
from typing import NamedTuple

from ser_stream.engines.choose import open_network
from ser_stream.models.info import ModelInfo
from ser_stream.stream.guarded import GuardedNetwork
from ser_stream.stream.model_settings import scoring_settings, window_settings
from ser_stream.stream.scoring import ScoringSettings, warm_up
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.window import WindowSettings

logger = logging.getLogger("ser_stream")


class OpenedModel(NamedTuple):
    """A network that is ready, its description, and how its windows are cut and scored."""

    network: GuardedNetwork
    info: ModelInfo
    windows: WindowSettings
    scoring: ScoringSettings


def open_model(settings: RecognizerSettings) -> OpenedModel:
    """Open and warm up the network that the settings name.

    Raises:
        InputError: the model cannot be used, or a setting does not fit it.
    """
    model = (settings.model, settings.engine, settings.device, settings.threads)
    opened, info = open_network(*model)
    network = GuardedNetwork(opened, lambda: open_network(*model)[0], info.name)
    windows = window_settings(network, settings)
    scoring = scoring_settings(network, info, settings, windows)
    warm_up(network, windows.window_frames)
    log_licence(info)
    return OpenedModel(network, info, windows, scoring)


def log_licence(info: ModelInfo) -> None:
    """Log the licence of weights that may not be used commercially."""
    if not info.training_data.commercial_use:
        logger.info("model %s: %s", info.name, info.training_data.licence)
