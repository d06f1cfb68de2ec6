"""The options of tasks and actors: which there are, what they may be, and what a task needs to run.

Ray's names, defaults and errors (see `ray.remote` in https://docs.ray.io/en/latest/ray-core/api/core.html)::

    @remote(num_cpus=2) -> check(TASK, {"num_cpus": 2}) -> TaskOptions -> demand() -> (("CPU", 20000),)
"""

import difflib
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle

from .. import runtime_env
from ..wire.config import DEFAULT_MAX_RETRIES
from ..wire.demand import UNIT, Demand, to_demand
from ..wire.messages import DYNAMIC, STREAMING
from .labels import wrong_selector
from .scheduling_strategies import STRATEGY_TYPES, strategy_of_selector

logger = logging.getLogger("minray")

Amounts = tuple[tuple[str, float], ...]

# Resources that are things: a task has a part of one, or several whole ones.
_DEVICES = {"GPU", "HPU", "NPU", "TPU", "neuron_cores"}


@dataclass(frozen=True)
class Option:
    """What one option may be.

    Args:
        types: the types that a value may have.
        problem: says in a sentence what is wrong with a value of these types; "" if nothing is.
        effect: whether minray does anything about it; if not, the user is told so once.
    """

    types: tuple[type, ...]
    problem: Callable[[Any], str] = lambda value: ""
    effect: bool = True


def _amount(name: str) -> Option:
    return Option((float, int, type(None)), lambda value: _wrong_amount(name, value))


