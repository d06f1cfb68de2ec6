"""The global control store: what happened in the session, for everybody to read, now and years later.

Its process only writes; nothing that a task waits for passes through it.  Dashboard, `timeline()`,
`util.state` and the lessons read the file by themselves::

    scheduler --StoreRows--> GcsProcess: EventWriter --one transaction a batch--> session.db <-- readers

In reading order:

- schema: the tables and views, and the states of tasks and actors
- store: the file: how it is written, and how it is read
- process: the GCS's process
- chrome_trace: a recording as Chrome's trace viewer shows it

Who owns what: EventWriter alone writes the file while the session runs; the supervisor adds why it ended.
"""
