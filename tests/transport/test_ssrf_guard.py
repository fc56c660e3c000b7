from __future__ import annotations

import ipaddress
import socket

import pytest

from spaaza_source.transport.ssrf_guard import is_loopback_address, is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "52.95.110.1",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a05:d018::1",
        # A public host, as a network without IPv4 shows it.
        "64:ff9b::1.1.1.1",
    ],
)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)
    assert not is_loopback_address(address)


@pytest.mark.parametrize(
    "network",
    [
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *(
            "168.63.129.16/32",
            "::/96",
            "::ffff:0:0/96",
            "64:ff9b::a00:0/104",
            "64:ff9b::7f00:0/104",
        ),
        *("64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        *("5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    ],
)
def test_no_address_of_a_special_network_is_public(network: str) -> None:
    block = ipaddress.ip_network(network)
    assert not is_public(str(block[0]))
    assert not is_public(str(block[-1]))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_an_address_of_this_machine_is_known(address: str) -> None:
    assert is_loopback_address(address)


@pytest.mark.parametrize("address", ["::", "0.0.0.1", "10.0.0.1", "::2", "64:ff9b::127.0.0.1"])
def test_other_addresses_are_not_this_machines(address: str) -> None:
    assert not is_loopback_address(address)


def test_a_scope_does_not_make_an_address_public() -> None:
    assert not is_public("fe80::1%2")


def test_a_resolver_gives_each_address_once_and_fails_as_an_oserror() -> None:
    assert resolve("127.1", 443) == ["127.0.0.1"]
    with pytest.raises(socket.gaierror):
        resolve("files.invalid", 443)
    with pytest.raises(OSError, match="not the name"):
        resolve("files..example", 443)
