"""`minray microbenchmark`: how fast the runtime is on this machine, measured, and beside other engines.

Each line of the table is one small *benchmark*, repeated; the middle result and the spread are shown, because
one number from one run says little on a machine that does other things as well.  Lines that Ray's own
microbenchmark has carry its names and do the same.  With ``--vs`` the same work is done by other engines in
the same run, each in a process of its own, and the table shows how many times better minray is.

::

    main --> runner --starts, one engine after the other--> engine_process --prints a line for each--> runner
      |                                                       |
      |                                                       '- ray_lines, more_lines, cluster_lines
      |                                                          (minray, ray), pools (the other engines),
      |                                                          baselines (what the machine can do)
      '----> report: the table        picture: the table as SVG

Events are recorded while all of this runs, as they are for every user; only the dashboard is left out, which
is a program of its own and would go on running after the last line.

- main: the command and its options, in the process that the user started
- runner: a process for each engine, and a new one where a line took too long; it alone ends them
- engine_process: that process: takes its lines one after the other, and prints each result at once
- benchmark: one line of the table: what is run, how it is measured, and its results
- ray_lines: what Ray's own microbenchmark measures, for minray and Ray
- more_lines: what that one lacks: memory, large objects, long queues, how small a task may be
- cluster_lines: three nodes on this machine
- pools: the same work on the engines that do not have Ray's interface
- baselines: what the machine itself can do, start-up times, and the memory of processes
- report: the table as text, Markdown and JSON
- picture: the table as SVG

Example:
    $ minray microbenchmark --match tasks
    $ minray microbenchmark --vs ray,loky --ray-python /path/to/an/environment/with/ray/bin/python
"""
