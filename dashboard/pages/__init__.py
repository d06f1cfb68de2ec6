"""The pages but the timeline, each a `View`.  In the dashboard's process; loaded when first opened.

A page shows a `Sight` and asks for what it cannot do itself (``task:12`` selects a task).  Beside some pages
stands a module without Bokeh that finds what is to be shown:

- overview: tasks by state, tasks per second, a cell a worker, the timeline, the actors, and what failed
- task_list: finds tasks among hundreds of thousands: filter, search, sort, a page at a time
- tasks: all tasks as a table
- layers: the graph of tasks in layers, and as boxes where there are too many
- graph: who needs whose result
- objects: what lies in which node's store, how full it was, and what went between nodes
- granularity: experiments: is a task worth its overhead?  Fitted by `minray.lessons.figures.cost_model`
- tale: what happens under the hood, as a state that each event changes, and a sentence for each event
- hood: the parts of the runtime as a picture that steps or plays through the events

A page owns what its user has wished for (a search, a step, an experiment); it is forgotten with the tab.
"""
