"""The tables of docs/performance.md, made from the parts' results."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence

from benchmarks.measuring import DEFAULT, MODEL, Result

Results = dict[str, Result]
"""Part -> its result; parts that were not measured are missing."""

NOT_MEASURED = "not measured"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---:") -> str:
    """Return a Markdown table; all columns but the first are aligned to the right by default."""
    lines = [f"| {' | '.join(columns)} |", "|---|" + f"{align}|" * (len(columns) - 1)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def wrapped(text: str) -> str:
    """Return a paragraph in lines of up to 100 characters."""
    return textwrap.fill(text, 100, break_on_hyphens=False)


def number(value: float | None) -> str:
    """Return a number with three significant digits.

    >>> number(0.04167), number(2.449), number(31.96), number(1234.5)
    ('0.0417', '2.45', '32.0', '1,234')
    """
    if value is None:
        return ""
    size = abs(value)
    digits = 4 if size < 0.1 else 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{value:,.{digits}f}"


def percent(share: float) -> str:
    """Return a share as percent.

    >>> percent(0.0186)
    '1.9 %'
    """
    return f"{100 * share:.1f} %"


def _times(summary: Result) -> list[str]:
    return [number(summary["p50_ms"]), number(summary["p99_ms"]), f"{summary['n']:,}"]


def _missing(reasons: dict[str, str]) -> str:
    """Return a line for each contestant that could not be measured."""
    return "".join(f"\n\n{name}: {NOT_MEASURED} ({why})." for name, why in reasons.items())


def machine(results: Results) -> str:
    """Return the machines of the results: usually one."""
    found: dict[tuple[str, ...], list[str]] = {}
    for part, result in results.items():
        each = result["machine"]
        row = (
            f"{each['cpu']}, {each['cores']} cores, {each['memory_gb']:g} GB",
            f"{each['system']}, Python {each['python']}",
            ", ".join(f"{name} {text}" for name, text in each["versions"].items()),
            f"{each['commit']}, {each['date']}",
        )
        found.setdefault(row, []).append(part)
    columns = ("machine", "system", "versions", "commit", "parts")
    rows = [(*row, ", ".join(parts)) for row, parts in found.items()]
    return table(columns, rows, align="---")


def features(results: Results) -> str:
    """Return the times of the features of a hop."""
    result = results["features"]
    own = result["contestants"]["ser_stream"]["p50_ms"]
    titles = {
        "ser_stream": "ser_stream: the new frames, in blocks of 32 ms",
        "librosa": "librosa: log-mel of the whole window",
        "openSMILE eGeMAPSv02": "openSMILE: eGeMAPSv02 functionals of the whole window",
    }
    rows = [
        (titles[name], *_times(each), number(each["p50_ms"] / own))
        for name, each in result["contestants"].items()
    ]
    columns = ("features of a hop", "p50 ms", "p99 ms", "n", "times ser_stream's")
    return table(columns, rows) + _missing(result["missing"])


def per_hop(results: Results) -> str:
    """Return the times of an estimate."""
    result = results["per_hop"]
    contestants, shares = result["contestants"], result["share_of_core"]
    own = next(iter(contestants.values()))["p50_ms"]
    parameters = result["parameters"]
    titles, sizes = {}, dict(parameters)
    for name in shares:
        model = DEFAULT if name.startswith(f"{DEFAULT}, ") else MODEL
        engine = name.removeprefix(f"{DEFAULT}, ")
        titles[name] = f"`{model}`, engine {engine}: last block to estimate"
        titles[f"{name}, network alone"] = f"`{model}`, its network alone, engine {engine}"
        size = parameters[DEFAULT if model == DEFAULT else "ser_stream"]
        sizes |= {name: size, f"{name}, network alone": size}
    titles |= {
        "whole window": f"whole window: librosa, then the network of `{MODEL}`",
        "wav2vec2": "network of wav2vec2-base's size",
        "whisper 5 s": "encoder of Whisper base's size",
        "whisper 30 s": "the same, padded to 30 s",
    }
    rows = [
        (
            titles[name],
            f"{sizes[name] / 1e6:.1f}",
            *_times(each),
            number(each["p50_ms"] / own),
            percent(shares[name]) if name in shares else "",
        )
        for name, each in contestants.items()
    ]
    columns = (
        "one estimate", "million parameters", "p50 ms", "p99 ms", "n", "times the first row",
        "share of a core in real time",
    )  # fmt: skip
    return table(columns, rows) + _missing(result["missing"])


def latency(results: Results) -> str:
    """Return the latencies of a live stream."""
    titles = {
        "estimate": "the estimate",
        "emotion": "a DDS subscriber, `/emotion`",
        "emotion/scores": "a DDS subscriber, `/emotion/scores`",
    }
    rows = []
    for contestant, each in _programs(results["latency"]).items():
        rows += [(f"{title}, {contestant}", *_times(each[name])) for name, title in titles.items()]
        lost = each["published"] - each["received"]
        rows.append((f"estimates lost on the way, {contestant}", "", "", f"{lost}"))
    return table(("from the last sample to", "p50 ms", "p99 ms", "n"), rows)


def _programs(result: Result) -> dict[str, Result]:
    """Return model and engine -> what was measured of the program with them."""
    by_model = {MODEL: result["engines"], DEFAULT: result.get("default_engines", {})}
    return {
        f"`{model}`, engine {engine}": each
        for model, engines in by_model.items()
        for engine, each in engines.items()
    }


def listen(results: Results) -> str:
    """Return start, share of a core and memory of the program."""
    rows: list[tuple[str, Callable[[Result], str]]] = [
        ("start to listening, s", lambda each: number(each["listening_s"])),
        ("start to first estimate, s", lambda each: number(each["first_estimate_s"])),
        ("of which sound, s", lambda each: number(each["sound_before_it_s"])),
        ("share of a core", lambda each: percent(each["share_of_core"])),
        ("resident memory (RSS), MB", lambda each: number(each["rss_mb"])),
        ("proportional memory (PSS), MB", lambda each: number(each["pss_mb"])),
        ("peak memory, MB", lambda each: number(each["peak_mb"])),
        ("sound from", lambda each: f"a {each['source']}"),
    ]
    programs = _programs(results["listen"])
    return table(
        ("`ser-stream listen`", *programs),
        [(title, *(cell(each) for each in programs.values())) for title, cell in rows],
    )


def streams(results: Results) -> str:
    """Return what every tried number of streams gave."""
    result = results["streams"]
    by_model = {MODEL: result["by_processes"], DEFAULT: result.get("default_by_processes", {})}
    rows = [
        (
            f"`{model}`",
            processes,
            f"{each['streams']:,}",
            number(each["p50_ms"]),
            number(each["p99_ms"]),
            number(each["cpu_cores"]),
            f"{each['skipped']:,}",
            number(each["pss_mb"]),
        )
        for model, by_processes in by_model.items()
        for processes, found in by_processes.items()
        for each in found["tried"]
    ]
    columns = (
        "model", "processes", "streams", "p50 ms", "p99 ms", "cores in use", "windows skipped",
        "memory in all (PSS), MB",
    )  # fmt: skip
    largest = "; ".join(
        f"`{model}` {found['largest']:,} with {processes} process{'' if processes == '1' else 'es'}"
        for model, by_processes in by_model.items()
        for processes, found in by_processes.items()
    )
    served = wrapped(f"Served with p99 below 100 ms: {largest}.")
    return f"{table(columns, rows)}\n\n{served}"


def windows(results: Results) -> str:
    """Return the time of an estimate by the length of the window."""
    rows = [
        (
            f"{each['window_s']:g}",
            *_times(each["streamed"])[:2],
            *_times(each["whole"])[:2],
        )
        for each in results["scaling"]["windows"]
    ]
    columns = ("window, s", "p50 ms", "p99 ms", "whole window: p50 ms", "whole window: p99 ms")
    figure = "![Cost by window, hop and number of streams](figures/scaling.png)"
    return f"{table(columns, rows)}\n\n{figure}"


def hops(results: Results) -> str:
    """Return the share of a core by the hop."""
    rows = [
        (f"{each['hop_s']:g}", *_times(each["streamed"])[:2], percent(each["share_of_core"]))
        for each in results["scaling"]["hops"]
    ]
    return table(("hop, s", "p50 ms", "p99 ms", "share of a core in real time"), rows)


def long(results: Results) -> str:
    """Return latency, memory and share of a core by the hour."""
    result = results["long"]
    rows = [
        (f"{hour}", *_times(each), number(each["rss_mb"]), percent(each["share_of_core"]))
        for hour, each in enumerate(result["hours"], 1)
        if "n" in each
    ]
    columns = ("hour", "p50 ms", "p99 ms", "estimates", "RSS at its end, MB", "share of a core")
    growth = result["growth_mb_per_hour"]
    slope = NOT_MEASURED if growth is None else f"{growth:+.3f} MB per hour"
    figure = "![Memory and latency over ten hours](figures/ten_hours.png)"
    growth_line = f"Growth of memory after the first 30 minutes: {slope}."
    return f"{table(columns, rows)}\n\n{growth_line}\n\n{figure}"


def many_streams(results: Results) -> str:
    """Return the latency of batches of streams, on a GPU where there was one."""
    result = results["many_streams"]
    rows = [
        (result["device"], f"{each['streams']:,}", *_times(each)[:2]) for each in result["streams"]
    ]
    if not result["gpu"]:
        rows.append(("H200", "5,000", NOT_MEASURED, NOT_MEASURED))
    return table(("network in batches, engine torch, on", "streams", "p50 ms", "p99 ms"), rows)


def environment(results: Results) -> str:
    """Return the installed size of each package that has more than 1 MB anywhere."""
    found = results["environment"]["environments"]
    sizes = {name: each["packages_mb"] for name, each in found.items()}
    packages = dict.fromkeys(package for each in sizes.values() for package in each)
    shown = [p for p in packages if max(each.get(p, 0.0) for each in sizes.values()) >= 1.0]
    shown.sort(key=lambda p: -max(each.get(p, 0.0) for each in sizes.values()))
    rows = [(p, *(number(each.get(p)) for each in sizes.values())) for p in shown]
    small = [sum(mb for p, mb in each.items() if p not in shown) for each in sizes.values()]
    totals = [f"**{each['total_mb']:,.0f}**" for each in found.values()]
    return table(
        ("installed, MB", *(f"ser_stream{'' if n == 'base' else f'[{n}]'}" for n in found)),
        [*rows, ("packages below 1 MB", *map(number, small)), ("**all**", *totals)],
    )


def profile(results: Results) -> str:
    """Return the share of each part of the work, and what that is in time."""
    engines = results["profiling"]["engines"]
    parts = next(iter(engines.values()))["shares"]
    rows = [
        (
            part,
            *(
                f"{percent(each['shares'][part])}, "
                f"{number(each['shares'][part] * each['cpu_ms_per_hop'])} ms"
                for each in engines.values()
            ),
        )
        for part in parts
    ]
    rows.append(("all", *(f"{number(each['cpu_ms_per_hop'])} ms" for each in engines.values())))
    shares = table(("CPU time per hop of sound", *(f"engine {e}" for e in engines)), rows)
    functions = [
        (f"`{each['function']}`", percent(each["share"]), f"{each['calls']:,}")
        for each in next(iter(engines.values()))["functions"]
    ]
    engine = next(iter(engines))
    columns = (f"function with the most time of its own, engine {engine}", "share", "calls")
    return f"{shares}\n\n{table(columns, functions)}"
