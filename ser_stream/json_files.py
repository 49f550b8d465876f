"""JSON that people read: each list of plain values on one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

# In `json.dumps(..., indent=1)`, where no text holds a line break. Lists of texts with brackets
# stay as they are.
_PLAIN_LIST = re.compile(r"\[\n\s*([^][{}]*)\n\s*\]")


def write_json(path: Path, value: Any) -> None:
    """Write a value as UTF-8 JSON.

    Raises:
        OSError: the file cannot be written.
        TypeError: JSON has no such value.
    """
    text = json.dumps(value, indent=1)
    text = _PLAIN_LIST.sub(lambda found: "[" + re.sub(r"\n\s*", " ", found[1]) + "]", text)
    path.write_text(text + "\n", encoding="utf-8")
