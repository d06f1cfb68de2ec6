"""The task is sent to the node of the small array: the starter as it is.

Expect: large-copied
"""

import minray as ray
from minray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


@ray.remote
def add_up(one, other):
    return float(one.sum() + other.sum())


def answer(large, small):
    there = NodeAffinitySchedulingStrategy(ray.nodes()[2]["NodeID"], soft=False)
    return ray.get(add_up.options(scheduling_strategy=there).remote(large, small))
