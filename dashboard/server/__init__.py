"""HTTP, and when the dashboard's process begins and ends.

::

    `init` --starts--> doorman: a few MB, asleep on the socket
                          |  somebody knocks
                          v
    request --> guard --> server --> frame/app: a page          '--> exports: a download
                 '--> refused.html

- doorman: waits for the first visitor, and decides when nobody needs the process any more
- guard: who may come in, without any HTTP
- exports: downloads: a Chrome trace, CSV, a web page, the recording
- server: turns strangers away (``refused.html``), lands friends on the page, serves Bokeh

``doorman`` and ``guard`` import no Bokeh, which costs 100 MB; the rest is loaded at the first knock.
"""
