"""The user's data as bytes, and the references that stand for it; in drivers and workers.

In reading order:

- ref: `ObjectRef`, the name of a value that may not exist yet
- serialization: values as bytes, with large buffers apart, and back
- functions: functions and classes as bytes
- check_serialize: why something cannot become bytes

`ref` owns the process's one port to its core worker, set by `use_port`; all else here keeps nothing.
"""
