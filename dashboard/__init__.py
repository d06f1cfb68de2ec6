"""The window on a session: Bokeh pages that draw what the event store remembers.

::

    session.db --SQL--> source.py --rows--> model.py --columns, counts, workers--> one small file a view
                                                                                     |
    browser <--WebSocket-- server.py (token, Host, Origin) <-- app.py (one page a browser, 100 ms)

===============  ===================================================================================
``__main__``     the command line: how the process is started, and in which of its three roles
``doorman``      waits for the first visitor in 8 MB, and decides when nobody needs the process any more
``server``       HTTP: turns strangers away, lands friends on the page, serves Bokeh
``guard``        the decision behind that, without any HTTP
``catalogue``    which sessions there are, and what they are called
``source``       reads new rows of a session's event store; with ``queries`` all that knows SQL
``queries``      looks up what is only wanted when somebody asks: a task's details, a story, an export
``model``        turns rows into bounded counts, tasks and bars; knows neither SQL nor Bokeh
``columns``      the bounded columns; ``workers``, ``holdings``: the other parts of the model
``app``          one browser tab: which session and page it shows, and when it sends what
``pacing``       never more updates on the way than the browser has painted
``sight``        what a view is handed, and what a view is; `Sight.once`: computed once for all browsers
``navigation``   which pages there are; ``header``, ``scrubber``, ``details``: what all pages have
``status``       page: tasks by state, worker cells, actors, failures
``timeline``     page: a row a worker, a colour a function; its plot is ``canvas``, below it ``legend``;
                 bars as columns: ``lanes``; the picture of what is too much for bars: ``mosaic``
``tasks``        page: a table, which ``task_list`` filters, sorts and searches
``graph``        page: who needs whose result; placed by ``layers``
``objects``      page: the object stores, and what went between them
``granularity``  page: experiments; fitted by ``fit``
``hood``         page: the parts of the runtime, event by event; told by ``tale``
``processes``    CPU and memory of processes
``theme``        colours, style sheets, and how durations and sizes read
``exports``      downloads: Chrome trace, CSV, a web page, the recording
``jupyter``      the Launcher tile and the panel in JupyterLab
``notebook``     `minray.dashboard()`: a page inside a notebook
===============  ===================================================================================

The dashboard reads and never writes, and of minray it imports only ``events``, ``event_store`` and
``sessions``: it cannot disturb what it shows.
"""

import sys

from .notebook import CallableModule, show

__all__ = ["show"]

sys.modules[__name__].__class__ = CallableModule
