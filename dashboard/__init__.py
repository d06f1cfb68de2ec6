"""The window on a session: Bokeh pages that draw what the event store remembers.

::

    session.db    written by the GCS, which knows nothing of us
        |
        |  data/source      new rows, by SQL: all that a tick of 70 ms has time for, once for all browsers
        v
     Session  data/model    counts, tasks, bars and workers, in bounded memory
        |
      Sight   view/sight    the session as one browser looks at it: which moment, which task
        |
      View    timeline/ and pages/     show(sight): the columns of Bokeh's plots, and HTML
        |
      Page    frame/app     one a tab: what has changed, as soon as the browser has painted what came before
        |
        |  server/server    HTTP and a WebSocket; strangers are turned away
        v
     browser: pixels

All of it is one process of its own, ``python -m minray.dashboard``, which sleeps until somebody visits it.
Two small files are read elsewhere, and need no Bokeh: ``notebook`` in the process of the driver, and
``jupyter`` in Jupyter's server.

Each room imports only those before it:

- data/: what has been read of a session; knows neither Bokeh nor HTML
- view/: what all views share: the `Sight`, links, colours, and how numbers read
- timeline/: the timeline, a page that is a part of another one, too
- pages/: the other pages
- frame/: what stands around every page, and the tab as a whole; names the pages, and loads each when it is
  first opened
- server/: who may come in, and when the process begins and ends
- __main__: the command line: how the process is started, and in which of its three roles
- notebook: `minray.dashboard()`, a page inside a notebook
- jupyter: the Launcher's tile and the panel in JupyterLab

The dashboard reads and never writes, so that it cannot disturb what it shows.  Of minray it imports only
``gcs`` (schema, store, chrome_trace), ``session.folders``, ``session.dashboard_link`` and
``lessons.figures``, which the lessons draw with, too.
"""

import sys

from .notebook import CallableModule, show

__all__ = ["show"]

sys.modules[__name__].__class__ = CallableModule
