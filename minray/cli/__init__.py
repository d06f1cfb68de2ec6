"""What the subcommands of `minray` do; `minray/__main__.py` loads each when it is asked for.

Each is a program of its own that the user starts.  They read recordings and the course's files; none of them
has a session.

- course: where the course's files are, and copies of them that never overwrite what a learner changed
- lab: `minray lab`: the course in JupyterLab, the dashboard beside a lesson; its process becomes Jupyter's
- listing: `minray list` and `minray summary`: tables of a session's tasks, actors, objects, ...
- recordings: `minray record` and `minray replay`: a session as one file, to hand out and to look at

Elsewhere are `minray check` (lessons/teachers/grading), `minray microbenchmark` (microbenchmark/main),
`minray dashboard` (the dashboard's own folder) and `minray timeline` (gcs/chrome_trace).  What was handed out
to a learner stands in the working folder, .minray/copied.json, which course alone writes.
"""
