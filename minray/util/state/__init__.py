"""`ray.util.state`: what the tasks, actors, objects, workers and nodes of a session are doing, as tables.

::

    session.db --tables.py--> rows --filters.py--> common.py's classes --summaries.py--> counts
    (logs)     --logs.py----> what tasks printed

The answers come from the event store, after everything that has happened so far has been written to it; so
they also work on the recording of a session that has ended.

- api: the questions: `list_*`, `get_*` and `summarize_*`
- source: where the answers come from: the running session's event store, or a recording
- tables: one function for each kind of thing, from the event store to rows
- filters: which rows are wanted, in SQL or in Python
- common: the classes that the answers are made of
- summaries: counts by name (pure)
- logs: what tasks and actors printed
- exception: what is raised where a question cannot be answered
"""

from . import common, exception
from .api import (
    get_actor,
    get_job,
    get_node,
    get_objects,
    get_placement_group,
    get_task,
    get_worker,
    list_actors,
    list_cluster_events,
    list_jobs,
    list_nodes,
    list_objects,
    list_placement_groups,
    list_runtime_envs,
    list_tasks,
    list_workers,
    summarize_actors,
    summarize_objects,
    summarize_tasks,
)
from .logs import get_log, list_logs

__all__ = [
    "common",
    "exception",
    "get_actor",
    "get_job",
    "get_log",
    "get_node",
    "get_objects",
    "get_placement_group",
    "get_task",
    "get_worker",
    "list_actors",
    "list_cluster_events",
    "list_jobs",
    "list_logs",
    "list_nodes",
    "list_objects",
    "list_placement_groups",
    "list_runtime_envs",
    "list_tasks",
    "list_workers",
    "summarize_actors",
    "summarize_objects",
    "summarize_tasks",
]
