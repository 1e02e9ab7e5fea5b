"""The way to a server: which proxy stands in between, and whose certificates are trusted.

The usual variables say so. They are read here and not by httpx, so that what this server does not need cannot break it:
a server on this machine is asked without a proxy, and one without TLS without certificates.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

import httpx

from rlaif.boundary import told
from rlaif.errors import ModelError

FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name a file of certificates, the first that is set; the latter two may name a directory."""
DIRECTORIES = "SSL_CERT_DIR"
"""Variable that names directories of certificates, parted by colons as OpenSSL has them."""
PROXIES = ("http", "https", "socks5", "socks5h")
"""Kinds of proxies that httpx can use."""
START = "start the server"
"""The remedy where nothing is known to stand on the way."""
_NO_TLS = re.compile(r"WRONG_VERSION_NUMBER|UNKNOWN_PROTOCOL|HTTP_REQUEST|record layer failure", re.I)
_UNKNOWN_HOST = re.compile(r"not known|name resolution|getaddrinfo|No address associated|nodename", re.I)
_OTHER_HOST = re.compile(r"hostname mismatch|IP address mismatch|not valid for", re.I)


class Route(NamedTuple):
    """The proxy on the way to a server, and the variable that names it; no proxy, no variable."""

    proxy: str | None = None
    variable: str = ""


def route_to(url: str, environment: Mapping[str, str] = os.environ) -> Route:
    """The way to `url`. Raises ModelError, naming the variable, for a proxy that cannot be used."""
    address = httpx.URL(url)
    for scheme in (address.scheme, "all"):
        variable = _set(f"{scheme}_proxy", environment)
        if variable is None:
            continue
        value = environment[variable].strip()
        if not value or is_local(address.host) or _goes_around(address, environment):
            return Route()
        return Route(_usable(value, variable, address.host), variable)
    return Route()


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        found = ip_address(host)
    except ValueError:
        return False
    return found.is_loopback or found.is_unspecified


