"""The protocol: every message survives the wire, and nothing but plain data gets onto it."""

import inspect
import marshal
import types
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.wire import messages
from minray.wire.messages import Exit, Print, PutObject, SubmitTask
from minray.wire.rpc import decode, encode

MESSAGES: list[Any] = [
    cls
    for cls in vars(messages).values()
    if inspect.isclass(cls) and issubclass(cls, tuple) and cls is not tuple
]
# What a field declared as Any may hold: an inline value's bytes, a place in the store, an answer.
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.binary(max_size=20)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=5,
)


def values_of(hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - a type, as annotations spell it
    """Whatever a field with this annotation may hold."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return plain
    if origin is types.UnionType:
        return st.one_of(*map(values_of, args))
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(values_of(args[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values_of, args))
    if origin is list:
        return st.lists(values_of(args[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(values_of(args[0]), values_of(args[1]), max_size=3)
    if hint is float:
        return st.floats(allow_nan=False)
    return st.from_type(hint)


def instances_of(cls: type) -> st.SearchStrategy[Any]:
    """Messages of this class with any fields."""
    return st.builds(cls, **{name: values_of(hint) for name, hint in get_type_hints(cls).items()})


any_message = st.one_of(*map(instances_of, MESSAGES))


def test_there_are_messages_to_test() -> None:
    assert {SubmitTask, PutObject, Print, Exit} <= set(MESSAGES)


def test_a_message_has_a_docstring_and_only_fields() -> None:
    for cls in MESSAGES:
        assert cls.__doc__
        assert not cls.__doc__.startswith(f"{cls.__name__}("), "that one is Python's own"
        assert set(get_type_hints(cls)) == set(cls._fields)


@given(st.lists(any_message, max_size=5))
def test_messages_come_out_of_the_wire_as_they_went_in(sent: list[Any]) -> None:
    received = decode(encode(sent))
    assert received == sent
    assert [type(message) for message in received] == [type(message) for message in sent]


@given(any_message)
def test_a_message_cannot_be_changed(message: Any) -> None:  # noqa: ANN401
    with pytest.raises(AttributeError):
        message.another_field = 1


def test_every_message_has_a_tag_of_its_own() -> None:
    tags = {marshal.loads(encode([cls(*([None] * len(cls._fields)))]))[0][0] for cls in MESSAGES}
    assert len(tags) == len(MESSAGES)


@pytest.mark.parametrize("foreign", [object(), ValueError("x"), range(3), open], ids=repr)
def test_only_plain_data_can_be_sent(foreign: object) -> None:
    with pytest.raises(ValueError, match="unmarshallable"):
        encode([PutObject(b"id", foreign, ())])  # type: ignore[arg-type]


def test_what_is_no_message_cannot_be_sent() -> None:
    with pytest.raises(KeyError):
        encode([("Print", "stdout", "f", "text")])


def test_text_that_is_no_valid_unicode_can_be_sent() -> None:
    message = Print("stdout", "f", "a file name that is not UTF-8: \udcff")
    assert decode(encode([message])) == [message]
