"""The worker process: runs tasks, one after the other, or hosts one actor.

::

    zygote --fork--> worker: main loop -> execution: load, call, serialize -> TaskDone
                        |                    '- failures, generators: what else a task may end in
                        |-> actor_host -> concurrent_calls -> call_groups: calls beside each other
                        '-> output: what it prints;  lease_watch: what it gives back

In reading order:

- zygote: the clean process that forks workers
- worker: the main loop: which task is next, signals, the end
- execution: the running of one task
- failures: what becomes of an exception
- generators: items that go out one by one, or all at the end
- output: printed lines, and the name of who printed them, on their way to the driver; the process's title
- lease_watch: the rest of a lease, given back if its current task takes long
- actor_host: the actor that lives here: its object, and when which of its calls runs
- concurrent_calls: calls of an actor that may have several under way
- call_groups: the threads or event loop of a concurrency group

Who owns what: `WorkerProcess` which task runs, and since when; `Execution` the functions that are loaded and
whether a signal finds the user's code; `ActorRunner` the user's object and the actor's end; a group its line,
threads or loop.  What others ask of the task and actor of this process is in `session/here`, which is told.
"""
