"""Reception of audio messages in a thread of its own, beside rclpy's executor.

For each message, rclpy's executor makes a new wait set of all subscriptions, services, timers and
events of a node, in Python: for messages of 10 ms that costs more than recognition. The wait set
here holds the audio subscriptions alone, and is made when they change.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.subscription import Subscription

from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream.ros")

MIN_PAUSE_S: Seconds = 0.005
"""Messages that arrive within this time after others are taken together with the next ones. Where
there are many robots, it bounds how often the wait set is used."""

MAX_PAUSE_S: Seconds = 0.04
"""Longest time for which messages wait in the middleware, although a block is not complete."""

EARLY_S: Seconds = 0.002
"""So much before a block may be complete, messages are waited for again."""

TIMEOUT_S: Seconds = 1.0
"""How often the thread looks whether rclpy was shut down."""

JOIN_TIMEOUT_S: Seconds = 5.0

OnMessage = Callable[[Any], None]
DueAt = Callable[[], float]
"""Returns the time, by `time.monotonic()`, before which further messages of a subscription are of
no use; see `AudioMessages`."""


class LeftToReader(CallbackGroup):
    """Callback group whose subscriptions rclpy's executor does not wait for.

    The events of the subscriptions, such as a publisher whose QoS does not fit, are in the group
    too; the executor handles those.
    """

    def can_execute(self, entity: Any) -> bool:
        return not isinstance(entity, Subscription | GuardCondition)

    def beginning_execution(self, entity: Any) -> bool:
        return self.can_execute(entity)

    def ending_execution(self, entity: Any) -> None:
        pass


class AudioReader:
    """Passes the messages of subscriptions on, in a thread that runs while there are any.

    The methods are called in one thread.

    Args:
        node: owner of the subscriptions.

    Attributes:
        callback_group: group in which the subscriptions must be created.
    """

    def __init__(self, node: Node) -> None:
        self.callback_group = LeftToReader()
        self._node = node
        self._lock = threading.Lock()  # held while callbacks run
        self._callbacks: dict[Subscription, OnMessage] = {}
        self._due_at: dict[Subscription, DueAt] = {}
        self._failed: set[Subscription] = set()  # whose callback has raised an error
        self._changed = node.create_guard_condition(_nothing, self.callback_group)
        self._thread: threading.Thread | None = None

    def add(self, subscription: Subscription, on_message: OnMessage, due_at: DueAt) -> None:
        """Begin to pass the messages of a subscription to a callback, in the reader's thread.

        Args:
            due_at: after messages were taken, further ones are left in the middleware until about
                then, or until another subscription's are due. That costs less than to wake up for
                each of them.
        """
        with self._lock:
            self._callbacks[subscription] = on_message
            self._due_at[subscription] = due_at
        self._changed.trigger()
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="ser_stream-audio-reader", daemon=True
            )
            self._thread.start()

    def remove(self, subscription: Subscription) -> bool:
        """Stop to pass the messages of a subscription; no callback runs after this returns.

        Returns:
            Whether the subscription had been added.
        """
        with self._lock:
            found = self._callbacks.pop(subscription, None) is not None
            self._due_at.pop(subscription, None)
            self._failed.discard(subscription)
            last = not self._callbacks
        self._changed.trigger()
        if found and last and self._thread is not None:
            self._thread.join(JOIN_TIMEOUT_S)
            self._thread = None
        return found

    def _run(self) -> None:
        """Wait for messages until there is no subscription, or rclpy is shut down."""
        while self._node.context.ok():
            with self._lock:
                subscriptions = list(self._callbacks)
            if not subscriptions:
                return
            with contextlib.ExitStack() as in_use:
                for user in (*subscriptions, self._changed):
                    in_use.enter_context(user.handle)
                in_use.enter_context(self._node.context.handle)
                self._read(subscriptions)

    def _read(self, subscriptions: list[Subscription]) -> None:
        """Pass on messages until the subscriptions change, or rclpy is shut down."""
        context = self._node.context
        wait_set = rclpy_implementation.WaitSet(len(subscriptions), 1, 0, 0, 0, 0, context.handle)
        by_pointer = {subscription.handle.pointer: subscription for subscription in subscriptions}
        while context.ok():
            wait_set.clear_entities()
            for subscription in subscriptions:
                wait_set.add_subscription(subscription.handle)
            wait_set.add_guard_condition(self._changed.handle)
            wait_set.wait(round(TIMEOUT_S * 1e9))
            ready = wait_set.get_ready_entities("subscription")
            with self._lock:
                for pointer in ready:
                    self._take_all(by_pointer[pointer])
                next_at = min((due_at() for due_at in self._due_at.values()), default=0.0)
            if wait_set.get_ready_entities("guard_condition"):
                return
            pause_s = next_at - time.monotonic() - EARLY_S
            time.sleep(min(MAX_PAUSE_S, max(MIN_PAUSE_S, pause_s)))

    def _take_all(self, subscription: Subscription) -> None:
        """Call back with each message that waits, unless the subscription was removed."""
        on_message = self._callbacks.get(subscription)
        while on_message is not None:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                return
            try:
                on_message(taken[0])
            except Exception:  # one message must not end the sound of all topics
                if subscription not in self._failed:
                    logger.exception("%s: a message failed", subscription.topic_name)
                self._failed.add(subscription)


def _nothing() -> None:
    """Callback of the guard condition, which only wakes the reader."""
