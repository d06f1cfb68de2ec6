"""The task runs on the driver's node, where neither array is.

Expect: large-copied
"""

import minray as ray
from minray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


@ray.remote
def add_up(one, other):
    return float(one.sum() + other.sum())


def answer(large, small):
    here = NodeAffinitySchedulingStrategy(ray.nodes()[0]["NodeID"], soft=False)
    return ray.get(add_up.options(scheduling_strategy=here).remote(large, small))
