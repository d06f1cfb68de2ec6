"""Logical GPUs: which ids tasks are given, decided purely."""

from hypothesis import given
from hypothesis import strategies as st

from minray.scheduler.tables.gpus import WHOLE, Gpus, gpu_amount


def test_whole_gpus_are_given_one_by_one_and_fractions_share_one() -> None:
    gpus = Gpus(3)
    assert gpus.take(WHOLE // 2) == (0,)
    assert gpus.take(WHOLE) == (1,)
    assert gpus.take(WHOLE // 4) == (0,)
    assert gpus.take(WHOLE // 2) == (2,)
    assert not gpus.fits(WHOLE)
    gpus.give((1,), WHOLE)
    assert gpus.take(WHOLE) == (1,)


def test_two_halves_of_different_gpus_are_no_whole_one() -> None:
    gpus = Gpus(2)
    assert gpus.take(WHOLE * 3 // 5) == (0,)
    assert gpus.take(WHOLE * 3 // 5) == (1,)
    assert not gpus.fits(WHOLE // 2)
    assert gpus.fits(WHOLE // 5)


def test_the_amount_in_a_demand_may_be_of_a_placement_group() -> None:
    assert gpu_amount((("CPU", 5), ("GPU", 7))) == 7
    assert gpu_amount((("GPU_group_0_abc", 7), ("GPU_group_abc", 7))) == 7
    assert gpu_amount((("CPU", 5), ("GPU_like", 7))) == 0


@given(st.lists(st.integers(1, 3 * WHOLE), max_size=30))
def test_no_gpu_is_ever_given_twice_and_all_come_back(amounts: list[int]) -> None:
    gpus = Gpus(3)
    amounts = [amount if amount < WHOLE else amount // WHOLE * WHOLE for amount in amounts]
    held = [(gpus.take(amount), amount) for amount in amounts if gpus.fits(amount)]
    for gpu in range(3):
        assert sum(min(amount, WHOLE) for taken, amount in held if gpu in taken) <= WHOLE
    for taken, amount in held:
        assert len(set(taken)) == max(1, amount // WHOLE)
        gpus.give(taken, amount)
    assert gpus.fits(3 * WHOLE)
