"""Which proxy serves which host, from a given environment and never from this process's own."""

import ipaddress
from collections.abc import Mapping

_LOOPBACK = ("localhost", "127.0.0.0/8", "::1")


def proxy_for(scheme: str, host: str, environment: Mapping[str, str]) -> str:
    """The proxy's URL for requests to a host; empty when it is reached directly.

    As in Go, and so in Atmos, this machine's own addresses never go through a proxy, which could not reach them.
    ``NO_PROXY`` has names (which cover their sub-domains), addresses, networks or ``*``.
    """
    if any(_covers(entry, host) for entry in (*_LOOPBACK, *_read(environment, "no_proxy").split(","))):
        return ""
    proxy = _read(environment, f"{scheme}_proxy") or _read(environment, "all_proxy")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _read(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _covers(entry: str, host: str) -> bool:
    entry, host = entry.strip().lower(), host.lower().strip("[]")
    if not entry or entry == "*":
        return entry == "*"
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        name = entry.lstrip("*").lstrip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
