"""Actors, from the scheduler's side.  In its process; a task that is no actor's enters none of this.

- table: all actors, by id and by name; a drawing of an actor's states
- creation: how actors are made, and made again: the way of their constructors
- calls: the way of their calls
- actors: how they are restarted, and end
- log: their rows for the event store

`actors` writes an actor's state and worker, `creation` what its constructor says of it, `calls` which of its
calls are under way.
"""
