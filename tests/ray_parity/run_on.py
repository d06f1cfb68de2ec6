"""``python run_on.py ENGINE [SUBJECT ...]``: run behaviours on one engine, print what they return as JSON.

A process of its own, because the two engines may be installed for different interpreters.  The behaviours of
a subject stand in ``behaviours_SUBJECT.py``, what Ray returned in ``ray_found_SUBJECT.json``; those of tasks
and objects, whose subject is "", in the files without one.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent


def modules(subjects: list[str]) -> list[ModuleType]:
    """The modules with the behaviours of some subjects; of all, if none is named."""
    names = [f"behaviours_{subject}".rstrip("_") for subject in subjects]
    names = names or sorted(path.stem for path in HERE.glob("behaviours*.py"))
    return [importlib.import_module(name) for name in names]


@contextmanager
def session(ray: ModuleType) -> Iterator[None]:
    """A session of one node, for the subjects that do not say what they need."""
    ray.init(num_cpus=2, include_dashboard=False)
    yield
    ray.shutdown()


def main(name: str, subjects: list[str]) -> None:
    """Run every behaviour in a session of the engine; one marked line of the output is the answer."""
    ray = importlib.import_module(name)
    found = {}
    chosen = modules(subjects)
    for start in {getattr(module, "session", session) for module in chosen}:
        with start(ray):
            for module in chosen:
                if getattr(module, "session", session) is start:
                    found |= {behaviour.__name__: behaviour(ray) for behaviour in module.BEHAVIOURS}
    print("\nFOUND " + json.dumps({"version": ray.__version__, "found": found}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
