"""`ser-stream serve` as it is measured: in a process of its own, on loopback."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.measuring import MODEL, child_environment, python

STOP_S = 60.0


class Service(NamedTuple):
    """A service that runs.

    Attributes:
        url: begins with http and ends without a slash.
        pid: of its process.
    """

    url: str
    pid: int

    @property
    def websocket_url(self) -> str:
        """The same, for WebSockets."""
        return self.url.replace("http", "ws", 1)


@contextlib.contextmanager
def serving(*options: object, model: str = MODEL) -> Iterator[Service]:
    """Run the service; options are those of `ser-stream serve`.

    Raises:
        RuntimeError: it does not start.
    """
    command = python("-m", "ser_stream.cli", "serve", "--port", 0, "--model", model, *options)
    with subprocess.Popen(
        command, env=child_environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := re.search(r"serving .* at (http://\S+)/ ", line):
                    yield Service(found[1], process.pid)
                    break
            else:
                raise RuntimeError(f"{' '.join(command)} ended with {process.wait()}")
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=STOP_S)
            process.kill()
