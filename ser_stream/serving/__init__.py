"""A service for many streams over WebSocket, and its web page. Needs the extra `serve`."""
