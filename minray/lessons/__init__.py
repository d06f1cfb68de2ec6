"""What the lessons need beside the runtime itself; learners import its names from here.

::

    basics --> watching --> judging --> exercises --> checking: check(...)
                  |                       ^   ^
                  '-------> hood ---------'   '-- photos        a --> b: b uses a

    experiments uses basics alone; teachers stand on top of all

The top has what is one file and no more:

- checking: check(...): runs a learner's function under guard, reads the events, has them judged
- fresh_start: reset(): back to the beginning of a lesson
- docstrings: docs(...): what a lesson has met, to look up

The rooms; the docstring of each lists its files:

- figures: what the pictures and the dashboard draw alike: colours, and the model of a task's cost
- basics: units of time, the session, where things are shown
- watching: what tasks did, from the events: records, schedules, pictures, predictions
- judging: how an answer is judged, and what the learner is told
- exercises: a file for each exercise with its judge and the texts of its hints, and a table of them
- hood: lesson 04's run, told in thirteen steps
- experiments: measurements that show when a task is worth its overhead
- photos: lesson 06's pictures, their classifier, and an outbox
- teachers: notebooks made from solutions, and graded

All runs in the notebook's kernel but teachers, which are programs, and the tasks that exercises hand to
workers.  A lesson uses Ray's own interface and the names below, nothing else; which hints are used up is all
that checking remembers.
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
