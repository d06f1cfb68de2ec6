"""What users write, checked and made ready: options, signatures, places, handles; in drivers and workers.

In reading order:

- options: which options tasks and actors may have, and those of a task, with their defaults (that of
  `max_retries`: wire/config)
- actor_options: those of an actor, filled up
- signatures: which arguments a function takes, so that a wrong call fails at once
- labels: labels of nodes and conditions on them, as users write them
- placement_group: placement groups: a handle, and the functions that make, find and remove them
- scheduling_strategies: what may be given as `scheduling_strategy`
- placing: from options to the placement and the resources that a task spec carries
- actor_handle: what an actor's methods are called through, in any process
- named_actors: actors that others have made: found, listed, killed

All of this is plain data but handles: an `ActorHandle` owns the list of its calls that may not be done.
"""
