"""`reset` ends the session and gives all hints back."""

import pytest

import minray
from minray.lessons import check, checking, reset


def test_after_a_reset_there_is_no_session_and_the_first_hint_comes_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checking.forget_hints()  # of other tests
    minray.init(num_cpus=1, include_dashboard=False)
    assert check("0a", lambda name: name).hints_shown == 1
    assert check("0a", lambda name: name).hints_shown == 2
    reset()
    assert not minray.is_initialized()
    assert "ended" in capsys.readouterr().out
    assert check("0a", lambda name: name).finding.name == "no-session"
    minray.init(num_cpus=1, include_dashboard=False)
    assert check("0a", lambda name: name).hints_shown == 1
    minray.shutdown()


def test_a_reset_without_a_session_does_no_harm() -> None:
    reset()
