"""Where we write to: mail addresses and webhooks as they can really be reached, or refused. Pure.

A domain outside ASCII is written in its ASCII form (IDNA 2008, RFC 5891, with the mapping of UTS
46). The part before the @ has no such form: it needs servers that all speak SMTPUTF8 (RFC 6531).
"""

from __future__ import annotations

import re

import idna
import yarl

from shared.policy.addresses import is_email, is_url, stands_for_something

_LONGEST_LOCAL, _LONGEST_ADDRESS, _LONGEST_DOMAIN = 64, 254, 253
"""Octets (RFC 5321, sections 4.5.3.1 and 4.1.2; erratum 1690)."""

_OTHERS = frozenset(
    # WHATWG Fetch, section 2.9 (bad ports)
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668}
    | {6669, 6679, 6697, 10080}
    # databases, queues, brokers, remote control
    | {1433, 1521, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5672, 5900, 6379, 6443, 9092}
    | {9200, 9300, 10250, 11211, 27017, 27018, 27019}
)
"""Ports above 1023 that webhooks are not for."""

# With "_": hosts of real installations have it, although RFC 1123 does not.
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)


def ascii_domain(domain: str) -> str:
    """The domain in lower-case ASCII. Raises ValueError, in words for whoever wrote it."""
    try:
        # ASCII passes as it is: IDNA would refuse some names that work, such as those with "_".
        found = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"{domain!r} is no domain name: {error}") from None
    # A dot at the end means the same domain. Kept, one person would have two addresses.
    found = found.lower().removesuffix(".")
    labels = found.split(".")
    if len(found) > _LONGEST_DOMAIN or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(f"{domain!r} is no domain name")
    for label in labels:
        # A name may come in its ASCII form already: it must stand for a real one.
        if label.startswith("xn--"):
            _check_ace(label)
    return found


def _check_ace(label: str) -> None:
    try:
        idna.decode(label)
    except UnicodeError as error:
        raise ValueError(f"{label!r} stands for no name: {error}") from None


def deliverable(address: str) -> str:
    """The address with its domain in ASCII; what is before the @ stays. Raises ValueError."""
    local, mark, domain = address.rpartition("@")
    if not mark or not local:
        raise ValueError(f"{address!r} is no mail address")
    # Octets, not characters: RFC 5321 counts so.
    if len(local.encode()) > _LONGEST_LOCAL:
        raise ValueError(f"the part before the @ has more than {_LONGEST_LOCAL} characters")
    # [192.0.2.1]: an address in place of a domain has no ASCII form to find.
    found = f"{local}@{domain if domain.startswith('[') else ascii_domain(domain)}"
    if len(found.encode()) > _LONGEST_ADDRESS:
        raise ValueError(f"an address has at most {_LONGEST_ADDRESS} characters")
    return found


def mail_target(address: str) -> str:
    """An address that somebody gives us to be written to. Raises ValueError where mail would not
    arrive: also for letters outside ASCII before the @, since many mail servers refuse them.
    """
    found = deliverable(address)
    if not found.isascii():
        raise ValueError(
            "the part before the @ has letters that many mail servers do not take; "
            "give an address with plain letters there"
        )
    return found


def is_web_port(port: int) -> bool:
    """Whether a web server may listen there: 80, 443, and above 1023 what is not known to be
    another service's.
    """
    return port in (80, 443) or (1024 <= port < 65536 and port not in _OTHERS)


def webhook_target(url: str) -> str:
    """An http(s) URL that a request can be sent to, with its host in ASCII. Raises ValueError."""
    try:
        parsed = yarl.URL(url)
        host, port = parsed.raw_host, parsed.port
    except ValueError as error:
        raise ValueError(f"this is no address of a webhook: {error}") from None
    if parsed.scheme not in ("http", "https") or not host or not port:
        raise ValueError("a webhook's address is http:// or https:// with a host")
    if not is_web_port(port):
        raise ValueError(f"port {port} is of another service; use 443, 80 or one of your own")
    # An IPv6 address is no name and has no labels.
    if ":" not in host:
        ascii_domain(host)
    # The URL stays as it was written where it can: yarl would also change its escapes.
    plain = url.partition("://")[2].partition("/")[0]
    return url if plain.isascii() else str(parsed)


def mistake_of_mail(text: str) -> str | None:
    """What is wrong with a mail address in a document, in words; None: it can be written to."""
    if not is_email(text):
        return f"{text!r} is no e-mail address"
    try:
        target = mail_target(text)
    except ValueError as error:
        return str(error)
    # What would be changed on the way is told, so that the document says what is used.
    return None if target == text else f"write it as {target}"


def mistake_of_url(text: str, *, is_webhook: bool) -> str | None:
    """The same of a URL; of a webhook's also what would keep a request from it."""
    # First the shape, then what a request needs: the first message is the plainer one.
    if stands_for_something(text) or not is_url(text):
        return f"{text!r} is no http(s) URL"
    try:
        if is_webhook:
            webhook_target(text)
    except ValueError as error:
        return str(error)
    return None
