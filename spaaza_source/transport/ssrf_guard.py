"""Which addresses a file is fetched from: public ones, judged for each connection as it is made.

A wrong link must not make this machine ask its own network for it. Which schemes and redirects
are followed, and what is sent along, is left to `download`.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

from spaaza_source.errors import UnsafeLinkError

#: Finds the addresses of a host and port, as text; an OSError says that there are none.
Resolve = Callable[[str, int], Sequence[str]]

#: Where no public host is, by IANA's registry of special addresses. `ipaddress` knows most, but
#: what it knows differs between Python's releases.
SPECIAL = [
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Azure's own host, which serves a machine its settings, has a public number.
        "168.63.129.16/32",
    )
]
#: The part of IPv6 that is given out to hosts, and what in it is not: Teredo and other protocols,
#: examples, 6to4.
GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
SPECIAL_6 = [
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
#: Its last 32 bits are an IPv4 address: how a network without IPv4 shows the hosts that have it.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Ends of names that belong to a machine or a network, not to the public.
LOCAL_ENDS = (".localhost", ".local", ".internal", ".home.arpa")


def is_public(address: str) -> bool:
    """Whether any host on the internet may have this address."""
    number = ipaddress.ip_address(address)
    if isinstance(number, ipaddress.IPv6Address) and number in NAT64:
        number = ipaddress.IPv4Address(number.packed[-4:])
    if isinstance(number, ipaddress.IPv4Address):
        return not any(number in network for network in SPECIAL)
    return number in GIVEN_OUT and not any(number in network for network in SPECIAL_6)


def is_loopback_address(address: str) -> bool:
    """Whether the address never leaves this machine."""
    number = ipaddress.ip_address(address)
    # An IPv4 address in IPv6's spelling is the same address.
    return (getattr(number, "ipv4_mapped", None) or number).is_loopback


def resolve(host: str, port: int) -> list[str]:
    """The addresses that this machine's own resolver finds; it reads every spelling of a number.

    Raises:
        OSError: It finds none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("this is no name of a host") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedAdapter(HTTPAdapter):
    """Connects `requests` to hosts whose every address is allowed; others are not knocked at.

    A name is looked up once for a connection, and the connection made to what was looked up: a
    name that changes its address in between gains nothing.

    Args:
        public: Whether a host may be on the internet.
        loopback: Whether a host may be this machine.
        resolve: Finds a host's addresses.
    """

    def __init__(
        self, *, public: bool = True, loopback: bool = False, resolve: Resolve = resolve
    ) -> None:
        self._public = public
        self._loopback = loopback
        self._resolve = resolve
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections that are checked."""
        super().init_poolmanager(*args, **kwargs)
        adapter = self

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return adapter._connected(self)

        class Encrypted(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return adapter._connected(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class EncryptedPool(HTTPSConnectionPool):
            ConnectionCls = Encrypted

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: Any,
        proxies: dict[str, str] | None = None,
        cert: Any = None,
    ) -> HTTPConnectionPool:
        """Judge a link that goes through a proxy by what is known of its host here.

        The proxy makes the connection, and may itself be at a private address: that is this
        machine's setting. So the host can only be judged if it is an address or has one here; a
        name that only the proxy can look up is the proxy's to refuse.
        """
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        if select_proxy(str(request.url), proxies):
            try:
                self._addresses(pool.host, pool.port or 443)
            except OSError:
                return pool
        return pool

    def _connected(self, connection: HTTPConnection) -> socket.socket:
        failure: OSError | None = None
        try:
            addresses = self._addresses(connection.host, connection.port)
        except OSError as error:
            addresses, failure = [], error
        for address in addresses:
            try:
                return create_connection(
                    (address, connection.port),
                    connection.timeout,
                    socket_options=connection.socket_options,
                )
            except OSError as error:
                failure = error
        raise NewConnectionError(connection, "no connection can be made") from failure

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host, all of them allowed."""
        host = host.strip("[]").rstrip(".")
        if not self._loopback and _is_local(host):
            raise _unsafe(host)
        addresses = self._resolve(host, port)
        if not all(self._allows(address) for address in addresses):
            raise _unsafe(host)
        return addresses

    def _allows(self, address: str) -> bool:
        return (self._public and is_public(address)) or (
            self._loopback and is_loopback_address(address)
        )


def _is_local(host: str) -> bool:
    """Whether a name, by itself, is no public one: a number without dots is none either."""
    return ("." not in host and ":" not in host) or host.lower().endswith(LOCAL_ENDS)


def _unsafe(host: str) -> UnsafeLinkError:
    return UnsafeLinkError(
        "the link leads to this machine, a private network or a cloud's own service",
        where=host,
        hint="Ask the vendor; nothing was fetched.",
    )