def trusted(environment: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Whom to trust: the certificates that a variable names, else those that come with certifi.

    Raises ModelError, naming the variable, where it names none.
    """
    import certifi

    variable = next((each for each in FILES if environment.get(each)), None)
    folders = [each for each in environment.get(DIRECTORIES, "").split(":") if each]
    if variable is None and not folders:
        return ssl.create_default_context(cafile=certifi.where())
    if folders and not any(Path(each).is_dir() for each in folders) and variable is None:
        raise ModelError(
            f"{DIRECTORIES}={':'.join(folders)}: names no directory; mend the variable, or unset it"
        )
    context = ssl.create_default_context(capath=":".join(folders)) if folders else None
    if variable is None:
        assert context is not None
        return context
    named = environment[variable]
    try:
        cafile, capath = _place(named)
        if context is None:
            return ssl.create_default_context(cafile=cafile, capath=capath)
        context.load_verify_locations(cafile, capath)
    except (OSError, ValueError) as problem:  # ssl.SSLError is one of them
        why = (
            told(problem)
            if not isinstance(problem, ssl.SSLError)
            else "holds no certificate that can be read"
        )
        raise ModelError(f"{variable}={named}: {why}; mend the variable, or unset it") from None
    return context


def nobody_trusted() -> ssl.SSLContext:
    """For servers without TLS: no certificate is read, and none would be trusted."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def remedy(reason: str, url: str, route: Route, environment: Mapping[str, str] = os.environ) -> str:
    """What to do about a server that was not reached for `reason`, in a clause."""
    host = httpx.URL(url).host
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        if _OTHER_HOST.search(reason):
            return "its certificate is another host's: write the host that it names"
        if "expired" in reason or "not yet valid" in reason:
            return "its certificate is out of date: renew it, or set the clock"
        used = next((each for each in (*FILES, DIRECTORIES) if environment.get(each)), None)
        known = f"by what {used} names" if used else "here"
        return (
            f"its certificate is signed by nobody who is known {known}: set SSL_CERT_FILE to a file with the "
            "certificate of who signed it"
        )
    if _NO_TLS.search(reason):
        return "it speaks no TLS at this address: write http:// and not https://"
    if route.proxy is not None:
        around = f"NO_PROXY={host} goes around it"
        return f"the way goes through {httpx.URL(route.proxy).host}, the proxy of {route.variable}: mend it; {around}"
    if _UNKNOWN_HOST.search(reason):
        return "nobody knows this host: correct its name"
    return START


def advice(status: int, url: str) -> str:
    """What may be wrong with an address or key that a server refuses with this status; nothing where nobody knows."""
    if status in (401, 403):
        return " (is the key right? ?key=NAME says which variable holds it)"
    if status == 404 and not httpx.URL(url).path.rstrip("/").endswith("/v1"):
        return f" (is the address whole? of most servers it ends in /v1: {url}v1)"
    if status == 404:
        return " (is the model's name right, as the server spells it?)"
    return ""


def _set(name: str, environment: Mapping[str, str]) -> str | None:
    """The variable of this name that is set: in small letters first, as everywhere."""
    capitals = name.upper()
    if name in environment:
        return name
    # a web server hands a request's Proxy header on under this name
    forged = capitals == "HTTP_PROXY" and "REQUEST_METHOD" in environment
    return capitals if capitals in environment and not forged else None


def _usable(value: str, variable: str, host: str) -> str:
    whole = value if "://" in value else f"http://{value}"
    way_out = f"unset {variable}, or go around the proxy with NO_PROXY={host}"
    try:
        proxy = httpx.URL(whole)
    except httpx.InvalidURL as problem:
        raise ModelError(
            f"{variable}: is no address of a proxy: {told(problem)}; mend it, or {way_out}"
        ) from None
    if not re.fullmatch(r"[\w.:-]+", proxy.host or "-"):
        raise ModelError(f"{variable}: is no address of a proxy; mend it, or {way_out}")
    if proxy.scheme not in PROXIES or not proxy.host:
        known = ", ".join(f"{each}://" for each in PROXIES)
        raise ModelError(
            f"{variable}: names a proxy of kind {proxy.scheme}://; known: {known}; mend it, or {way_out}"
        )
    if proxy.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ModelError(
            f"{variable}: a {proxy.scheme} proxy needs the package socksio (pip install 'httpx[socks]'); install it, "
            f"or {way_out}"
        )
    return whole


def _goes_around(address: httpx.URL, environment: Mapping[str, str]) -> bool:
    variable = _set("no_proxy", environment)
    entries = re.split(r"[,\s]+", environment[variable]) if variable else []
    return any(_fits(entry.lower(), address) for entry in entries if entry)


def _fits(entry: str, address: httpx.URL) -> bool:
    """Whether an entry of NO_PROXY means this address. One that cannot be read means none."""
    if entry == "*":
        return True
    host, port = _parted((entry.partition("://")[2] or entry).removesuffix("/"))
    if port and port != str(address.port or {"http": 80, "https": 443}.get(address.scheme)):
        return False
    try:
        return ip_address(address.host) in ip_network(host, strict=False)
    except ValueError:
        name = host.removeprefix("*").removeprefix(".")
        return bool(name) and (address.host == name or address.host.endswith(f".{name}"))


def _parted(entry: str) -> tuple[str, str]:
    """Host and port of an entry: `host`, `host:1`, `::1`, `[::1]`, `[::1]:1`."""
    if found := re.fullmatch(r"\[([^\]]*)\](?::(\d*))?", entry):
        return found[1], found[2] or ""
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port
    return entry, ""


def _place(named: str) -> tuple[str | None, str | None]:
    """A file of certificates, or a directory of them."""
    if Path(named).is_dir():
        return None, named
    if not Path(named).exists():
        raise FileNotFoundError("there is no such file")
    return named, None
