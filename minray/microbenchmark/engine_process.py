"""The process of its own in which one engine is measured, and how it is started.

It runs the lines one after the other and prints each result at once, so that whoever started it (`runner.py`)
knows what is being measured just now, and may end it if that takes too long::

    MINRAY-LINE {"begins": "1:1 actor calls sync"}
    MINRAY-LINE {"name": "1:1 actor calls sync", "unit": "round trips/s", "values": [...], "problem": ""}

For other engines than minray the package is only a name: importing the runtime would cost them start-up time
and memory that are none of theirs.
"""

import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .baselines import machine_lines, start_up_line
from .benchmark import Benchmark, Measurement, measure
from .cluster_lines import cluster_lines
from .more_lines import memory_line, more_lines
from .pools import pool_lines
from .ray_lines import ray_lines

MARK = "MINRAY-LINE "

_BOOT = """
import sys, types
package = types.ModuleType("minray")
package.__path__ = [{folder!r}]
if {engine!r} == "minray":
    sys.path.append({parent!r})
else:
    sys.modules["minray"] = package
from minray.microbenchmark.engine_process import main
main({engine!r}, {plan!r})
"""

_RAY_START_UP = """
import time
began = time.perf_counter()
import {engine} as ray
ray.init(include_dashboard=False, {options})
@ray.remote
def first():
    return 1
ray.get(first.remote())
print("seconds", time.perf_counter() - began, flush=True)
"""


def command(engine: str, python: str, plan: dict[str, Any]) -> list[str]:
    """How to start the process for an engine.

    Args:
        engine: "machine", "minray", "ray", or one of `pools.ENGINES`.
        python: the interpreter that has it.
        plan: "repeats", "seconds", "match", "scale", and "done", the names of lines to leave out.
    """
    folder = Path(__file__).resolve().parent.parent
    code = _BOOT.format(folder=str(folder), parent=str(folder.parent), engine=engine, plan=json.dumps(plan))
    return [python, "-c", code]


def main(engine: str, plan_text: str) -> None:
    """Measure all lines of an engine that the plan does not leave out."""
    plan = json.loads(plan_text)
    for benchmark in _lines(engine, plan["scale"]):
        if benchmark.name in plan["done"] or plan["match"] not in benchmark.name:
            continue
        _say({"begins": benchmark.name, "unit": benchmark.unit})
        try:
            measurement = measure(benchmark, plan["repeats"], plan["seconds"])
        except Exception as error:
            problem = f"{type(error).__name__}: {error}".split("\n")[0]
            measurement = Measurement(benchmark.name, benchmark.unit, (), problem)
        _say({**measurement.__dict__, "values": list(measurement.values)})


def _say(message: dict[str, Any]) -> None:
    # A line of its own, even if a worker's output has just been printed without an end of line.
    sys.stdout.write(f"\n{MARK}{json.dumps(message)}\n")
    sys.stdout.flush()


def _lines(engine: str, scale: float) -> Iterator[Benchmark]:
    if engine == "machine":
        yield from machine_lines(scale)
    elif engine in ("minray", "ray"):
        yield from _lines_with_rays_interface(engine, scale)
    else:
        yield from pool_lines(engine, scale)


def _lines_with_rays_interface(engine: str, scale: float) -> Iterator[Benchmark]:
    ray = importlib.import_module(engine)
    options = {"logging_level": "ERROR", "include_dashboard": False}
    yield start_up_line(_RAY_START_UP.format(engine=engine, options="logging_level='ERROR'"))
    ray.init(**options, resources={"custom": 100})
    try:
        time.sleep(1.0)  # let it come to rest
        yield memory_line()
        yield from ray_lines(ray, scale)
        yield from more_lines(ray, scale)
    finally:
        ray.shutdown()
    yield from cluster_lines(engine, scale)
