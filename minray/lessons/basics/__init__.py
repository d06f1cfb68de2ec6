"""What every room of the lessons uses: time in units, the session, where things are shown.

Runs in the notebook's kernel; clock, faults and what they need also in workers, with the tasks that they give
to exercises.

- clock: units, naps, the stopwatch: one setting (MINRAY_TIME_SCALE) makes lessons slower or faster
- session: what the lessons ask the runtime; no other module of theirs asks it anything
- faults: tasks that go wrong on purpose, or of which only the first counts
- display: a widget in a notebook, plain text elsewhere

No state but the environment's: the session is the runtime's.
"""
