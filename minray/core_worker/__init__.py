"""The core worker: the library inside every driver and every worker, between the user's calls and the socket.

::

    f.remote -> submission -.                                  .-> getting -> get, wait
    put      -> putting ----+-> outbox -> connection <-socket->+-> futures -> await ref
    __del__ of references --'                                  '-> generator: items, as they are made

In reading order:

- core_worker: puts the parts together, and takes them apart
- current: which core worker this process has, if any; the job and namespace that it works in
- submission: from `f.remote(x)` to the task spec; cancelling
- putting: from values to objects: `put`, and what is too large for a message
- outbox: what leaves this process: in order, after the news, in bursts; how many references to each object
  it has, and the news of them; questions and their answers
- connection: the socket, shared by all threads: whoever waits reads
- getting: the values that this process has or expects; `get` and `wait` wait for them,
  in which order `wait` gives them back, and load them
- lending: the CPU of a task that waits, lent to others meanwhile
- futures: `await ref` and `ref.future()`
- generator: the streams of generator tasks, and the generators that users iterate over

Who owns what: `current` the process's core worker; `Outbox` news, order, bursts and open questions;
`LiveReferences` (in outbox) the counts, changed under the outbox's lock alone; `Arrivals` (in getting) values
and expectations, to which `Submission` and `Putting` add what they make; `Connection` the socket, its turns
and the background thread; `Streams` the streams; `Lending` who waits.
"""
