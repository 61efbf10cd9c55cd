"""A browser's User-Agent in a few words, for people to tell their sessions apart. Pure."""

from __future__ import annotations

# From the special to the general: nearly all say "Safari", and many say "Chrome".
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
# An iPhone also says "Mac OS X", and Android also says "Linux".
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_words(agent: str) -> str:
    """`Firefox on Linux`; the first words of an agent this does not know. Browsers name those they
    resemble: order counts.
    """
    browser = next((name for mark, name in _BROWSERS if mark in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    if browser is None and system is None:
        # Cut, since anybody can send anything as an agent.
        return agent[:40] or "Unknown browser"
    return f"{browser or 'Browser'} on {system}" if system else str(browser)
