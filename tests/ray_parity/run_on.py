"""``python run_on.py ENGINE``: run all behaviours on one engine, print what they return as JSON.

A process of its own, because the two engines may be installed for different interpreters.
"""

import importlib
import json
import sys

from behaviours import BEHAVIOURS


def main(name: str) -> None:
    """Run every behaviour in one session of the engine; one marked line of the output is the answer."""
    ray = importlib.import_module(name)
    ray.init(num_cpus=2, include_dashboard=False)
    found = {behaviour.__name__: behaviour(ray) for behaviour in BEHAVIOURS}
    ray.shutdown()
    print("\nFOUND " + json.dumps({"version": ray.__version__, "found": found}))


if __name__ == "__main__":
    main(sys.argv[1])
