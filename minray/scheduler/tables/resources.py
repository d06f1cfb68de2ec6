"""What a node has, and what of it is free.

Resources are logical: a task that asks for one CPU is not pinned to one, it is merely counted.
"""

from ...wire.demand import UNIT, Demand
from .gpus import Gpus


class Resources:
    """What a node has, and what of it is free.

    Args:
        total: amounts by name, in units.

    Example:
        >>> resources = Resources({"CPU": 2})
        >>> resources.acquire((("CPU", UNIT),))
        >>> resources.available()
        {'CPU': 1.0}
    """

    def __init__(self, total: dict[str, float]) -> None:
        self._total = {name: round(amount * UNIT) for name, amount in total.items()}
        self._free = dict(self._total)
        self._feasible: dict[Demand, bool] = {}  # answers so far: most programs ask the same all the time
        self._gpus = {"GPU": Gpus(int(total.get("GPU", 0)))}  # by resource: placement groups have their own

    def fits(self, demand: Demand) -> bool:
        """Whether the demand can be met now."""
        free = self._free
        for name, amount in demand:
            if free.get(name, 0) < amount or (name in self._gpus and not self._gpus[name].fits(amount)):
                return False
        return True

    def feasible(self, demand: Demand) -> bool:
        """Whether the demand can be met when the node is empty."""
        known = self._feasible.get(demand)
        if known is None:
            known = all(self._total.get(name, 0) >= amount for name, amount in demand)
            self._feasible[demand] = known
        return known

    def acquire(self, demand: Demand) -> None:
        """Take resources. A task that wakes up from `get` takes its CPU back even if none is free: then
        the free amount is negative for a while, and nothing new starts."""
        for name, amount in demand:
            self._free[name] -= amount

    def take_gpus(self, demand: Demand) -> tuple[int, ...]:
        """Which GPUs a task with this demand, which has been acquired, is to use."""
        for name, amount in demand:
            if name in self._gpus:
                return self._gpus[name].take(amount)
        return ()

    def give_gpus(self, gpus: tuple[int, ...], demand: Demand) -> None:
        """The task does not use them any more."""
        for name, amount in demand if gpus else ():
            if name in self._gpus:
                self._gpus[name].give(gpus, amount)

    def split_gpus(self, name: str, amounts: list[int]) -> None:
        """Set GPUs aside that are handed out under another resource's name."""
        if any(amounts):
            self._gpus[name] = self._gpus["GPU"].split_off(amounts)

    def rejoin_gpus(self, name: str) -> None:
        """Hand those GPUs out under their usual name again."""
        part = self._gpus.pop(name, None)
        if part is not None:
            self._gpus["GPU"].rejoin(part)

    def release(self, demand: Demand) -> None:
        """Give resources back."""
        for name, amount in demand:
            self._free[name] += amount

    def extend(self, amounts: Demand) -> None:
        """The node has so much more now."""
        self._feasible.clear()
        for name, amount in amounts:
            self._total[name] = self._total.get(name, 0) + amount
            self._free[name] = self._free.get(name, 0) + amount

    def withdraw(self, amounts: Demand) -> bool:
        """Take back what `extend` gave, unless something of it is in use; return whether it was taken."""
        if any(self._free.get(name) != amount for name, amount in amounts):
            return False
        self._feasible.clear()
        for name, _ in amounts:
            del self._total[name], self._free[name]
        return True

    def share_used(self) -> float:
        """How full the node is: the share in use of the resource of which least is left."""
        used = (1 - self._free[name] / total for name, total in self._total.items() if total)
        return max(used, default=0.0)

    def amounts(self, empty: bool = False) -> dict[str, int]:
        """What is free, in 1/10,000 of a unit; or would be if the node were empty."""
        return dict(self._total if empty else self._free)

    def has(self, name: str) -> bool:
        """Whether the node has anything of a resource."""
        return self._total.get(name, 0) > 0

    def total(self) -> dict[str, float]:
        """What the node has, in units; as in Ray, names with nothing are left out."""
        return {name: amount / UNIT for name, amount in self._total.items() if amount > 0}

    def available(self) -> dict[str, float]:
        """What is free, in units; as in Ray, names with nothing free are left out."""
        return {name: amount / UNIT for name, amount in self._free.items() if amount > 0}
