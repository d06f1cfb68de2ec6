"""The objects of a session, from the scheduler's side; their bytes are in `object_store`.  In its process.

::

    declared --seal--> ready: inline bytes | a place in the store | an error --nobody refers to it--> freed
        |                 |
    tasks wait        pushed to who owns it, or asked for it

- objects: takes messages about objects; who may write, who gets which value, what is freed
- table: what is known of each object; how often it is referred to, and by whom
- unseen_errors: errors of tasks that nobody has asked for
- whereabouts: objects that are lost, elsewhere, or freed by hand
- lineage: which task has made what, of what
- reconstruction: lost objects are made again, by running their tasks again
- streams: the items that generators yield

`table` owns the entries and the counts; which tasks and processes wait for an object, and what is
missing of a task, `objects` writes.
"""
