"""A session outside its tasks: its folders, the processes of its nodes, and what each process knows of it.

::

    supervisor --forks--> GCS, zygote --forks--> workers, scheduler (or far node)
         '-- in folders: /tmp/minray-<uid>/session_.../   the lock is held as long as the session runs

In reading order:

- folders: where sessions live on disk, which of them run, what is swept away when; any process
- supervisor: the first process of a node to start and the last to end
- descendants: how what a worker has started ends with it; zygote, workers, schedulers
- exit_codes: which children have ended, and how, in words
- here: what this process knows of itself, its session, task, GPUs and actor; drivers and workers
- dashboard_link: how `init` finds the user's dashboard or starts it; drivers

Who owns what: the supervisor the lock and the processes of its node; `here` alone writes its variables; the
dashboard, while it runs, its record in the folder of the sessions.
"""
