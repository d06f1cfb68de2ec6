"""Which GPU a task uses: logical ids, handed out and taken back, without any I/O.

Amounts are in 1/10,000 of a GPU.  Several tasks share one GPU if they ask for fractions; whoever asks for
whole ones has them alone::

    GPU 0: task A 0.5, task B 0.25, 0.25 free        GPU 1: task C 1.0
"""

from functools import lru_cache

WHOLE = 10_000


class Gpus:
    """The GPUs of a node.

    Args:
        count: how many there are; their ids are 0, 1, ...

    Example:
        >>> gpus = Gpus(2)
        >>> gpus.take(WHOLE // 2), gpus.take(WHOLE), gpus.take(WHOLE // 2)
        ((0,), (1,), (0,))
    """

    def __init__(self, count: int) -> None:
        self._free = dict.fromkeys(range(count), WHOLE)

    def fits(self, amount: int) -> bool:
        """Whether so much can be had, a fraction from one GPU and whole ones whole."""
        if amount < WHOLE:
            return any(free >= amount for free in self._free.values())
        return list(self._free.values()).count(WHOLE) * WHOLE >= amount

    def take(self, amount: int) -> tuple[int, ...]:
        """Hand GPUs out: a fraction from the fullest GPU that has it, so that others stay whole."""
        ids = self._free
        if amount < WHOLE:
            wanted, chosen = 1, sorted(ids, key=lambda gpu: (self._free[gpu] < amount, self._free[gpu]))
        else:
            wanted, chosen = -(-amount // WHOLE), sorted(ids, key=lambda gpu: -self._free[gpu])
        taken = tuple(sorted(chosen[:wanted]))
        for gpu in taken:
            self._free[gpu] -= min(amount, WHOLE)
        return taken

    def give(self, gpus: tuple[int, ...], amount: int) -> None:
        """Take back what `take(amount)` handed out."""
        for gpu in gpus:
            self._free[gpu] += min(amount, WHOLE)

    def split_off(self, amounts: list[int]) -> "Gpus":
        """Hand out several amounts, to be handed out further as GPUs of their own: a placement group's."""
        part = Gpus(0)
        for amount in filter(None, amounts):
            for gpu in self.take(amount):
                part._free[gpu] = part._free.get(gpu, 0) + min(amount, WHOLE)
        return part

    def rejoin(self, part: "Gpus") -> None:
        """Take back what `split_off` handed out."""
        for gpu, amount in part._free.items():
            self._free[gpu] += amount


@lru_cache(maxsize=1024)  # most programs have a few kinds of tasks, and very many of each
def gpu_amount(demand: tuple[tuple[str, int], ...]) -> int:
    """How much of GPUs a demand asks for, of the node or of a placement group."""
    return max((amount for name, amount in demand if name.split("_group")[0] == "GPU"), default=0)
