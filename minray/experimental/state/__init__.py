"""`ray.experimental.state`: where the state API was before it became `ray.util.state`.

- api: the same, by the name that programs import
"""

import warnings

warnings.warn(
    "ray.experimental.state is deprecated; use ray.util.state instead.", DeprecationWarning, stacklevel=2
)
