"""What the lessons need beside the runtime itself.

::

    clock        units, naps, the stopwatch: one setting makes lessons slower or faster
    schedule     pure: plays through the rule by which tasks get workers
    recording    what the event store knows about some tasks
    picture      pure: schedules as accessible SVG
    prediction   predict(...) before an experiment, compare(...) after it
    checking     check(...) runs a learner's function and judges what it did:
                 guard -> evidence -> exercise_1, _2, ... and mistakes -> verdict
    experiment   measurements, live on the dashboard, drawn by plots, explained by cost_model
    under_the_hood -> scenes -> cluster_picture -> player
                 lesson 04's run, told in thirteen steps
    photos       lesson 06's pictures, their classifier, and an outbox
    docstrings   docs(...): what a lesson has met, to look up
    fresh_start  reset(): back to the beginning of a lesson
    build        makes notebooks/ from solutions/
    grading      `minray check`: grade_one runs a notebook, report checks in it, points makes the table
    strip        a git hook: no outputs in commits

A lesson uses Ray's own interface and the names below, nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .basics.clock import nap, stopwatch, time_scale
    from .checking import check
    from .docstrings import docs
    from .experiments.experiment import Experiment, bracket
    from .fresh_start import reset
    from .hood import under_the_hood
    from .hood.player import play
    from .watching.prediction import compare, draw, happened, predict
    from .watching.schedule import simulate, wait_rounds

__all__ = [
    "Experiment",
    "bracket",
    "check",
    "compare",
    "docs",
    "draw",
    "happened",
    "nap",
    "play",
    "predict",
    "reset",
    "simulate",
    "stopwatch",
    "time_scale",
    "under_the_hood",
    "wait_rounds",
]

# Imported when first used: every worker imports `nap` with its first task, and should not have to load
# pictures and checks for it, while a learner's schedule is being recorded.
_HOME = {
    "Experiment": "experiments.experiment",
    "bracket": "experiments.experiment",
    "check": "checking",
    "compare": "watching.prediction",
    "docs": "docstrings",
    "draw": "watching.prediction",
    "happened": "watching.prediction",
    "nap": "basics.clock",
    "play": "hood.player",
    "predict": "watching.prediction",
    "reset": "fresh_start",
    "simulate": "watching.schedule",
    "stopwatch": "basics.clock",
    "time_scale": "basics.clock",
    "under_the_hood": "hood.under_the_hood",  # a module: its `run` begins the story
    "wait_rounds": "watching.schedule",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f".{_HOME[name]}", __name__)
    return home if home.__name__.endswith(f".{name}") else getattr(home, name)
