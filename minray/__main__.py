"""The ``minray`` command; each subcommand lives in a module of its own and is loaded only when asked for."""

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

from .session import folders


def lab(argv: list[str]) -> int:
    """open the course in JupyterLab, the dashboard beside it"""
    from .cli.lab import main

    return main(argv)


def check(argv: list[str]) -> int:
    """run and grade a folder of learners' notebooks, and write a table of points"""
    missing = [name for name in ("nbclient", "psutil") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"minray check needs {', '.join(missing)}:  pip install 'minray[lab]'", file=sys.stderr)
        return 1
    from .lessons.teachers.grading import main

    return main(argv)


def dashboard(argv: list[str]) -> int:
    """start the dashboard, or find the running one, and print its address"""
    if importlib.util.find_spec("bokeh") is None:
        print("The dashboard needs Bokeh:  pip install 'minray[lab]'", file=sys.stderr)
        return 1
    # A program of its own: the dashboard reads what the runtime wrote and shares no process with it.
    os.execv(sys.executable, [sys.executable, "-m", "minray.dashboard", *argv])


def microbenchmark(argv: list[str]) -> int:
    """measure how fast tasks, gets and puts are on this machine"""
    from .microbenchmark.main import main

    return main(argv)


def timeline(argv: list[str]) -> int:
    """write a session's tasks as a Chrome trace, which ui.perfetto.dev opens"""
    from .gcs.chrome_trace import write_chrome_trace

    parser = argparse.ArgumentParser(prog="minray timeline", description=timeline.__doc__)
    parser.add_argument(
        "session", nargs="?", help="as `minray sessions` names it, or a session.db (default: the newest)"
    )
    parser.add_argument(
        "--output", default="timeline.json", help="the file to write (default: timeline.json)"
    )
    arguments = parser.parse_args(argv)
    try:
        recording = find_recording(arguments.session)
        write_chrome_trace(recording, arguments.output)
    except (LookupError, OSError) as error:
        print(f"minray timeline: {error}", file=sys.stderr)
        return 1
    print(
        f"Wrote {arguments.output} from {recording}\nOpen it at https://ui.perfetto.dev or in chrome://tracing."
    )
    return 0


def record(argv: list[str]) -> int:
    """write a session's recording to a file, to hand out"""
    from .cli.recordings import record

    return record(argv, find_recording)


def replay(argv: list[str]) -> int:
    """look at a recording that somebody handed out, in the dashboard"""
    from .cli.recordings import replay

    return replay(argv, dashboard)


def list_sessions(argv: list[str]) -> int:
    """list the sessions of which there are recordings, the newest first"""
    argparse.ArgumentParser(prog="minray sessions", description=list_sessions.__doc__).parse_args(argv)
    for session in folders.list_sessions():
        print(f"{'running ' if folders.is_live(session) else 'finished'}  {session}")
    return 0


def list_things(argv: list[str]) -> int:
    """list a session's tasks, actors, objects, workers, ..."""
    from .cli.listing import list_things

    return list_things(argv, find_recording)


def summary(argv: list[str]) -> int:
    """count a session's tasks, actors or objects by name and state"""
    from .cli.listing import summary

    return summary(argv, find_recording)


def find_recording(session: str | None) -> Path:
    """The event store of a session.

    Args:
        session: the session's name, its folder, or the file itself; None for the newest session.

    Raises:
        LookupError: there is no such recording.
    """
    if session is None:
        recordings = [folder / "session.db" for folder in folders.list_sessions()]
    else:
        recordings = [Path(session), Path(session) / "session.db", folders.root() / session / "session.db"]
    for path in recordings:
        if path.is_file():
            return path
    raise LookupError(
        f"there is no recording of {session or 'any session'}. `minray sessions` lists those there are; "
        "each init() makes one."
    )


SUBCOMMANDS: dict[str, Callable[[list[str]], int]] = {
    "lab": lab,
    "dashboard": dashboard,
    "check": check,
    "record": record,
    "replay": replay,
    "microbenchmark": microbenchmark,
    "timeline": timeline,
    "sessions": list_sessions,
    "list": list_things,
    "summary": summary,
}


def main(argv: list[str] | None = None) -> int:
    """Run the ``minray`` command.

    Args:
        argv: the words after ``minray``; those of this process if None.

    Returns:
        The exit status: 0 if all went well, 1 if not, 2 for a command line that makes no sense.

    Example:
        >>> main(["sessions"])
        0
    """
    what = "\n".join(f"  {name:<16}{run.__doc__}" for name, run in SUBCOMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="minray",
        description="A small distributed runtime to learn with.",
        epilog=f"subcommands (each has its own --help):\n{what}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subcommand", choices=SUBCOMMANDS, metavar="subcommand")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the subcommand takes")
    arguments = parser.parse_args(argv)
    return SUBCOMMANDS[arguments.subcommand](arguments.arguments)


if __name__ == "__main__":
    sys.exit(main())
