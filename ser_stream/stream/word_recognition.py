"""Speech recognition for one stream after the other, and the network for sound and words."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import weakref
from collections.abc import Callable

from ser_stream.asr.worker import AsrWorker
from ser_stream.models.info import ModelInfo
from ser_stream.stream.live_words import LiveWordFusion
from ser_stream.stream.model_settings import text_scoring_settings
from ser_stream.stream.opening import log_licence
from ser_stream.stream.session import late
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.text_scoring import TextScorer
from ser_stream.stream.word_fusion import RecordedWordFusion, WordFusion


class WordRecognition:
    """Recognises the words of one stream at a time, in a process of its own.

    The process runs from here to `close`.

    Args:
        settings: of which `asr`, `text_model`, its engine and when it abstains matter.

    Raises:
        InputError: the recogniser or the text model cannot be used.
        ValueError: the settings name no recogniser.
    """

    def __init__(self, settings: RecognizerSettings) -> None:
        self._text_scorer: TextScorer | None = None
        if settings.text_model:
            engine = (settings.engine, settings.device, settings.threads)
            text_scoring = text_scoring_settings(settings)
            self._text_scorer = TextScorer.load(settings.text_model, *engine, text_scoring)
            log_licence(self._text_scorer.info)
        self._numbers = itertools.count(1)  # of the streams
        # Last, so that a setting that is refused leaves no process behind.
        self._worker = AsrWorker(settings.asr)
        self._close = weakref.finalize(self, self._worker.close)

    @property
    def text_info(self) -> ModelInfo | None:
        """Description of the network that scores sound and words; None without one."""
        return self._text_scorer.info if self._text_scorer else None

    def wait_until_ready(self, stopping: threading.Event) -> None:
        """Wait until the recogniser is loaded, or `stopping` is set.

        Raises:
            InputError: see `AsrWorker.wait_until_ready`.
        """
        self._worker.wait_until_ready(stopping)

    def live_fusion(self, wake: Callable[[], None]) -> WordFusion:
        """Return the `WordFusion` of the next live stream; `wake`: see `LiveWordFusion`."""
        return LiveWordFusion(self._worker, self._text_scorer, next(self._numbers), wake)

    def recorded_fusion(self, stopping: threading.Event) -> WordFusion:
        """Return the `WordFusion` of the next recording; `stopping`: see `RecordedWordFusion`."""
        return RecordedWordFusion(self._worker, self._text_scorer, next(self._numbers), stopping)

    def change(self, settings: RecognizerSettings) -> None:
        """Replace the settings that may be changed while a stream runs."""
        if self._text_scorer is not None:
            self._text_scorer.settings = text_scoring_settings(settings)

    def completed(self, status: StreamStatus) -> StreamStatus:
        """Return the status of a stream together with that of its words."""
        status = dataclasses.replace(status, asr=self._worker.status)
        scorer = self._text_scorer
        if scorer is None:
            return status
        scoring_s = max(status.scoring_s, scorer.scoring_s)  # this network may hang, too
        return dataclasses.replace(
            status,
            text_error=scorer.problem,
            text_skipped=scorer.skipped,
            scoring_s=scoring_s,
            inference=late(scoring_s) or status.inference,
        )

    def close(self) -> None:
        """End the process; also done when the object is no longer used."""
        self._close()
