"""How a process ended, in words."""

import signal

import pytest

from minray.session.exit_codes import describe_exit


def test_an_exit_code_is_named() -> None:
    assert "exit code 3" in describe_exit(3)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_signal_is_named(number: signal.Signals) -> None:
    assert number.name in describe_exit(-number)


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    assert "40" in describe_exit(-40)
