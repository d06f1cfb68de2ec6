"""What the state API raises."""


class RayStateApiException(Exception):  # noqa: N818 - Ray's name
    """A question about the state of the session cannot be answered."""


class ServerUnavailable(RayStateApiException):
    """There is no session, and no recording of one, to ask."""


class InvalidFilterError(RayStateApiException, ValueError):
    """A filter names a column that cannot be filtered by, or a value that the column cannot have."""
