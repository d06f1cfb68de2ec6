"""A session: its folders and processes, and what a process knows of the one that it belongs to.

::

    driver --starts--> supervisor (a process of its own) --starts, watches, ends--> GCS, scheduler, zygote

In reading order:

- here: what this process knows of itself: session, task, actor; in drivers and workers
- folders: where sessions are on disk and in memory, found, made and swept; in all processes
- supervisor: the process that starts a node's others and ends them
- descendants: processes whose parents have ended: adopted, and ended
- exit_codes: what the end of a process is called, for people
- dashboard_link: the one dashboard of this user: found, or started

`here` owns its variables, which others only read; the supervisor owns the processes that it has started.
"""
