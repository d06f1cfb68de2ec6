"""Lesson 03's measurements: from which size on a task is worth its overhead.

Runs in the notebook's kernel.  `figures.cost_model` explains the points, here as on the dashboard.

- experiment: measures, and records each point in the session at once; an `Experiment` keeps its points
- plots: the points with their models, as a figure of Bokeh
"""
