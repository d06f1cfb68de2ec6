"""The options of an actor, checked and filled up: what `@remote(...)` and `.options(...)` come to.

Ray's names and defaults (https://docs.ray.io/en/latest/ray-core/api/doc/ray.actor.ActorClass.options.html).
"""

import logging
from dataclasses import dataclass
from typing import Any

from ..runtime_env import to_text
from ..wire.demand import Demand, to_demand
from .options import ACTOR, check, to_amounts
from .scheduling_strategies import strategy_of_selector

logger = logging.getLogger("minray")

# How many calls of an actor with `async` methods may be under way at once.
ASYNC_CONCURRENCY = 1000


@dataclass(frozen=True, slots=True)
class ActorOptions:
    """How an actor is to be made and run; what has a default is named and meant as in Ray."""

    detached: bool | None  # None: as the driver's default says
    lifetime_demand: Demand  # what it holds as long as it lives
    needs: Demand  # what a node must have for the actor to be placed there
    max_concurrency: int
    groups: tuple[tuple[str, int], ...]
    environment: str  # the runtime environment; see `runtime_env`
    in_order: bool
    name: str = ""
    namespace: str | None = None  # None: that of the caller
    get_if_exists: bool = False
    scheduling_strategy: Any = None  # this and the next three: see `placing`
    placement_group: Any = "default"
    placement_group_bundle_index: int = -1
    placement_group_capture_child_tasks: bool | None = None
    max_restarts: int = 0
    max_task_retries: int = 0
    max_pending_calls: int = -1
    enable_task_events: bool = True  # whether the event store is told of its constructor and calls

    @classmethod
    def of(cls, options: dict[str, Any], is_async: bool) -> "ActorOptions":
        """Fill up what the user gave.

        Args:
            options: checked by `check_options`.
            is_async: whether the class has `async` methods.

        Raises:
            ValueError: the options contradict each other.
        """
        # None is as if it was not given; but as a placement group it means: not even the caller's.
        given = {key: options[key] for key in options if options[key] is not None or key == "placement_group"}
        if given.get("label_selector"):
            given.setdefault("scheduling_strategy", strategy_of_selector(given["label_selector"]))
        lifetime, needs = _demands(given)
        # Ray takes 0 for "not given".
        concurrency = given.get("max_concurrency") or (ASYNC_CONCURRENCY if is_async else 1)
        groups = _groups(given.get("concurrency_groups"))
        out_of_order = is_async or concurrency > 1 or bool(groups)
        if out_of_order and given.get("allow_out_of_order_execution") is False:
            kind = "async" if is_async else "multi-threaded"
            raise ValueError(
                f"If you're using {kind} actors, Ray can't execute actor tasks in order. Set "
                "`allow_out_of_order_execution=True` to allow out-of-order execution."
            )
        filled = {
            "detached": given["lifetime"] == "detached" if "lifetime" in given else None,
            "lifetime_demand": lifetime,
            "needs": needs,
            "max_concurrency": concurrency,
            "groups": groups,
            "environment": to_text(given.get("runtime_env")),
            "in_order": not (out_of_order or given.get("allow_out_of_order_execution", False)),
        }
        return cls(**{key: given[key] for key in given if key in cls.__dataclass_fields__} | filled)


def check_options(options: dict[str, Any], in_options: bool = False) -> None:
    """Check what the user gave; see `options.check`.

    Raises:
        ValueError: there is no such option, or its value makes no sense.
        TypeError: a value has the wrong type.
    """
    check(ACTOR, options, "actors", in_options)
    if options.get("name") == "":
        raise ValueError("Actor name cannot be an empty string.")
    if options.get("namespace") == "":
        raise ValueError('"" is not a valid namespace. Pass None to not specify a namespace.')


def _demands(given: dict[str, Any]) -> tuple[Demand, Demand]:
    """What the actor holds for life, and what its node must have.

    As in Ray, an actor that asks for nothing holds nothing, so that there may be more actors than CPUs, but
    is placed where there is a CPU; one that asks for anything holds that and a CPU, unless num_cpus=0.
    """
    amounts = dict(to_amounts(given))
    if set(amounts) - {"memory"}:
        held = to_demand({"CPU": 1, **amounts})
        return held, held
    return to_demand({"CPU": 0, **amounts}), to_demand({"CPU": 1, **amounts})


def _groups(groups: Any) -> tuple[tuple[str, int], ...]:  # noqa: ANN401 - as the user gave them
    if isinstance(groups, list):  # the old form: [{"name": "io", "max_concurrency": 2}]
        return tuple((group["name"], group["max_concurrency"]) for group in groups)
    for name, limit in (groups or {}).items():
        if limit <= 0:  # as in Ray, the actor is made, and dies; so this may be all that is heard of it
            logger.error(
                "max_concurrency must be greater than 0; for the concurrency group %r it is %r. The actor "
                "will die at its first call.",
                name,
                limit,
            )
    return tuple((groups or {}).items())
