"""``minray record`` and ``minray replay``: a session's recording as one file, to hand out and to look at.

::

    minray record --> session.db of the newest session, complete even while it runs --> lesson.db
    minray replay lesson.db --> session_<when it began>_replay/session.db --> the dashboard's picker

A recording holds no code and no pickles: it is safe to open one that somebody sent you.
"""

import argparse
import shutil
import sqlite3
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ..gcs.store import copy, fold, read_meta
from ..session import folders


def record(argv: list[str], find_recording: Callable[[str | None], Path]) -> int:
    """Run ``minray record`` with the arguments that follow these two words."""
    parser = argparse.ArgumentParser(
        prog="minray record", description="Write a session's recording to a file of its own."
    )
    parser.add_argument("session", nargs="?", help="as `minray sessions` names it (default: the newest)")
    parser.add_argument("--output", type=Path, help="the file to write (default: the session's name, .db)")
    options = parser.parse_args(argv)
    try:
        recording = find_recording(options.session)
        output = options.output or Path(f"{recording.parent.name}.db")
        if output.exists():
            raise FileExistsError(f"{output} is there already; name another file with --output.")
        copy(recording, output)
    except (LookupError, OSError, sqlite3.Error) as error:
        print(f"minray record: {error}", file=sys.stderr)
        return 1
    print(f"Wrote {output}. Look at it anywhere with:  minray replay {output}")
    return 0


def replay(argv: list[str], dashboard: Callable[[list[str]], int]) -> int:
    """Run ``minray replay``; becomes the dashboard, or names the one that runs."""
    parser = argparse.ArgumentParser(
        prog="minray replay", description="Look at a recording in the dashboard."
    )
    parser.add_argument("file", type=Path, help="what `minray record` wrote, or the dashboard's export")
    options = parser.parse_args(argv)
    try:
        session = take_in(options.file)
    except (OSError, ValueError) as error:
        print(f"minray replay: {error}", file=sys.stderr)
        return 1
    print(f"{options.file} is in the dashboard's list of sessions, until newer recordings take its place.")
    return dashboard(["--session", session.name])


def take_in(file: Path) -> Path:
    """Put a recording among those of the user; one that is there already is left as it is.

    Returns:
        Its folder.

    Raises:
        ValueError: it is no recording.
        OSError: it cannot be read, or not be copied.
    """
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    try:
        began = datetime.fromtimestamp(float(read_meta(file)["started_at"]))
    except (KeyError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{file} is no recording of a minray session. `minray record` writes one."
        ) from error
    session = folders.root() / f"session_{began:%Y-%m-%d_%H-%M-%S_%f}_replay"
    session.mkdir(mode=0o700, exist_ok=True)
    if not (session / "session.db").exists():
        shutil.copyfile(file, session / "session.db")
        fold(session / "session.db")  # so that reading it leaves nothing behind
    return session
