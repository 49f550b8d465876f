"""The ASGI application: addresses, and what answers at each."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ser_stream.serving import connection
from ser_stream.serving.access import Access
from ser_stream.serving.hub import Hub
from ser_stream.serving.local_source import Local
from ser_stream.serving.metrics import CONTENT_TYPE, Metrics
from ser_stream.serving.page_files import HEADERS as PAGE_HEADERS
from ser_stream.serving.page_files import page_files
from ser_stream.serving.protocol import BAD_TOKEN, RefusedError, status_fields
from ser_stream.serving.stream_socket import serve_stream
from ser_stream.serving.watch_socket import serve_viewer

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def make_app(hub: Hub, access: Access, local: Local | None = None) -> Starlette:
    """Return the application.

    Args:
        access: who may use it.
        local: source of this machine that is served too.
    """
    answers = _Answers(hub, access)
    return Starlette(
        routes=[
            Route("/health", answers.health),
            Route("/metrics", answers.metrics),
            Route("/v1/streams", answers.streams),
            WebSocketRoute("/v1/stream", answers.stream),
            WebSocketRoute("/v1/watch", answers.watch),
            Route("/{name}", answers.page),
            Route("/", answers.page),
        ],
        lifespan=_lifespan(hub, local),
    )


def _lifespan(
    hub: Hub, local: Local | None
) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        hub.start()
        if local is not None:
            await local.start(hub)
        yield
        if local is not None:
            await local.stop()
        await hub.stop()

    return lifespan


class _Answers:
    """The functions that answer requests."""

    def __init__(self, hub: Hub, access: Access):
        self._hub = hub
        self._access = access
        self._metrics = Metrics(hub)
        self._page = page_files()

    async def page(self, request: Request) -> Response:
        if refused := self._refused(request, page=True):
            return refused
        found = self._page.get(request.path_params.get("name", ""))
        if found is None:
            return _json({"error": "there is no such page"}, 404)
        content, media_type = found
        return Response(content, headers=PAGE_HEADERS, media_type=media_type)

    async def health(self, request: Request) -> Response:
        if refused := self._refused(request, page=True):
            return refused
        return _json(self._hub.health, 200 if self._hub.healthy else 503)

    async def metrics(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        return Response(self._metrics.text(), headers=HEADERS, media_type=CONTENT_TYPE)

    async def streams(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        return _json(
            {
                "max_streams": self._hub.limits.max_streams,
                "streams": [
                    {
                        "name": served.name,
                        "viewers": len(served.viewers),
                        "status": status_fields(served.status),
                    }
                    for served in self._hub.streams
                ],
            }
        )

    async def stream(self, websocket: WebSocket) -> None:
        await connection.serve(
            websocket, self._hub, self._access, lambda found: serve_stream(found, self._hub)
        )

    async def watch(self, websocket: WebSocket) -> None:
        await connection.serve(
            websocket, self._hub, self._access, lambda found: serve_viewer(found, self._hub)
        )

    def _refused(self, request: Request, page: bool = False) -> Response | None:
        """Return the answer to a request that is not permitted, None for one that is."""
        try:
            if page:
                self._access.check_page(request.headers)
            else:
                self._access.check(request.headers)
        except RefusedError as refusal:
            status = 401 if refusal.code == BAD_TOKEN else 403
            self._hub.refusals[refusal.code] += 1
            return _json({"error": str(refusal)}, status)
        return None


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status, headers=HEADERS)
