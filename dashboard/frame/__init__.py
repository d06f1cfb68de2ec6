"""A browser tab, and what stands around every page.  In the dashboard's process.

::

    header      minray  live   lesson.py pid 4711 ...           [Export] [Session v]
    navigation  Overview | Timeline | Tasks | ...
    scrubber    -----------------------o  now
    notice      Ready for work ...
                (the page that was chosen)
    details     the task that was clicked

- pacing: never more updates on their way to a browser than it keeps up with
- header: what is shown, whether it still runs, and the picker to show something else
- navigation: which pages there are, and the buttons to choose among them
- scrubber: look at the session as it was at any moment of its life
- notice: what is wrong with a recording, or what to do when there is nothing to show
- details: everything about the task that was clicked
- app: `Page`, one a tab, with all of that; `Library`, what all tabs share

The page owns what its tab shows: which session, which moment, which task.  The library owns the list of
sessions and the sources, and is the only one to have them read.
"""
