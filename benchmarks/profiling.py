"""Where the time of one stream goes: voice activity, features, front end, head, windowing, rest.

cProfile counts; its own cost makes small functions look larger than they are. A second stream
without it gives the CPU time per hop that the shares are of.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
from pathlib import Path

from benchmarks.engines import BEFORE, NOW, time_stream
from benchmarks.measuring import MODEL, ROOT, Result, run_part
from benchmarks.sound import speech
from ser_stream import Recognizer

HOP_S = 0.5
VOICE_ACTIVITY, FEATURES, FRONT_END, HEAD = "voice activity", "features", "front end", "head"
WINDOWING, REST = "windowing", "rest"
FUNCTIONS = {
    VOICE_ACTIVITY: ("audio/voice_activity.py", "__call__"),
    FEATURES: ("features/log_mel.py", "__call__"),
    FRONT_END: ("engines/{engine}.py", "encode"),
    HEAD: ("engines/{engine}.py", "score"),
    WINDOWING: ("stream/windowing.py", "push"),
}
"""Part -> file in `ser_stream/` and function; windowing's own share is without the first two."""


def measure(arguments: argparse.Namespace) -> Result:
    """Profile a stream with the engine that a robot uses, and with torch."""
    rounds = 1 if arguments.quick else 10
    return {"engines": {engine: _profile(engine, rounds) for engine in (NOW, BEFORE)}}


def _profile(engine: str, rounds: int) -> Result:
    recognizer, samples = Recognizer(MODEL, engine=engine), speech()
    streams = [time_stream(recognizer, samples) for _ in range(rounds)]
    cpu_s = sum(stream.cpu_s for stream in streams)
    sound_s = sum(stream.sound_s for stream in streams)
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(rounds):
        time_stream(recognizer, samples)
    profile.disable()
    shares = shares_of(pstats.Stats(profile), engine)
    print(f"{engine}: {shares}", flush=True)
    ms_per_hop = 1e3 * cpu_s / sound_s * HOP_S
    return {
        "cpu_ms_per_hop": round(ms_per_hop, 3),
        "shares": {name: round(share, 4) for name, share in shares.items()},
        "functions": _top(pstats.Stats(profile), 8),
    }


def shares_of(stats: pstats.Stats, engine: str) -> dict[str, float]:
    """Return each part's share of the profiled time.

    Raises:
        LookupError: a function was not called: it has another name now.
    """
    entries = stats.stats  # type: ignore[attr-defined]
    seconds = {}
    for part, (file, function) in FUNCTIONS.items():
        path = ROOT / "ser_stream" / file.format(engine=engine.removesuffix("-int8"))
        found = [e[3] for key, e in entries.items() if (Path(key[0]), key[2]) == (path, function)]
        if not found:
            raise LookupError(f"{path}: {function} was not called; correct FUNCTIONS")
        seconds[part] = sum(found)
    seconds[WINDOWING] -= seconds[VOICE_ACTIVITY] + seconds[FEATURES]
    seconds[REST] = stats.total_tt - sum(seconds.values())  # type: ignore[attr-defined]
    return {part: value / stats.total_tt for part, value in seconds.items()}  # type: ignore[attr-defined]


def _top(stats: pstats.Stats, n: int) -> list[Result]:
    """Return the functions with the most time of their own."""
    total_s = stats.total_tt  # type: ignore[attr-defined]
    entries = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    return [
        {"function": _name(file, function), "share": round(own_s / total_s, 4), "calls": calls}
        for (file, _, function), (_, calls, own_s, *_) in entries[:n]
    ]


def _name(file: str, function: str) -> str:
    """Return a function's name with its file, without the folders of this machine."""
    path = Path(file)
    if not path.is_absolute():
        return function.strip("<>")
    if path.is_relative_to(ROOT):
        return f"{path.relative_to(ROOT).as_posix()}: {function}"
    return f"{path.parent.name}/{path.name}: {function}"


if __name__ == "__main__":
    run_part(measure)
