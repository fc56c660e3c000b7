"""SSRF guard: connects only to public addresses, checked for each connection as it is made.

A wrong link must not make this machine send requests into its own network.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import requests
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

from spaaza_source.errors import UnsafeLinkError
from spaaza_source.transport.patience import Patience, PatientAdapter

#: Resolves a host and port to addresses, as text; raises OSError where there are none.
Resolve = Callable[[str, int], Sequence[str]]

#: No public host is here, by IANA's registry of special addresses. `ipaddress` knows most of them,
#: but which ones differs between Python's releases.
SPECIAL = [
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Azure's metadata host has a public number.
        "168.63.129.16/32",
    )
]
#: The part of IPv6 that is allocated to hosts, and what in it is not: Teredo and other protocols,
#: examples, 6to4.
ALLOCATED_6 = ipaddress.IPv6Network("2000::/3")
SPECIAL_6 = [
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
#: Its last 32 bits are an IPv4 address: a network without IPv4 reaches hosts of IPv4 by it.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Suffixes of names that belong to a machine or a network, not to the public.
LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")


def is_public(address: str) -> bool:
    """Whether a host on the internet may have this address."""
    number = ipaddress.ip_address(address)
    if isinstance(number, ipaddress.IPv6Address) and number in NAT64:
        number = ipaddress.IPv4Address(number.packed[-4:])
    if isinstance(number, ipaddress.IPv4Address):
        return not any(number in network for network in SPECIAL)
    return number in ALLOCATED_6 and not any(number in network for network in SPECIAL_6)


def is_loopback_address(address: str) -> bool:
    """Whether the address never leaves this machine."""
    number = ipaddress.ip_address(address)
    # An IPv4-mapped IPv6 address is that IPv4 address.
    return (getattr(number, "ipv4_mapped", None) or number).is_loopback


def resolve(host: str, port: int) -> list[str]:
    """The addresses that this machine's resolver knows; it reads every spelling of a number.

    Raises:
        OSError: There are none.
    """
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("this is not the name of a host") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in entries))


class GuardedAdapter(PatientAdapter):
    """Connects `requests` only to hosts whose every address is allowed.

    A name is resolved once for a connection, and the connection made to that address: a name that
    changes its address in between gains nothing.

    Args:
        public: Whether a host may be on the internet.
        loopback: Whether a host may be this machine.
        resolve: Resolves a host to its addresses.
        new_patience: As for any `PatientAdapter`.
    """

    def __init__(
        self,
        *,
        public: bool = True,
        loopback: bool = False,
        resolve: Resolve = resolve,
        new_patience: Callable[[], Patience] = Patience,
    ) -> None:
        self._public = public
        self._loopback = loopback
        self._resolve = resolve
        super().__init__(new_patience)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use connections that are checked."""
        super().init_poolmanager(*args, **kwargs)
        adapter = self

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return adapter._connect(self)

        class Encrypted(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return adapter._connect(self)

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
        """Check the host of a link that goes through a proxy, as far as it can be resolved here.

        The proxy makes the connection, and may itself have a private address: that is this
        machine's setting. So the host is only checked if it is an address, or has one here; a
        name that only the proxy can resolve is for the proxy to refuse.
        """
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        if select_proxy(str(request.url), proxies):
            with suppress(OSError):
                self._resolve_allowed(pool.host, pool.port or 443)
        return pool

    def _connect(self, connection: HTTPConnection) -> socket.socket:
        failure: OSError | None = None
        try:
            addresses = self._resolve_allowed(connection.host, connection.port)
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

    def _resolve_allowed(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host; raises if one of them is not allowed."""
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
    """Whether the name alone, before it is resolved, shows that the host is not public."""
    # No dot: a name of the local network, or a number.
    return ("." not in host and ":" not in host) or host.lower().endswith(LOCAL_SUFFIXES)


def _unsafe(host: str) -> UnsafeLinkError:
    return UnsafeLinkError(
        "the link leads to this machine, a private network or a cloud's metadata service",
        where=host,
        hint="Ask the vendor; nothing was fetched.",
    )
