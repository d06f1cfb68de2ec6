"""Placement groups, from the scheduler's side.  In its process; only tasks in groups enter this.

- policy: which group gets its resources when, decided purely
- bundle_plan: which bundle goes to which node, as one pure function
- groups: messages about groups; what becomes of the tasks of one that is removed
- log: their rows for the event store

`policy` owns how far a group's scheduling has come and where its bundles are, `groups` all else of it.
"""
