"""Named limits and timeouts, each with the reason for its value."""

from pathlib import Path

# The folder of the package `minray`.
PACKAGE = Path(__file__).resolve().parent.parent

# Results and arguments up to this many bytes travel inside messages; larger ones go through shared
# memory. Ray's `max_direct_call_object_size` has the same value.
INLINE_BYTES = 100 * 1024

# A buffer of so many bytes is copied by several threads, so many at most.
MANY_BYTES = 16 * 1024 * 1024
MOST_COPIERS = 4

# How often the local scheduler hands its events to the GCS, in seconds. The event store promises
# rows no older than 50 ms, and writing them takes a part of that.
EVENT_FLUSH_SECONDS = 0.02

# How long a driver's answers may be held back while the scheduler has other work, in seconds.
ANSWER_SECONDS = 0.002

# A lease holds so many tasks at most, and so much work, in seconds, as far as can be foreseen.
LEASE_TASKS = 64
LEASE_SECONDS = 0.002

# A worker whose task takes longer than this, in seconds, gives back the rest of its lease.
GIVE_BACK_SECONDS = 0.005

# A worker tells what it has done at the latest after this time, in seconds, while it has more to do.
REPORT_SECONDS = 0.001

# A dispatched task that has not come back after this time is reported as running. Shorter tasks are
# reported with their exact times when they finish, which saves a message per task.
RUNNING_REPORT_SECONDS = 0.005

# Idle workers beyond one per CPU (left over from nested tasks) go after this many seconds.
IDLE_WORKER_SECONDS = 1.0

# An actor that was asked to end, and its `atexit` handlers, may take so long, in seconds, as in Ray.
LEAVE_SECONDS = 30.0

# A call of an actor that is being restarted waits for so long, in seconds, before it fails as unavailable.
RESTART_SECONDS = 0.5

# How long `init` waits for the first sign of life, and `shutdown` for the last one, in seconds.
START_SECONDS = 30.0
STOP_SECONDS = 5.0

# A task whose worker dies is run again this many times, as in Ray.
DEFAULT_MAX_RETRIES = 3

# A task that raises what `retry_exceptions` names is tried again at once so many times, then after so many
# seconds, which double each time up to the last number: what it waits for may need time. (In Ray every such
# retry waits for up to a second.)
IMMEDIATE_RETRIES = 2
RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 1.0

# All processes collect their garbage if more than this share of the object store's memory is used, or an
# actor has waited for resources for some time; then not again for so many seconds, as in Ray.
CROWDED_SHARE = 0.7
ACTOR_WAITS_SECONDS = 1.0
GARBAGE_SECONDS = 30.0

# The object store's share of the machine's memory, as in Ray.
STORE_SHARE_OF_MEMORY = 0.3

# The driver's background reader rests this long after it had something to do, so that it does not
# compete with the user's own code for the interpreter.
BACKGROUND_REST_SECONDS = 0.01

# A driver whose last answer came within so many seconds looks for the next one for as long before it sleeps;
# so does a scheduler for the next task, or for the only one's result. Waking a CPU that sleeps takes longer
# than a short task does. Whoever looks lets others go first, as they may be what it waits for, and want the
# same CPU.
SPIN_SECONDS = 0.0005

# Messages that follow each other within so many seconds, such as the tasks that a loop submits, are sent
# together, so many at most; the last of them leave after so many seconds if nothing else is sent before.
BURST_SECONDS = 0.0001
BURST_MESSAGES = 32
LONGEST_POSTPONEMENT_SECONDS = 0.001

# Bytes asked of a socket at once: below malloc's threshold for mapping fresh pages.
RECEIVE_BYTES = 64 * 1024

# With less room than this on the disk, a session that does not start most likely failed for want of it.
LEAST_FREE_BYTES = 1024 * 1024

# Objects of at least so many bytes are written through a mapping that is kept for the next one. Mapping
# pays only for many pages; writing into the file costs half as much again, but nothing before and after.
WARM_BYTES = 1024 * 1024

# A process keeps at most so many of these mappings; each takes a file descriptor.
WARM_SEGMENTS = 128

# The records of how stored objects were made take at most so many bytes, roughly.
LINEAGE_BYTES = 50 * 1024 * 1024

# When so many bytes have been spilled, the user is told; then whenever it has doubled. The same as in Ray.
SPILL_NOTICE_BYTES = 2 * 1024**3

# After the disk has taken no object, nothing is spilled for so many seconds: most likely it is full.
DISK_PAUSE_SECONDS = 1.0

# Memory that no object has used for so many seconds goes back to the system.
POOL_SECONDS = 5.0

# A task that asks for values made by others lends its CPU out if they are not here after so long.
LENDING_GRACE_SECONDS = 0.005

# Functions with more bytes than this, closure included, are refused, as in Ray.
MOST_FUNCTION_BYTES = 95 * 1024 * 1024

# A further node says that it lives so often; one that is silent gets no new tasks and later is declared dead,
# in seconds. (Ray waits for about 8 s by default.)
HEARTBEAT_SECONDS = 0.25
SUSPECT_SECONDS = 1.0
NODE_SECONDS = 5.0

# An object travels between nodes in pieces of so many bytes, and a node that neither sends nor takes a piece
# for so many seconds is given up.
TRANSFER_BYTES = 1024 * 1024
TRANSFER_SECONDS = 10.0
