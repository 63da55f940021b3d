"""Which names and addresses are of this machine alone."""

from __future__ import annotations

import ipaddress


def is_local(host: str) -> bool:
    """Whether only this machine can reach a server at this address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
