"""The window on a session: a Bokeh page that draws what the event store remembers.

::

    session.db --SQL--> source.py --rows--> model.py --bars, counts, workers--> one file a view
                                                                                     |
    browser <--WebSocket-- server.py (token, Host, Origin) <-- app.py (one page a browser, 100 ms)

=============  =====================================================================================
``__main__``   the command line: how the process is started, and in which of its three roles
``doorman``    waits for the first visitor in 8 MB, and decides when nobody needs the process any more
``server``     HTTP: turns strangers away, lands friends on the page, serves Bokeh
``guard``      the decision behind that, without any HTTP
``catalogue``  which sessions there are, and what they are called
``source``     reads new rows of a session's event store; the only module that knows SQL
``model``      turns rows into bounded counts, workers and bars; knows neither SQL nor Bokeh
``app``        the page: which session it shows, and when it sends what
``pacing``     never more updates on the way than the browser has painted
``status``     view: tasks by state, tasks per second, worker cells
``timeline``   view: a row a worker, a colour a function
``header``     view: the session's name and state, and the session picker
``theme``      colours, style sheets, and how durations read
``jupyter``    the Launcher tile and the panel in JupyterLab
=============  =====================================================================================

The dashboard reads and never writes, and of minray it imports only ``events``, ``event_store`` and
``sessions``: it cannot disturb what it shows.
"""
