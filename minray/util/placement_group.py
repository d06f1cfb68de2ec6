"""`ray.util.placement_group`: resources reserved for tasks and actors that belong together."""

import importlib
import sys
import types
from typing import Any

from ..frontend.placement_group import (
    VALID_PLACEMENT_GROUP_STRATEGIES,
    PlacementGroup,
    _validate_bundle_label_selector,
    _validate_bundles,
    get_current_placement_group,
    get_placement_group,
    placement_group,
    placement_group_table,
    remove_placement_group,
    validate_placement_group,
)
from ..wire.ids import PlacementGroupID

__all__ = [
    "VALID_PLACEMENT_GROUP_STRATEGIES",
    "PlacementGroup",
    "PlacementGroupID",
    "_validate_bundle_label_selector",
    "_validate_bundles",
    "get_current_placement_group",
    "get_placement_group",
    "placement_group",
    "placement_group_table",
    "remove_placement_group",
    "validate_placement_group",
]


class _CallableModule(types.ModuleType):
    """This module, which may be called as if it were the function `placement_group`.

    `ray.util.placement_group` is the name of both.  Whoever imports this module under a second name, as tools
    do that let programs for Ray run on minray, puts it in the function's place.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> PlacementGroup:  # noqa: ANN401
        return placement_group(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return importlib.import_module, (self.__name__,)


sys.modules[__name__].__class__ = _CallableModule
