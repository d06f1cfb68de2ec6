"""A task's way through the scheduler, in its process.

::

    SubmitTask -> tasks ---------> the queue --> schedule --> leases --RunTask--> a worker
                   ^  ^  (arguments there)                     |  ^                 |
                   |  '------------ retries <---- it failed ---'  '---- TaskDone ---'
                   '--------------- finished: results sealed, arguments let go

- tasks: tasks that are not finished: taken in, arguments awaited, queued, finished or failed
- schedule: the loop that gives waiting tasks to workers, on one node or several
- leases: tasks that are with workers, and the resources that they hold
- retries: tasks that have failed and are tried again, counted down; whether, after a worker died, says
  nodes/deaths, and how often by default wire/config
- cancelling: tasks that nobody wants any more

`tasks` owns the table of tasks by id and the tasks' first state, `leases` what each worker is at and what a
task holds, `retries` the count of attempts, `cancelling` whether a task was cancelled.
"""
