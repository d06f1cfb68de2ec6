"""What the parts of the scheduler share: records, and tables that are decided purely.  In its process.

- records: one record each for a client, a worker, a task, an actor and a node, and who writes which field
- resources: what a node has, and what of it is free
- gpus: which GPU a task uses
- queue: the tasks that are ready and wait, in lines
- worker_pool: the workers of a node: how many to start, which one is idle, which may go (when: wire/config)
- nodes: the nodes that live
- choice: on which of several nodes a task is to run; why on none, and what the user is told then
- run_times: how long tasks of a function take, and so how many to lease at once (at most: wire/config)
- lines: the calls of an actor that wait, a line a caller
- event_log: the rows for the event store, until they are handed over; has the time

Each table owns its own state; the records' fields are owned as `records` says.
"""
