"""The tasks of the run that `test_dashboard_pages` looks at.

A module of their own, because each worker imports it, and workers have no use for a browser.
"""

import time
from pathlib import Path

import numpy as np

import minray

EVIL = "<script>window.stolen = 1</script>"


@minray.remote
def load(number: int) -> np.ndarray:
    time.sleep(0.05)
    print(f"loaded {number} {EVIL}")
    return np.ones(200_000)


@minray.remote
def clean(data: np.ndarray) -> np.ndarray:
    time.sleep(0.05)
    return data * 2


@minray.remote
def merge(*parts: np.ndarray) -> float:
    time.sleep(0.1)
    return float(sum(part.sum() for part in parts))


@minray.remote
def inner(number: int) -> int:
    time.sleep(0.1)
    return number


@minray.remote
def outer() -> int:
    return sum(minray.get([inner.remote(number) for number in range(3)]))


@minray.remote(max_retries=2, retry_exceptions=True)
def flaky(mark: str) -> int:
    time.sleep(0.05)
    if not Path(mark).exists():
        Path(mark).touch()
        raise RuntimeError("unlucky at first")
    return 1


@minray.remote(max_retries=0)
def broken() -> None:
    raise ValueError(f"no {EVIL}")


@minray.remote
class Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self) -> int:
        time.sleep(0.02)
        self.count += 1
        return self.count


@minray.remote
def waits(gate: str) -> None:
    while not Path(gate).exists():
        time.sleep(0.01)
