"""The timeline: what ran where and when.  In the dashboard's process.

::

    window    [last 30 s v] [Following]           which stretch of time
    canvas    driver    |.......|       |.|       the plot
    (lanes)   worker 2  |####|::::|###|####|      bars as columns, or a picture where there are too many
              worker 3  |#########|  |####|
    timeline  f 12 x 0.3 s   g 2 x 4 s            the legend

- lanes: bars, waits and arrows as columns, and which task is where; pure
- window: `Window`, which stretch of time is seen, and the controls that move it
- canvas: `Canvas`, Bokeh's plot with its glyphs and their sources
- timeline: `Timeline` sends what is new to the canvas, as bars or as a picture; its legend

The window owns the range of the time axis, the canvas its sources; the timeline knows what of it all the
browser has already.
"""
