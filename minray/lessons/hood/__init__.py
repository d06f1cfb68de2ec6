"""Lesson 04's run: a task's way through three nodes, told from the events in thirteen steps.

::

    under_the_hood: run() --> Story --scenes--> thirteen scenes --cluster_picture--> SVG --> player

Runs in the notebook's kernel; the two functions of the run in workers.

- under_the_hood: plays the run, and reads from the events what happened
- scenes: the story in thirteen steps, in words and as data (pure)
- cluster_picture: a scene as SVG (pure)
- player: play(...): slider and play button; a `Player` keeps which step it shows
"""
