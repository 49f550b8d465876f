"""`/v1/stream`: a client sends sound, and gets estimates."""

from __future__ import annotations

import asyncio
import contextlib
import time

from starlette.websockets import WebSocket

from ser_stream.errors import InputError
from ser_stream.serving import protocol
from ser_stream.serving.connection import cancelled, receive, send_all
from ser_stream.serving.hub import Hub
from ser_stream.serving.limits import Budget
from ser_stream.serving.mailbox import Mailbox
from ser_stream.serving.protocol import (
    BAD_MESSAGE,
    GOING_AWAY,
    INTERNAL_ERROR,
    OVERLOADED,
    TOO_LATE,
    TOO_MANY_MESSAGES,
    Change,
    Finish,
    Hello,
    Mute,
    RefusedError,
)
from ser_stream.serving.served import ServedStream
from ser_stream.units import Seconds

LOOK_S: Seconds = 0.5
"""How often a connection looks whether its client is idle or does not read."""
LAST_S: Seconds = 5.0
"""Longest time for a client to read the last messages."""


async def serve_stream(websocket: WebSocket, hub: Hub) -> None:
    """Serve one client, from its hello to its end.

    Raises:
        RefusedError: the connection is to be closed for this reason.
        WebSocketDisconnect: the client has gone.
    """
    hello = await _hello(websocket, hub)
    client = Mailbox(hub.limits.unread)
    try:
        served = await hub.open(hello.name, client, hello=hello, **hello.options.given())
    except InputError as error:
        raise RefusedError(BAD_MESSAGE, error) from error
    client.put(protocol.ready(served.pooled, hub.about))
    await _StreamConnection(websocket, hub, hello, served, client).run()


async def _hello(websocket: WebSocket, hub: Hub) -> Hello:
    """Return the first message.

    Raises:
        RefusedError: it is no hello, it does not come, or too many others are waited for.
    """
    if hub.unnamed >= hub.limits.max_unnamed:
        raise RefusedError(OVERLOADED, "overloaded: too many new connections; try again later")
    hub.unnamed += 1
    try:
        message = await asyncio.wait_for(receive(websocket), hub.limits.hello_s)
        if isinstance(message, bytes):
            raise InputError("hello: found a binary message; accepted is a hello in JSON first")
        hello = protocol.parse(message)
        if not isinstance(hello, Hello):
            raise InputError("hello: found another message; accepted is a hello first")
        return hello
    except asyncio.TimeoutError:
        raise RefusedError(TOO_LATE, f"hello: none within {hub.limits.hello_s:g} s") from None
    except InputError as error:
        raise RefusedError(BAD_MESSAGE, error) from error
    finally:
        hub.unnamed -= 1


class _StreamConnection:
    """The connection of a client whose stream is open."""

    def __init__(
        self,
        websocket: WebSocket,
        hub: Hub,
        hello: Hello,
        served: ServedStream,
        client: Mailbox,
    ):
        self._websocket = websocket
        self._hub = hub
        self._hello = hello
        self._served = served
        self._client = client
        limits = hub.limits
        self._texts = Budget(limits.texts, 5.0)
        self._messages = Budget(limits.messages, 500.0)
        self._sound = Budget(limits.ahead_s, 1.1)  # a little more: clocks differ
        self._active_at = time.monotonic()

    async def run(self) -> None:
        """Read until the client finishes, goes, or breaks a rule; then deliver the last turn."""
        reading = asyncio.create_task(self._read())
        sending = asyncio.create_task(send_all(self._websocket, self._client))
        try:
            while not reading.done() and not sending.done():
                awaited = {reading, sending, self._hub.stopping}
                await asyncio.wait(awaited, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                self._check()
            if reading.done():
                reading.result()
        finally:
            await cancelled(reading)
            self._client.put(protocol.finished(await self._hub.close(self._served)))
            self._client.close()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(sending, LAST_S)

    def _check(self) -> None:
        """Check what no message tells.

        Raises:
            RefusedError: the connection is to end.
        """
        limits = self._hub.limits
        if self._hub.stopping.done():
            raise RefusedError(GOING_AWAY, "the service ends")
        if self._hub.pool.ended or self._served.pooled.ended:
            raise RefusedError(INTERNAL_ERROR, "the stream has ended: recognition failed")
        if self._client.dropped:
            raise RefusedError(
                TOO_LATE, f"{limits.unread} messages wait that the client does not read"
            )
        if time.monotonic() - self._active_at > limits.idle_s:
            raise RefusedError(TOO_LATE, f"idle: no message for {limits.idle_s:g} s")

    async def _read(self) -> None:
        """Read messages until one says that the sound has ended.

        Raises:
            RefusedError: a message breaks a rule.
            WebSocketDisconnect: the client has gone.
        """
        while True:
            message = await receive(self._websocket)
            self._active_at = time.monotonic()
            try:
                if isinstance(message, bytes):
                    await self._add(message)
                    continue
                if self._texts.spend(1):
                    raise RefusedError(TOO_MANY_MESSAGES, "too many text messages; send fewer")
                parsed = protocol.parse(message)
            except InputError as error:
                raise RefusedError(BAD_MESSAGE, error) from error
            if isinstance(parsed, Finish):
                return
            self._client.put(self._answer(parsed))

    def _answer(self, message: Hello | Mute | Change) -> str:
        """Do what a message asks for, and return the answer."""
        stream = self._served.pooled
        if isinstance(message, Hello):
            raise RefusedError(BAD_MESSAGE, "hello: found a second one; open another connection")
        if isinstance(message, Mute):
            stream.muted = message.muted
            return protocol.muted(stream)
        try:
            stream.change(**message.settings)
        except InputError as error:
            return protocol.refused(error)
        return protocol.changed(stream)

    async def _add(self, message: bytes) -> None:
        """Add the sound of a message.

        Raises:
            InputError: it is not accepted.
            RefusedError: live sound comes faster than in real time.
        """
        samples, rate = self._hello.samples(message), self._hello.rate
        if wait_s := self._messages.spend(1):
            await asyncio.sleep(wait_s)
        if not len(samples):
            return
        if not self._hello.live:
            await self._served.push_all(samples, rate)
            return
        if self._sound.spend(len(samples) / rate):
            raise RefusedError(
                TOO_MANY_MESSAGES,
                f"sound: found more than {self._hub.limits.ahead_s:g} s ahead of real time; for "
                "recordings, say hello with live: false",
            )
        self._served.push(samples, rate)
