"""What this worker's task was given: resources, and the GPUs among them, which its libraries shall see.

GPUs are logical: a task that was given GPU 1 finds "1" in the variable CUDA_VISIBLE_DEVICES, and CUDA shows
it that device alone.  If the session was started with that variable set, ids count among the devices there.
"""

import inspect
import os

from ..wire.demand import UNIT, plain_demand
from ..wire.messages import RunTask
from . import here

_THREADS = "OMP_NUM_THREADS"
_threads_are_limited = _THREADS not in os.environ  # else the user has decided
_VISIBLE = "CUDA_VISIBLE_DEVICES"
# Whether tasks without GPUs see none, as in Ray; else they see what the driver sees.
_HIDE_GPUS = os.environ.get("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO") == "1"
_devices = [device for device in os.environ.get(_VISIBLE, "").split(",") if device]


def take_on(task: RunTask) -> None:
    """This process runs the task now, or the actor that it is the constructor of."""
    previous, here.assignment = here.assignment, task
    if _threads_are_limited and (previous is None or previous.resources != task.resources):
        # Numerical libraries start as many threads as the task was given CPUs, not as the machine has.
        os.environ[_THREADS] = str(int(resources().get("CPU", 0)) or 1)
    if task.gpus:
        os.environ[_VISIBLE] = ",".join(gpu_names())
    elif _HIDE_GPUS:
        os.environ[_VISIBLE] = ""


def resources() -> dict[str, float]:
    """What the task holds, in units."""
    task = here.assignment
    return {name: amount / UNIT for name, amount in plain_demand(task.resources)} if task else {}


def gpu_names() -> list[str]:
    """The GPUs that the task uses, as CUDA names them."""
    task = here.assignment
    return [_devices[gpu] if gpu < len(_devices) else str(gpu) for gpu in task.gpus] if task else []


def function_name() -> str | None:
    """The full name of the function that the task runs; None in a driver."""
    function = here.function
    if function is None:
        return None
    name = getattr(function, "__qualname__", type(function).__name__)
    if not inspect.iscoroutinefunction(function):  # a difference that Ray makes
        name = name.split("<locals>.")[-1]
    return f"{function.__module__}.{name}"
