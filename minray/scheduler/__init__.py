"""The local scheduler: one process a session, on the head's node.  It decides for all tasks what runs where.

::

    drivers, workers, further nodes          zygote          GCS
         |  ^ messages                          ^             ^ rows of events
         v  |                                   |             |
    +- process: the sockets --------------------+-------------+----------------------------------------+
    |  local_scheduler: gives each message to the part that it concerns                                |
    |                                                                                                  |
    |  tasks/    a plain task's way: taken in, queued, scheduled, leased, finished                     |
    |  objects/  what tasks take and make: who refers to it, who waits for it                          |
    |  nodes/    which processes there are, and how they end                                           |
    |  tables/   records and tables that all of these share                                            |
    |                                                                                                  |
    |  actors/ groups/ nodes/far_nodes objects/streams: what a plain task has nothing to do with       |
    +--------------------------------------------------------------------------------------------------+

To read in this order; a task's way is told at the top of `tasks/tasks`:

- process: the loop around the decisions, sockets in and sockets out
- local_scheduler: puts the parts together, and hands messages out
- tables: records of tasks, workers, clients, actors and nodes; resources, queue, events
- tasks: tasks that are not finished, the schedule loop, leases, retries, cancelling
- objects: the table of objects, their reference counts, lost ones made again, generators' items
- nodes: workers and drivers come, live and end; further nodes
- actors: how they are made, called, restarted, and end
- groups: placement groups
- announcements: what is told without being asked: prints, notices, garbage to collect
- questions: what is asked: `nodes()`, `available_resources()`, the state API

Whoever decides does no I/O and knows no clock but `EventLog.now`, which `process` sets once a turn.  A part
is given the parts below it that it uses, and is told by `connect` of those above it.  Which part writes which
field of a record is said in `tables/records`.
"""
