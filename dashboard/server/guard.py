"""Who may come in: the decision about one request, without any HTTP in it.

A dashboard that listens on 127.0.0.1 can be reached by every program and every user on the machine, and
by any web page that is open in the user's browser.  Three checks keep them out:

* the **token** of the link, afterwards a cookie: only the user (and those the user gives the link to) has it;
* the **Host** header: a page of ``evil.example`` whose name was made to point at 127.0.0.1 (DNS rebinding)
  arrives with ``Host: evil.example``.  Tornado alone would let it in, since its Origin matches its Host;
* the **Origin** of a WebSocket: browsers let any page open one to anywhere, cookies included.

Behind Jupyter's proxy the dashboard listens on a Unix socket that only the user can open, and Jupyter has
asked for its own login already; there `Guard.open_to_all` is right.
"""

import hmac
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit


class Admission(Enum):
    """What to do with a request; the value tells the visitor why."""

    WELCOME = "Come in."
    NO_TOKEN = "This address needs the access token that came with its link."
    WRONG_HOST = "The dashboard does not go by this host name."
    WRONG_ORIGIN = "Another web page tried to connect to the dashboard."


@dataclass(frozen=True)
class Guard:
    """The rules of one server.

    Args:
        token: the secret in the link; "" if none is asked for.
        hosts: the ``Host`` headers to accept, such as ``127.0.0.1:8265``; empty for any.

    Example:
        >>> guard = Guard("s3cret", frozenset({"127.0.0.1:8265"}))
        >>> guard.judge(host="127.0.0.1:8265", origin=None, token="s3cret")
        <Admission.WELCOME: 'Come in.'>
    """

    token: str
    hosts: frozenset[str]

    @classmethod
    def open_to_all(cls) -> "Guard":
        """For a socket behind something that does the checking."""
        return cls("", frozenset())

    @classmethod
    def for_port(cls, port: int, token: str) -> "Guard":
        """For a server on 127.0.0.1 with that port."""
        return cls(token, frozenset({f"127.0.0.1:{port}", f"localhost:{port}"}))

    def judge(self, host: str, origin: str | None, token: str) -> Admission:
        """Decide about one request.

        Args:
            host: its Host header.
            origin: its Origin header, None if there is none.
            token: what it has to show for itself, from the link or from the cookie; "" for nothing.
        """
        if self.hosts and host.lower() not in self.hosts:
            return Admission.WRONG_HOST
        if self.hosts and origin is not None and urlsplit(origin).netloc.lower() not in self.hosts:
            return Admission.WRONG_ORIGIN
        if self.token and not hmac.compare_digest(token.encode(), self.token.encode()):
            return Admission.NO_TOKEN
        return Admission.WELCOME
