"""The command `ser-stream review`: a recorded session as a page, figures, or an MCAP file."""

from __future__ import annotations

import argparse
from pathlib import Path

from ser_stream.extras import require_extra
from ser_stream.files import prepare_file
from ser_stream.text import one_line


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the subcommands of a parser."""
    review = commands.add_parser(
        "review",
        help="show a recorded session as one HTML page",
        description="Write one HTML page that shows a session of listen --record, and plays its "
        "sound where it was recorded. The page needs no network.",
    )
    review.add_argument(
        "folder", type=Path, metavar="DIR",
        help="folder of a session, or the DIR of listen --record: then its newest session",
    )  # fmt: skip
    review.add_argument(
        "--output", type=Path, metavar="FILE",
        help="where the page is written; default: review.html in the session's folder",
    )  # fmt: skip
    review.add_argument("--png", type=Path, metavar="FILE", help="write a figure for reports too")
    review.add_argument("--pdf", type=Path, metavar="FILE", help="the same as PDF")
    review.add_argument("--mcap", type=Path, metavar="FILE", help="write it as MCAP too")
    review.set_defaults(run=_review)


def _review(arguments: argparse.Namespace) -> int:
    from ser_stream.sessions.page import write_page
    from ser_stream.sessions.read import find_session, read_session

    if arguments.mcap:
        require_extra("review --mcap", "mcap")
    if arguments.png or arguments.pdf:
        require_extra("review --png and --pdf", "matplotlib")
    session = read_session(find_session(arguments.folder))
    page = arguments.output or session.folder / "review.html"
    for path in filter(None, (page, arguments.png, arguments.pdf, arguments.mcap)):
        prepare_file(path)
    write_page(session, page)
    written = [page]
    if arguments.png or arguments.pdf:
        from ser_stream.sessions.plots import figures, write_pdf, write_png

        drawn = figures(session)
        if arguments.png:
            written += write_png(drawn, arguments.png)
        if arguments.pdf:
            write_pdf(drawn, arguments.pdf)
            written.append(arguments.pdf)
    if arguments.mcap:
        from ser_stream.sessions.mcap import write_mcap

        write_mcap(session, arguments.mcap)
        written.append(arguments.mcap)
    for path in written:
        print(one_line(str(path)))
    return 0
