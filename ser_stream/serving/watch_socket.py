"""`/v1/watch`: a viewer of a stream, who sends nothing."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket

from ser_stream.serving.connection import cancelled, receive, send_all
from ser_stream.serving.hub import Hub
from ser_stream.serving.protocol import BAD_MESSAGE, GOING_AWAY, RefusedError


async def serve_viewer(websocket: WebSocket, hub: Hub) -> None:
    """Serve one viewer until the stream ends, or the viewer goes.

    A viewer who does not keep up loses the oldest messages; nobody else waits.

    Raises:
        RefusedError: the connection is to be closed for this reason.
        WebSocketDisconnect: the viewer has gone.
    """
    asked = websocket.query_params
    served, mailbox = hub.watch(asked.get("stream", ""), picture=asked.get("picture") == "1")
    reading = asyncio.create_task(_read_nothing(websocket))
    sending = asyncio.create_task(send_all(websocket, mailbox))
    try:
        awaited = {reading, sending, hub.stopping}
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
        if hub.stopping.done():
            raise RefusedError(GOING_AWAY, "the service ends")
    finally:
        hub.unwatch(served, mailbox)
        await cancelled(reading, sending)


async def _read_nothing(websocket: WebSocket) -> None:
    """Wait until the viewer goes.

    Raises:
        RefusedError: the viewer sends something.
        WebSocketDisconnect: the viewer has gone.
    """
    await receive(websocket)
    raise RefusedError(BAD_MESSAGE, "watch: found a message; viewers send nothing")