def _wrong_amount(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if value != value or value in (float("inf"), float("-inf")):
        return f"The quantity of resource {name} must be a finite number, but it is {value}."
    if value < 0:
        return f"The quantity of resource {name} cannot be negative, but it is {value}."
    if value and int(value * UNIT) == 0:
        return f"The precision of the fractional quantity of resource {name} cannot go beyond 0.0001."
    return ""


def _wrong_resources(value: dict[str, Any] | None) -> str:
    for name, amount in (value or {}).items():
        if name in ("CPU", "GPU"):
            return (
                "Use the 'num_cpus' and 'num_gpus' keyword instead of 'CPU' and 'GPU' in 'resources' keyword."
            )
        _check_type(f"resources[{name!r}]", amount, (float, int))
        if wrong := _wrong_amount(name, amount):
            return wrong
    return ""


def _count(name: str, least: int) -> Option:
    more = ", -1 or a positive integer, where -1 represents infinity" if least else " or a positive integer"
    wrong = f"The keyword '{name}' only accepts None, 0{more}; it is "
    return Option((int, type(None)), lambda value: f"{wrong}{value}." if (value or 0) < least else "")


def _wrong_num_returns(value: int | str | None) -> str:
    if value is None or value in ("streaming", "dynamic") or (isinstance(value, int) and value >= 0):
        return ""
    return (
        "The keyword 'num_returns' only accepts None, a non-negative integer, 'streaming' (for generators), "
        f"or 'dynamic'; it is {value!r}. None means 1, and 'streaming' for generator functions."
    )


def _wrong_retry_exceptions(value: Any) -> str:  # noqa: ANN401 - the user's input
    if isinstance(value, bool) or all(inspect.isclass(cls) and issubclass(cls, Exception) for cls in value):
        return ""
    return f"retry_exceptions must be either a boolean or a list of exceptions, not {value!r}."


def _wrong_fallback_strategy(value: list[Any] | None) -> str:
    for choice in value or []:
        if not isinstance(choice, dict):
            return "Each element in fallback_strategy must be a dictionary."
        if not choice:
            return "Empty dictionary found in `fallback_strategy`."
        for key in choice:
            if key != "label_selector":
                return f"Unsupported option found: {key!r}. Only ['label_selector'] is currently supported."
        if not isinstance(choice["label_selector"], dict):
            return 'The value of "label_selector" must be a dictionary.'
        if wrong := wrong_selector(choice["label_selector"]):
            return wrong
    return ""


def _wrong_lifetime(value: str | None) -> str:
    if value in (None, "detached", "non_detached"):
        return ""
    return f"actor `lifetime` argument must be one of 'detached', 'non_detached' and 'None', not {value!r}."


def _wrong_backpressure(value: int | None) -> str:
    if value != 0:
        return ""
    return (
        "_generator_backpressure_num_objects=0 is not allowed. Use 1 or more: how many values that nobody "
        "has taken yet a generator may be ahead; -1 for any number."
    )


def _wrong_labels(value: dict[Any, Any] | None) -> str:
    for key, label in (value or {}).items():
        _check_type("a label's key", key, (str,))
        _check_type(f"the label {key!r}", label, (str,))
    return ""


_STR = (str, type(None))
_INT = (int, type(None))
_DICT = (dict, type(None))

_COMMON = {
    "label_selector": Option(_DICT, lambda value: wrong_selector(value or {})),
    "fallback_strategy": Option((list, type(None)), _wrong_fallback_strategy, effect=False),
    "accelerator_type": Option(_STR),
    "memory": _amount("memory"),
    "name": Option(_STR),
    "num_cpus": _amount("num_cpus"),
    "num_gpus": _amount("num_gpus"),
    "object_store_memory": _count("object_store_memory", 0),
    "placement_group": Option((object,)),  # before scheduling_strategy; "default" or None: none
    "placement_group_bundle_index": Option((int,)),
    "placement_group_capture_child_tasks": Option((bool, type(None))),
    "resources": Option(_DICT, _wrong_resources),
    "runtime_env": Option(_DICT),
    "scheduling_strategy": Option((*STRATEGY_TYPES, str, type(None))),
    "enable_task_events": Option((bool,)),
    "_labels": Option(_DICT, _wrong_labels, effect=False),
}

TASK = {
    **_COMMON,
    "max_calls": _count("max_calls", 0),
    "max_retries": _count("max_retries", -1),
    "num_returns": Option((int, str, type(None)), _wrong_num_returns),
    "object_store_memory": Option(
        _INT, lambda value: "Setting 'object_store_memory' is not implemented for tasks." if value else ""
    ),
    "retry_exceptions": Option((bool, list, tuple), _wrong_retry_exceptions),
    "_generator_backpressure_num_objects": Option(_INT, _wrong_backpressure),
    "_num_objects_per_yield": Option((int, type(None)), effect=False),
}

ACTOR = {
    **_COMMON,
    "concurrency_groups": Option((list, dict, type(None))),
    "enable_tensor_transport": Option((bool, type(None)), effect=False),
    "lifetime": Option(_STR, _wrong_lifetime),
    "max_concurrency": _count("max_concurrency", 0),
    "max_restarts": _count("max_restarts", -1),
    "max_task_retries": _count("max_task_retries", -1),
    "max_pending_calls": _count("max_pending_calls", -1),
    "namespace": Option(_STR),
    "get_if_exists": Option((bool,)),
    "allow_out_of_order_execution": Option((bool, type(None))),
    "_actor_generator_backpressure_num_objects": Option((int, type(None)), effect=False),
}

_told: set[str] = set()  # options without effect that the user has been told about


def check(valid: dict[str, Option], options: dict[str, Any], kind: str, in_options: bool = False) -> None:
    """Check what the user asked for.

    Args:
        valid: `TASK` or `ACTOR`.
        options: by name.
        kind: "remote functions" or "actors", for messages.
        in_options: whether they were given to `.options(...)` and not to `@remote(...)`.

    Raises:
        ValueError: an option does not exist, or its value makes no sense.
        TypeError: a value has the wrong type.
    """
    for key, value in options.items():
        option = valid.get(key)
        if option is None:
            raise ValueError(f"Invalid option keyword {key} for {kind}. {_hint(key, valid)}")
        _check_type(key, value, option.types)
        if wrong := option.problem(value):
            raise ValueError(wrong)
        if not option.effect and key not in _told:
            _told.add(key)
            logger.info("The option %s=%r has no effect in minray.", key, value)
    for key in ("max_calls", "concurrency_groups"):
        if in_options and key in options:
            raise ValueError(f"Setting '{key}' is not supported in '.options()': give it to @remote(...).")
    if options.get("get_if_exists") and not options.get("name"):
        raise ValueError("The actor name must be specified to use `get_if_exists`.")
    if options.get("placement_group") not in (None, "default") and options.get("scheduling_strategy"):
        raise ValueError(
            "Placement groups should be specified via the scheduling_strategy option. The placement_group "
            "option is deprecated."
        )


def _check_type(key: str, value: Any, types: tuple[type, ...]) -> None:  # noqa: ANN401
    # True is an int to Python; as an amount or a count it is a mistake.
    if not isinstance(value, types) or (isinstance(value, bool) and not {bool, object} & {*types}):
        raise TypeError(
            f"The type of keyword '{key}' must be {types if len(types) > 1 else types[0]}, but received type "
            f"{type(value)}: {value!r}"
        )


def _hint(key: str, valid: dict[str, Option]) -> str:
    nearest = difflib.get_close_matches(key, valid, n=1)
    listed = f"Valid ones are {sorted(valid)}."
    return f"Did you mean {nearest[0]!r}? {listed}" if nearest else listed


def to_amounts(options: dict[str, Any]) -> Amounts:
    """The resources among the checked options, by Ray's resource names.

    Raises:
        ValueError: more than one of a device, and no whole number of them.
    """
    amounts = dict(options.get("resources") or {})
    for key, name in (("num_cpus", "CPU"), ("num_gpus", "GPU"), ("memory", "memory")):
        if options.get(key) is not None:
            amounts[name] = options[key]
    amounts["memory"] = int(amounts.get("memory", 0))  # bytes
    if options.get("accelerator_type"):
        # As in Ray: a little of a resource that only nodes with such an accelerator have.
        amounts[f"accelerator_type:{options['accelerator_type']}"] = 0.001
    for name in _DEVICES & set(amounts):
        if amounts[name] > 1 and amounts[name] != int(amounts[name]):
            raise ValueError(
                f"{name} resource quantities >1 must be whole numbers. The quantity {amounts[name]} "
                "is invalid."
            )
    return tuple(sorted(amounts.items()))


def number_of_returns(wanted: int | str | None, is_generator: bool) -> int:
    """How many results a task has, as `SubmitTask` carries it."""
    if wanted is None:
        return STREAMING if is_generator else 1
    if isinstance(wanted, int):
        return wanted
    return DYNAMIC if wanted == "dynamic" else STREAMING


def pack_exceptions(value: bool | list[type] | tuple[type, ...]) -> bytes:
    """`retry_exceptions` as it travels: b"" for none, b"*" for all, else the classes, pickled."""
    if isinstance(value, bool):
        return b"*" if value else b""
    return bytes(cloudpickle.dumps(tuple(value)))


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How a task is to be run; the names and defaults are Ray's."""

    num_cpus: float = 1
    num_gpus: float = 0
    resources: Amounts = ()
    memory: float = 0
    accelerator_type: str = ""
    num_returns: int | str | None = None  # None: 1, but "streaming" for generator functions
    max_retries: int = DEFAULT_MAX_RETRIES
    retry_exceptions: bytes = b""
    name: str = ""
    max_calls: int = 0
    scheduling_strategy: Any = None
    placement_group: Any = "default"
    placement_group_bundle_index: int = -1
    placement_group_capture_child_tasks: bool | None = None
    runtime_env: str = ""  # as text: see `runtime_env.to_text`
    backpressure: int = -1
    enable_task_events: bool = True  # whether the event store is told of it

    def demand(self) -> Demand:
        """The resources that the task needs while it runs."""
        names = ("num_cpus", "num_gpus", "memory", "accelerator_type")
        wanted = {"resources": dict(self.resources), **{key: getattr(self, key) for key in names}}
        return to_demand(dict(to_amounts(wanted)))


def update_options(options: TaskOptions, changes: dict[str, Any], in_options: bool = False) -> TaskOptions:
    """Check what the user asked for and add it to the options.

    Raises:
        ValueError: an option does not exist, or its value makes no sense.
        TypeError: a value has the wrong type.
    """
    if "num_return_vals" in changes:  # the name before Ray 1.0
        changes = {**changes, "num_returns": changes["num_return_vals"]}
        del changes["num_return_vals"]
    check(TASK, changes, "remote functions", in_options)
    # None is as if it was not given; but as a placement group it means: not even the caller's.
    given = {key: changes[key] for key in changes if changes[key] is not None or key == "placement_group"}
    if "_generator_backpressure_num_objects" in given:
        given["backpressure"] = given["_generator_backpressure_num_objects"]
    if "retry_exceptions" in given:
        given["retry_exceptions"] = pack_exceptions(given["retry_exceptions"])
    if "runtime_env" in given:
        given["runtime_env"] = runtime_env.to_text(given["runtime_env"])
    if "resources" in given:
        given["resources"] = tuple(sorted(given["resources"].items()))
    if given.get("label_selector"):
        given.setdefault("scheduling_strategy", strategy_of_selector(given["label_selector"]))
    return replace(options, **{key: given[key] for key in given if key in TaskOptions.__dataclass_fields__})
