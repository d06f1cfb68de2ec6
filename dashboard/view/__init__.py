"""What all views share.  In the dashboard's process; no view is in here.

- theme: colours of the page and of states (those of functions: `lessons.figures.colours`), how durations and
  sizes read, tables and buttons as HTML; loads ``style.css``, ``page.html`` (the page around Bokeh's) and
  ``page.js`` (what the browser does by itself: clicks, keys, a lost connection)
- sight: `Sight`, a session as one browser looks at it, and `View`, what every page and part of a page is
- links: a task where it is named: the button that selects it, and its state in words

A `Sight` is told by its `Page` what time it is and what is selected (`Sight.advance`); nobody else writes it.
"""
