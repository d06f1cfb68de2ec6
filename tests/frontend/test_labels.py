"""Labels of nodes and the conditions on them: which are well written."""

import pytest

from minray.frontend.labels import wrong_key, wrong_selector


@pytest.mark.parametrize("key", ["zone", "a", "ray.io/market-type", "a.b-c/d_e.f", "x" * 63])
def test_a_label_is_a_word_perhaps_after_a_prefix(key: str) -> None:
    assert wrong_key(key) == ""


@pytest.mark.parametrize("key", ["", "-a", "a-", "a b", "r!a/zone", "??", "/zone", "x" * 64, "a/"])
def test_anything_else_is_no_label(key: str) -> None:
    assert "Invalid label key" in wrong_key(key)


@pytest.mark.parametrize("condition", ["a", "!a", "in(a)", "in(a, b,c)", "!in(a, b)", "", "us-west_1.x"])
def test_a_condition_is_a_value_or_several_perhaps_denied(condition: str) -> None:
    assert wrong_selector({"zone": condition}) == ""


@pytest.mark.parametrize(
    "condition", ["-a", "a-", "!!a", "matches(a)", "in()", "in(a,, b)", "in(a, b", "in(a, !b)", "a b"]
)
def test_anything_else_is_no_condition(condition: str) -> None:
    assert "Invalid label selector value" in wrong_selector({"zone": condition})


def test_conditions_are_texts_by_texts() -> None:
    assert "dictionary of strings" in wrong_selector({"zone": 1})  # type: ignore[dict-item]
