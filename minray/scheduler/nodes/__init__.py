"""The processes and nodes of a session, from the scheduler's side.  In its process.

- processes: workers are started, workers and drivers say hello; signals
- deaths: how they end, and what becomes of what was with them: a task is tried again (tasks/retries) or fails
- far_nodes: nodes beside the head's; entered only when there are some

`processes` owns the clients, and a worker's connection; `far_nodes` the records of the other nodes.
"""
