"""Stands in for a language model's server: the part of OpenAI's API that the examples use."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "I see."


class ChatServer(ThreadingHTTPServer):
    """Answers each chat with "I see.", at once or as a stream.

    Attributes:
        asked: the bodies of the requests so far.
        headers: those of the newest request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def messages(self, role: str) -> list[str]:
        """Contents of the messages of a role in the newest request."""
        return [m["content"] for m in self.asked[-1]["messages"] if m["role"] == role]


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.headers = dict(self.headers)
        if self.path != "/v1/chat/completions":
            self.send_error(404)
        elif body.get("stream"):
            chunk = {"index": 0, "delta": {"role": "assistant", "content": ANSWER}}
            head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
            event = json.dumps({**head, "choices": [chunk]})
            self._answer("text/event-stream", f"data: {event}\n\ndata: [DONE]\n\n")
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": ANSWER}}
            self._answer("application/json", json.dumps({"choices": [choice]}))

    def _answer(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""


@contextlib.contextmanager
def chat_server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
