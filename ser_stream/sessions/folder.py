"""The files of a recorded session.

A session is a folder that only its user can read (mode 700):

    README.txt      what the files hold, and that they are personal data
    events.jsonl    one JSON object per line, in the order of time; `event` says which
    audio-1.flac    sound of the first source, where it was asked for; audio-2.flac of the second

| event      | keys                                                                  |
|------------|-----------------------------------------------------------------------|
| `session`  | `format`, `ser_stream`, `started`, `model`, `labels`, `affect`,       |
|            | `settings`                                                            |
| `source`   | `source` (number, from 1), `name`, `started`                          |
| `estimate` | the keys of docs/json.md                                              |
| `speech`   | `words`, `final`, `start_s`, `end_s`                                  |
| `status`   | the attributes of `StreamStatus`, once a second                       |
| `audio`    | `file`, `sample`, `time_s`: when this sample was heard                |
| `end`      | `reason`: ""; the session was closed in order                         |

Lines are appended, and sound is written in blocks: what was written stays readable when the process
is killed.
"""

from __future__ import annotations

import datetime
import io
import os
from pathlib import Path

from ser_stream.errors import InputError
from ser_stream.files import PRIVATE, PRIVATE_FOLDER

FORMAT = 1
EVENTS, README = "events.jsonl", "README.txt"

ABOUT = """\
A session that ser_stream has recorded. `ser-stream review FOLDER` shows it.

PERSONAL DATA: {what}. Whoever reads these files learns what people
said or how they sounded. Only the user who recorded them can read them (mode 600); keep it so, tell
the people who were heard, and delete the folder when it is no longer needed.
"""


def now() -> str:
    """Return the time as ISO 8601, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")


def audio_name(source: int) -> str:
    """Return the name of the file with the sound of a source."""
    return f"audio-{source}.flac"


def new_session_folder(parent: Path, audio: bool, asked_by: str) -> Path:
    """Make the folder of a new session, named after the time, and its README.

    Args:
        audio: whether sound will be recorded.
        asked_by: the option or parameter that `parent` is the value of, for the message.

    Raises:
        InputError: the folder cannot be made, or nothing can be written into it.
    """
    name = datetime.datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
    what = "emotions, words" + (" and sound" if audio else "") + " of the people who were heard"
    try:
        parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        number = 1
        while True:
            folder = parent / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir(mode=PRIVATE_FOLDER)
                break
            except FileExistsError:
                if not folder.is_dir():
                    raise
                number += 1
        with new_file(folder / README) as file:
            file.write(ABOUT.format(what=what).encode())
    except OSError as error:
        raise InputError(
            f"{asked_by}: found {parent}, where nothing can be written "
            f"({error.strerror or error}); name another folder"
        ) from error
    return folder


def new_file(path: Path) -> io.FileIO:
    """Create a file that only this user can read, and that is written without a buffer.

    Raises:
        OSError: it cannot be created, or exists.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE)
    return io.FileIO(descriptor, "r+")
