"""Labels of nodes, and the conditions on them that tasks, actors and bundles may set: how they are written.

Source: https://docs.ray.io/en/latest/ray-core/scheduling/labels.html; the rules are those of Kubernetes::

    key       "zone", "ray.io/market-type": a word, perhaps after a prefix
    condition "a", "!a", "in(a, b)", "!in(a, b)", or "" for an empty value
"""

import re
from collections.abc import Mapping

from ..wire.placement import Condition

_WORD = r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?"
_KEY = re.compile(rf"(?:(?P<prefix>{_WORD}(?:\.{_WORD})*)/)?{_WORD}")
_CONDITION = re.compile(rf"!?(?:{_WORD}|in\({_WORD}(?:, ?{_WORD})*\))|")
_SELECTOR = re.compile(r"(!?)(?:in\(([^()!]+)\)|([^()!,]*))")
_LONGEST_PREFIX = 253
_ALLOWED = (
    "63 characters or less, beginning and ending with a letter or digit, with dashes (-), underscores (_), "
    "dots (.), letters and digits between"
)


def wrong_key(key: str) -> str:
    """What is wrong with a label's name; "" if nothing is.

    Example:
        >>> wrong_key("ray.io/market-type")
        ''
    """
    found = _KEY.fullmatch(key)
    if found is not None and len(found["prefix"] or "") <= _LONGEST_PREFIX:
        return ""
    return f"Invalid label key `{key}`. It may have a prefix such as `ray.io/`; then, it must be {_ALLOWED}."


def wrong_selector(selector: Mapping[str, str | None]) -> str:
    """What is wrong with conditions by label; "" if nothing is.

    Example:
        >>> wrong_selector({"zone": "in(a, b)", "disk": "!slow"})
        ''
    """
    for key, condition in selector.items():
        if not isinstance(key, str) or not isinstance(condition, (str, type(None))):
            return f"A label selector is a dictionary of strings, but has {key!r}: {condition!r}."
        if wrong := wrong_key(key):
            return wrong
        if condition is not None and not _CONDITION.fullmatch(condition):
            return (
                f"Invalid label selector value `{condition}`. It must be like value, !value, "
                f"in(value, value) or !in(value, value), where a value is {_ALLOWED}."
            )
    return ""


def conditions_of(selector: Mapping[str, str]) -> tuple[Condition, ...]:
    """Conditions by label as a placement carries them.

    Raises:
        ValueError: a condition is none.

    Example:
        >>> conditions_of({"zone": "!in(a, b)"})
        (('zone', 'not in', ('a', 'b')),)
    """
    conditions = []
    for label, text in selector.items():
        match = _SELECTOR.fullmatch(text)
        if match is None:
            raise ValueError(
                f"Invalid label selector value {text!r} for {label!r}. It must be like value, !value, "
                "in(value, value) or !in(value, value)."
            )
        values = tuple(part.strip() for part in (match[2] or match[3]).split(","))
        conditions.append((label, "not in" if match[1] else "in", values))
    return tuple(conditions)
