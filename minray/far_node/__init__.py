"""A further node's scheduler process: it keeps the node's object store and speaks for its workers.

All decisions about tasks are the head's; this process has no tables of them.  It is started by the node's
supervisor and ends with its connection to the head::

    worker <--socket--> FarNodeProcess <--socket--> the head's scheduler process
    zygote <--socket-->      |   FarNode: which message goes where, what the store does (pure)
                             '-- threads: files of the store, copies from and for other nodes

In reading order:

- far_node: what is said to whom, and where this node's objects are; no sockets
- process: the sockets, the loop and the threads

Who owns what: FarNode the node's workers and the places of its objects; FarNodeProcess all sockets.
"""
