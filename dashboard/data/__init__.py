"""What is known of a session: read from its event store, kept in bounded memory.  In the dashboard's process.

::

    session.db --source--> new rows --model--> Session -.-> columns: tasks, bars, waits, ...
        |                                               |-> workers: who works, and in which lane
        |                                               '-> holdings: actors and stored objects
        '--queries--> the details of one task, a story, an export: only when somebody asks

No Bokeh and no HTML in here; SQL only in ``source`` and ``queries``, a clock only in ``source`` and
``processes``.  One `Source` serves all browsers that look at the session, live or at the same moment.

- columns: `Ring` and `TaskTable`, hundreds of thousands of rows in NumPy arrays
- workers: `Run`, an execution that goes on; `CrewMember` and `CrewNode`; the `Crew` of them, and its lanes
- holdings: actors, and what lies in the object stores
- model: `Session`, everything the views draw, brought up to date row by row
- source: `Source` reads what is new in an event store; `Shelf` keeps those that somebody looks at
- queries: looks up what is too much to remember
- mosaic: the timeline zoomed out, as a picture in which a pixel is as strong as its worker was busy
- catalogue: which sessions there are, and what they are called
- processes: CPU and memory of workers and drivers

Who writes what: the source its meta, problem and version, and what views have computed (`Source.once`); the
session all it holds, by way of `Crew`, `ActorLives` and `Holdings` for what is theirs.  A `Run` enters its
states itself; the crew gives it its slot.  Views write nothing in here.
"""
