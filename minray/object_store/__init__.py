"""The object store: shared memory in which all processes of a node read the same objects.

It runs in three kinds of processes.  Whoever writes or reads an object does so itself, without a copy; who
may write where, and what goes to the disk, the node's scheduler process decides (the head's, or a further
node's)::

    driver, worker            scheduler process, or far node           its threads
    StoreClient --CreateSegment--> StoreRoom, StoreBook --Job--> StoreFiles: remove, spill, restore
        | <--------Reply---------'    (SessionRoom, Pulls) --PullJob--> Transfers <--bytes--> other nodes
    ObjectStore
        '--write, map--> /dev/shm <--------flock, rename--------------- StoreFiles.retire

In reading order:

- segments: what an object is: a file in shared memory that is written once and mapped by its readers; its
  name and its folder
- client: how a driver or worker writes and reads, with the scheduler's help
- ports: what the store asks of those who use it
- book: which segment is used for what, and how much that is; pure
- room: who gets room, and what is spilled to make it, pure; its rows for the event store
- files: what the scheduler process does with the files: retire at once, all else in a thread
- spill_notice: what the user is told when much was spilled
- copies: the head's room, which knows of the copies on other nodes too; pure
- pulls: which objects are on their way to this node, and who waits for them; pure
- transfers: how their bytes travel

Who owns what: a StoreBook all that is known of segments, and only its StoreRoom changes it; a StoreRoom the
requests that wait, and what may be spilled; Pulls what is being copied; an ObjectStore the mappings of its
process.  The room adds to `creating` of a process; whoever hears that the object is complete takes it out.
"""
