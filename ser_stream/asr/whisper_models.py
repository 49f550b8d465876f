"""Models of faster-whisper by name: from a folder, or from the Hugging Face Hub."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

from ser_stream.errors import InputError, shown
from ser_stream.files import sha256_of
from ser_stream.models.hub import cached_snapshot, download_snapshot, split_name

FILES = ("model.bin", "config.json", "tokenizer.json")
DOWNLOADED = (*FILES, "preprocessor_config.json", "vocabulary.*")


@dataclasses.dataclass(frozen=True)
class Pinned:
    """A model of the Hub that has a short name here.

    Attributes:
        repository: OWNER/NAME on the Hub.
        revision: commit.
        sha256: of model.bin, the weights; the commit stands for the other files.
    """

    repository: str
    revision: str
    sha256: str


_TURBO = Pinned(
    "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
    "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da",
)
PINNED = {
    "tiny": Pinned(
        "Systran/faster-whisper-tiny",
        "d90ca5fe260221311c53c58e660288d3deb8d356",
        "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1",
    ),
    "tiny.en": Pinned(
        "Systran/faster-whisper-tiny.en",
        "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    "base": Pinned(
        "Systran/faster-whisper-base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
    "small": Pinned(
        "Systran/faster-whisper-small",
        "536b0662742c02347bc0e980a01041f333bce120",
        "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671",
    ),
    "medium": Pinned(
        "Systran/faster-whisper-medium",
        "08e178d48790749d25932bbc082711ddcfdfbc4f",
        "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae",
    ),
    "large-v3": Pinned(
        "Systran/faster-whisper-large-v3",
        "edaa852ec7e145841d8ffdb056a99866b5f0a478",
        "69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1",
    ),
    "large-v3-turbo": _TURBO,
    "turbo": _TURBO,
    "distil-large-v3": Pinned(
        "Systran/faster-distil-whisper-large-v3",
        "c3058b475261292e64a0412df1d2681c06260fab",
        "b79368e19b6623813609431a6e5ee309a71506701ebc49fd7820e692dec7c5f5",
    ),
}
"""Name of a model -> where it is downloaded from."""


def whisper_folder(model: str) -> Path:
    """Return the folder of a model on this machine, downloading it where necessary.

    Args:
        model: a folder, a name of `PINNED`, or OWNER/NAME@COMMIT of the Hub; the commit may be left
            out where the model is in the Hub's cache.

    Raises:
        InputError: there is no such model, it is incomplete or damaged, or cannot be downloaded.
    """
    if os.path.isdir(model):
        return _complete(Path(model), f"asr model {model}")
    pinned = PINNED.get(model)
    if pinned is None and not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*(@[^@/]*)?", model):
        raise InputError(
            f"asr model: found {shown(model)}; accepted are a folder, OWNER/NAME@COMMIT of the "
            f"Hugging Face Hub, and {', '.join(PINNED)}"
        )
    repository, revision = (
        split_name(model) if pinned is None else (pinned.repository, pinned.revision)
    )
    folder = cached_snapshot(repository, revision, DOWNLOADED)
    if folder is None or _missing(folder):
        folder = _downloaded(model, repository, revision)
    _complete(folder, f"asr model {shown(model)}")
    if pinned is not None and (found := sha256_of(folder / "model.bin")) != pinned.sha256:
        raise InputError(
            f"{folder / 'model.bin'}: SHA-256 is {found[:12]}..., that of the model {model} is "
            f"{pinned.sha256[:12]}...: another or a damaged file; remove {folder} and the files "
            "that it links to, and start again"
        )
    return folder


def _downloaded(model: str, repository: str, revision: str | None) -> Path:
    reason = "a download needs the name with its commit, OWNER/NAME@COMMIT"
    cause: Exception | None = None
    if revision is not None:
        try:
            return download_snapshot(repository, revision, DOWNLOADED)
        except InputError:
            raise
        except Exception as error:  # of any type: no network, no such repository
            cause, reason = error, (str(error).splitlines() or [repr(error)])[0]
    raise InputError(
        f"asr model {shown(model)}: not on this machine, and cannot be downloaded ({reason}). On a "
        f"machine that can, download all files of it from https://huggingface.co/{repository}/tree/"
        f"{revision or 'main'} into a folder, and name the folder as model"
    ) from cause


def _complete(folder: Path, where: str) -> Path:
    if missing := _missing(folder):
        raise InputError(
            f"{where}: {', '.join(missing)} missing; expected is a Whisper model in CTranslate2's "
            "format"
        )
    return folder


def _missing(folder: Path) -> list[str]:
    return [name for name in FILES if not (folder / name).is_file()]
