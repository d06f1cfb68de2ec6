"""`minray microbenchmark`: how fast the runtime is on this machine, measured and not claimed."""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from .benchmark import Measurement
from .picture import svg
from .report import ROW, as_json, as_markdown, as_text, comparison, machine
from .runner import Plan, interpreter_for, run_engine

ENGINES = ("ray", "dask", "loky", "concurrent.futures", "multiprocessing")

# For tests, and to see in a few seconds that everything works.
_QUICK = {"repeats": 1, "seconds": 0.0, "scale": 0.01, "limit": 30.0}

# Where a batch of tasks is measured once more without events: what recording them costs.
_WITHOUT_EVENTS = "single client tasks async"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add = parser.add_argument
    add("--repeats", type=int, default=5, help="results to collect for each line (default: 5)")
    add("--seconds", type=float, default=0.5, help="time for each result (default: 0.5)")
    add("--limit", type=float, default=60.0, help="seconds after which a line is given up (default: 60)")
    add("--scale", type=float, default=1.0, help="of the large batches; 1, the default, is Ray's sizes")
    add("--match", default="", metavar="TEXT", help="only the lines whose names contain TEXT")
    add("--quick", action="store_true", help="everything once, with small batches: to see that it works")
    add("--vs", default="", metavar="ENGINES", help=f"compare with these: {','.join(ENGINES)}")
    ray_python = os.environ.get("MINRAY_RAY_PYTHON", "")
    text = "the Python that has ray, dask and loky (default: the variable MINRAY_RAY_PYTHON, else this one)"
    add("--ray-python", default=ray_python, metavar="PATH", help=text)
    add("--json", type=Path, metavar="FILE", help="write all results there")
    add("--markdown", type=Path, metavar="FILE", help="write the table there")
    text = "where to draw the table (default: images/microbenchmark.svg if there is anything to compare)"
    add("--picture", type=Path, metavar="FILE", help=text)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `minray microbenchmark`; returns its exit status."""
    parser = argparse.ArgumentParser(prog="minray microbenchmark", description=(__doc__ or "").split("\n")[0])
    add_arguments(parser)
    options = parser.parse_args(arguments)
    if options.repeats < 1 or options.seconds < 0:
        parser.error("--repeats must be at least 1, and --seconds not negative")
    engines = [engine for engine in options.vs.split(",") if engine]
    if unknown := [engine for engine in engines if engine not in ENGINES]:
        parser.error(f"there is no engine {unknown[0]!r}; there are {', '.join(ENGINES)}")
    for name, value in (_QUICK if options.quick else {}).items():
        setattr(options, name, value)
    plan = Plan(options.repeats, options.seconds, options.limit, options.match, options.scale)
    where = machine()  # now: its load is soon our own
    print(where)
    results: dict[str, list[Measurement]] = {}
    absent: dict[str, str] = {}
    for engine in ["machine", "minray", *engines]:
        print(ROW.format(engine, "median", "spread", "unit"), flush=True)
        try:
            for measurement in _measure(engine, interpreter_for(engine, options.ray_python), plan):
                results.setdefault(engine, []).append(measurement)
                print(ROW.format(*measurement.row()), flush=True)
        except ImportError:
            absent[engine] = "not installed"
        except RuntimeError as error:
            absent[engine] = str(error)
        if engine in absent:
            print(f"{engine} is absent: {absent[engine]}", flush=True)
    if not results.get("minray") and not results.get("machine"):
        parser.error(f"no line's name contains {options.match!r}")
    _write(options, results, absent, where)
    return 0


def _measure(engine: str, python: str, plan: Plan) -> Iterator[Measurement]:
    yield from run_engine(engine, python, plan)
    if engine == "minray" and plan.match in _WITHOUT_EVENTS:
        silent = Plan(**{**plan.__dict__, "match": _WITHOUT_EVENTS, "environment": {"MINRAY_EVENTS": "off"}})
        for measurement in run_engine(engine, python, silent):
            if measurement.name == _WITHOUT_EVENTS:
                name = f"{_WITHOUT_EVENTS}, no events recorded"
                yield Measurement(name, measurement.unit, measurement.values, measurement.problem)


def _write(
    options: argparse.Namespace,
    results: dict[str, list[Measurement]],
    absent: dict[str, str],
    where: str,
) -> None:
    """The whole table, and the files that were asked for."""
    rows = comparison(results)
    compared = len(rows[0]) > 3
    if compared:
        print(f"\n(2x): minray is twice as fast, or needs half as much\n\n{as_text(rows)}")
    if options.json is not None:
        options.json.write_text(as_json(results, absent, where), encoding="utf-8")
    if options.markdown is not None:
        options.markdown.write_text(as_markdown(rows), encoding="utf-8")
    picture = options.picture or (Path("images", "microbenchmark.svg") if compared else None)
    if picture is not None and results.get("minray"):
        picture.parent.mkdir(exist_ok=True)
        picture.write_text(svg(results, where), encoding="utf-8")
        print(f"\nThe picture is in {picture}.")
