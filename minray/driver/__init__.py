"""How a program starts or joins a session, and leaves it.  All of it runs in the driver.

::

    init --settings--> HeadNode --starts--> supervisor --> GCS, scheduler, zygote (then FurtherNodes)
      '--> connecting: CoreWorker <--socket--> scheduler

In reading order:

- settings: the arguments of `init`, checked; what one node is to have
- initialization: `init` and `shutdown`, in the order in which things happen
- started_node: a node as held by its starter: its supervisor, its log, its end
- head_node: the node with which a session begins
- further_node: one that joins it
- connecting: the driver's connection, how printed lines, with their `(name pid=...)`, and notices are shown,
  and its end

Who owns what: started_node the list of the nodes that `init` has started, to which connecting adds; a
StartedNode its supervisor's pipe, whose end ends the node; `session/here` says which session this process
belongs to.
"""
