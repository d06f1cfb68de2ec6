"""The protocol: what processes say to each other, and how; used by all of them, and pure but for the sockets.

In reading order:

- config: named limits, times and defaults of all processes, each with its reason: lease size, retries, how
  long an idle worker stays, ...
- ids: the names of tasks and objects
- messages: every message, on one page
- demand: amounts of resources as messages carry them, those of placement groups too
- placement: where a task is to run, as its spec carries it
- rpc: messages as bytes, cut out of a stream again
- loop: the sockets of a process that serves many connections; in the scheduler and in further nodes
- jobs: a thread that does what may block for such a loop, and wakes it
- interrupts: Ctrl-C at the right moment, so that no message is half sent
- task_error: how an exception of the user's gets from a worker to whoever asks
- error_chain: the error of an argument, passed on to the task that needed it

A `Channel` and a `FrameReader` own their sockets and bytes, a `Loop` knows which channels have something to
send, and a thread of jobs what it has to do; all else here keeps nothing.
"""
