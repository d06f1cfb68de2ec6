"""Filters of the state API: ``[("state", "=", "RUNNING"), ("name", "!=", "f")]``, all of which must hold.

They are checked first, against the columns of what is listed, and their values are brought into the columns'
types; then rows are compared with them, in SQL where there may be many rows, in Python elsewhere.  As in Ray,
text is compared without regard to case.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from .common import PREDICATES, Filter, StateSchema
from .exception import InvalidFilterError


def checked(filters: Iterable[Filter] | None, schema: type[StateSchema]) -> list[Filter]:
    """The filters, with values of their columns' types.

    Raises:
        InvalidFilterError: (a ValueError) there is no such column or predicate, or the value does not fit it.
    """
    types = {f.name: str(f.type) for f in fields(schema)}  # type: ignore[arg-type]
    return [_checked(one, schema, types) for one in filters or []]


def _checked(one: Filter, schema: type[StateSchema], types: Mapping[str, str]) -> Filter:
    try:
        column, predicate, value = one
    except (TypeError, ValueError):
        raise InvalidFilterError(
            f"A filter is a tuple (column, predicate, value), but this is {one!r}."
        ) from None
    if predicate not in PREDICATES:
        raise InvalidFilterError(
            f"Unsupported filter predicate {predicate} is given. Available predicates: =, !=."
        )
    column = column.lower() if isinstance(column, str) else column
    columns = sorted(schema.filterable_columns())
    if column not in columns:
        nearest = difflib.get_close_matches(str(column), columns, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise InvalidFilterError(
            f"The given filter column {column} is not supported.{hint} Supported filter columns: {columns}"
        )
    return column, predicate, _converted(value, types[column], column)


def _converted(value: Any, kind: str, column: str) -> Any:  # noqa: ANN401
    """A filter's value in the type of its column."""
    if value is None:
        return None
    if "bool" in kind and not isinstance(value, bool):
        known = {"true": True, "1": True, "false": False, "0": False}
        if str(value).lower() not in known:
            raise InvalidFilterError(f"The column {column} is true or false, not {value!r}.")
        return known[str(value).lower()]
    if "int" in kind:
        try:
            return int(value)
        except (TypeError, ValueError):
            raise InvalidFilterError(f"The column {column} holds whole numbers, not {value!r}.") from None
    return str(value) if "str" in kind else value


def matches(row: Mapping[str, Any], filters: list[Filter]) -> bool:
    """Whether a row fulfils all filters."""
    return all(
        (_folded(row[column]) == _folded(value)) == (predicate == "=") for column, predicate, value in filters
    )


def _folded(value: Any) -> Any:  # noqa: ANN401
    return value.lower() if isinstance(value, str) else value


def to_sql(filters: list[Filter]) -> tuple[str, list[Any]]:
    """The filters as a condition of a WHERE clause, and the values of its parameters."""
    if not filters:
        return "TRUE", []
    terms = [
        f"{column} IS {'' if predicate == '=' else 'NOT '}? COLLATE NOCASE"
        for column, predicate, _ in filters
    ]
    return " AND ".join(terms), [value for _, _, value in filters]
