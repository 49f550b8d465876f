"""What all WebSockets of the service have in common: access, sending, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from ser_stream.serving import protocol
from ser_stream.serving.access import SUBPROTOCOL, Access
from ser_stream.serving.hub import Hub
from ser_stream.serving.mailbox import Mailbox
from ser_stream.serving.protocol import INTERNAL_ERROR, RefusedError
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

CLOSE_S: Seconds = 5.0
"""Longest time that a client who reads nothing keeps its connection, once it is to end."""

LOST = (WebSocketDisconnect, RuntimeError, OSError)
"""What sending raises where the client has gone: starlette raises each of them."""


async def serve(
    websocket: WebSocket, hub: Hub, access: Access, work: Callable[[WebSocket], Awaitable[None]]
) -> None:
    """Check who connects, do the work of a connection, and close it with a code and a reason."""
    task = asyncio.current_task()
    assert task is not None
    hub.connections.add(task)
    task.add_done_callback(hub.connections.discard)
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    try:
        access.check(websocket.headers, offered)
        await work(websocket)
    except WebSocketDisconnect:
        return
    except RefusedError as refusal:
        hub.refusals[refusal.code] += 1
        await close(websocket, refusal)
    except Exception:
        logger.exception("%s: the connection ends", websocket.url.path)
        await close(
            websocket, RefusedError(INTERNAL_ERROR, "internal error; see the service's log")
        )
    else:
        await close(websocket, RefusedError(protocol.FINISHED, ""))


async def close(websocket: WebSocket, end: RefusedError) -> None:
    """Close a WebSocket; what is too long for the reason of its end is sent as a message before."""
    with contextlib.suppress(asyncio.TimeoutError, *LOST):
        if end.code != protocol.FINISHED:
            await asyncio.wait_for(websocket.send_text(protocol.error(end)), CLOSE_S)
        await asyncio.wait_for(websocket.close(end.code, end.short_reason), CLOSE_S)


async def send_all(websocket: WebSocket, mailbox: Mailbox) -> None:
    """Send what comes into a mailbox, until it is closed or the client has gone."""
    with contextlib.suppress(*LOST):
        while (message := await mailbox.take()) is not None:
            if isinstance(message, bytes):
                await websocket.send_bytes(message)
            else:
                await websocket.send_text(message)


async def receive(websocket: WebSocket) -> str | bytes:
    """Return the next message.

    Raises:
        WebSocketDisconnect: the client has gone.
    """
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
    text: str | None = message.get("text")
    return message["bytes"] if text is None else text


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait for their ends; what they raise is left to who asks for it."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
