"""Counts by name: what `summarize_tasks` and its siblings return.

Pure: rows in, dictionaries of Ray's form out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

_TOTALS = {
    "NORMAL_TASK": "total_tasks",
    "ACTOR_TASK": "total_actor_tasks",
    "ACTOR_CREATION_TASK": "total_actor_scheduled",
}


def of_tasks(counts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """How many attempts of which task are in which state; by function or method.

    Args:
        counts: mappings with func_or_class_name, type, state and count.
    """
    summary: dict[str, Any] = {}
    totals = dict.fromkeys(_TOTALS.values(), 0)
    for row in counts:
        name = row["func_or_class_name"]
        one = summary.setdefault(name, {"func_or_class_name": name, "type": row["type"], "state_counts": {}})
        _count(one["state_counts"], row["state"], row["count"])
        totals[_TOTALS[row["type"]]] += row["count"]
    return {"cluster": {"summary": summary, **totals, "summary_by": "func_name"}}


def of_actors(actors: Iterable[Any]) -> dict[str, Any]:
    """How many actors of which class are in which state."""
    summary: dict[str, Any] = {}
    total = 0
    for actor in actors:
        one = summary.setdefault(actor.class_name, {"class_name": actor.class_name, "state_counts": {}})
        _count(one["state_counts"], actor.state)
        total += 1
    return {"cluster": {"summary": summary, "total_actors": total, "summary_by": "class"}}


def of_objects(objects: Iterable[Any]) -> dict[str, Any]:
    """How many objects there are, how large, and why they are kept.

    Ray groups by the line that made the object, if it records those; like Ray by default, minray does not.
    """
    found = list(objects)
    megabytes = sum(max(one.object_size, 0) for one in found) / 1024**2
    one: dict[str, Any] = {
        "total_objects": len(found),
        "total_size_mb": megabytes,
        "total_num_workers": len({entry.pid for entry in found}),
        "total_num_nodes": len({entry.ip for entry in found}),
        "task_state_counts": {},
        "task_attempt_number_counts": {},
        "ref_type_counts": {},
    }
    for entry in found:
        _count(one["task_state_counts"], entry.task_status)
        _count(one["task_attempt_number_counts"], str(entry.attempt_number))
        _count(one["ref_type_counts"], entry.reference_type)
    return {
        "cluster": {
            "summary": {"disabled": one} if found else {},
            "total_objects": len(found),
            "total_size_mb": megabytes,
            "callsite_enabled": False,
            "summary_by": "callsite",
        }
    }


def _count(counts: dict[str, int], key: str, more: int = 1) -> None:
    counts[key] = counts.get(key, 0) + more
