"""Time zones as people write them. An abbreviation that means two places is asked back, and so is
winter time in summer. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True)
class Zone:
    """`ambiguous`: what to ask, instead of `tz`. `place`: where the abbreviation is used, to see
    whether it fits the season.
    """

    name: str
    tz: tzinfo | None
    written: str = ""
    ambiguous: str = ""
    place: str = ""

    def why_not(self, local: datetime) -> str:
        """Why this local time is none, or two; empty where it is one."""
        # An abbreviation has a fixed offset: it is compared with what the clocks of its place show
        # that day.
        if self.place:
            there = datetime.combine(local.date(), local.time(), ZoneInfo(self.place))
            if there.utcoffset() != local.utcoffset():
                return f"{self.name} is not what clocks in {_city(self.place)} show on that day."
            return ""
        # The two readings of `fold` differ only in the hour of a change.
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            gone = local.astimezone(UTC).astimezone(self.tz).replace(tzinfo=None) != local.replace(
                tzinfo=None
            )
            return (
                f"Clocks in {self.name} "
                f"{'jumped over that time' if gone else 'showed that time twice'} on that day."
            )
        return ""


def _city(place: str) -> str:
    return place.rpartition("/")[2].replace("_", " ")


_FIXED: dict[str, tuple[float, str]] = {
    "PST": (-8, "America/Los_Angeles"),
    "PDT": (-7, "America/Los_Angeles"),
    "MDT": (-6, "America/Denver"),
    "MST": (-7, ""),
    "CDT": (-5, "America/Chicago"),
    "EST": (-5, "America/New_York"),
    "EDT": (-4, "America/New_York"),
    "AKST": (-9, "America/Anchorage"),
    "AKDT": (-8, "America/Anchorage"),
    "HST": (-10, ""),
    "NST": (-3.5, "America/St_Johns"),
    "NDT": (-2.5, "America/St_Johns"),
    "ADT": (-3, "America/Halifax"),
    "BRT": (-3, ""),
    "ART": (-3, ""),
    "CLT": (-4, "America/Santiago"),
    "WET": (0, "Europe/Lisbon"),
    "WEST": (1, "Europe/Lisbon"),
    "CET": (1, "Europe/Berlin"),
    "CEST": (2, "Europe/Berlin"),
    "MEZ": (1, "Europe/Berlin"),
    "MESZ": (2, "Europe/Berlin"),
    "EET": (2, "Europe/Athens"),
    "EEST": (3, "Europe/Athens"),
    "MSK": (3, ""),
    "TRT": (3, ""),
    "SAST": (2, ""),
    "EAT": (3, ""),
    "WAT": (1, ""),
    "PKT": (5, ""),
    "NPT": (5.75, ""),
    "ICT": (7, ""),
    "WIB": (7, ""),
    "SGT": (8, ""),
    "HKT": (8, ""),
    "PHT": (8, ""),
    "AWST": (8, ""),
    "JST": (9, ""),
    "KST": (9, ""),
    "ACST": (9.5, ""),
    "ACDT": (10.5, "Australia/Adelaide"),
    "AEST": (10, ""),
    "AEDT": (11, "Australia/Sydney"),
    "NZST": (12, "Pacific/Auckland"),
    "NZDT": (13, "Pacific/Auckland"),
}
"""Abbreviation → hours from UTC, and the place whose season it must fit (empty: it is used all year
somewhere).
"""

_PLACES = {
    "PT": "America/Los_Angeles",
    "PACIFIC": "America/Los_Angeles",
    "MT": "America/Denver",
    "MOUNTAIN": "America/Denver",
    "CT": "America/Chicago",
    "CENTRAL": "America/Chicago",
    "ET": "America/New_York",
    "EASTERN": "America/New_York",
}
# Never guessed, not even by the account: half of the writers would be hours off.
_TWO = {
    "IST": "India, Israel or Ireland",
    "CST": "Chicago, China or Cuba",
    "BST": "Britain or Bangladesh",
    "AST": "the Atlantic coast or Arabia",
    "GST": "the Gulf or South Georgia",
    "SST": "Samoa or Singapore",
    "AMT": "the Amazon or Armenia",
    "ECT": "Ecuador or the Eastern Caribbean",
    "WST": "Western Australia or Western Samoa",
    "PYT": "Paraguay or Pyongyang",
}

# Longest first, so that no short name is tried where a longer one stands.
_NAMES = sorted((*_FIXED, *_TWO, "PT", "MT", "CT", "ET"), key=len, reverse=True)
# In this order: names of the database, offsets, UTC, abbreviations, words. `Z` counts only behind a
# figure.
_WRITTEN = re.compile(
    r"(?P<iana>(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/"
    r"[A-Z][\w+\-]{1,30}(?:/[A-Z]\w{1,30})?)"
    r"|(?<![\w])(?P<utc>(?:UTC|GMT)\s?(?P<sign>[+\-−])\s?(?P<hh>\d\d?)(?::?(?P<mm>[0-5]\d))?(?!\d))"
    r"|(?<![A-Za-z])(?P<zero>UTC|GMT|[Zz]ulu|utc|gmt)(?![A-Za-z])|(?<=\d)(?P<z>Z)(?!\w)"
    r"|(?<=[\d\smM])(?P<offset>(?P<osign>[+−]|(?<=\s)-)(?P<ohh>\d\d):?(?P<omm>[0-5]\d))(?![\d:])"
    rf"|(?<![A-Za-z])(?P<abbr>{'|'.join(_NAMES)})(?![A-Za-z])"
    r"|(?<![A-Za-z])(?P<place>[Pp]acific|[Mm]ountain|[Cc]entral|[Ee]astern)(?:\s+"
    r"(?:[Ss]tandard|[Dd]aylight))?(?:\s+[Tt]ime)?(?![A-Za-z])"
)
# In small letters only behind a time, and only where nothing else was found: "est" and "art" are
# words.
_LOWER = re.compile(
    rf"(?<=[\dm])\s?(?P<abbr>{'|'.join(name.lower() for name in _NAMES if len(name) > 2)})(?![a-z])"
)


def zones_in(text: str) -> list[Zone]:
    """Every zone named in a text, in order."""
    found = [zone for match in _WRITTEN.finditer(text) if (zone := _zone(match)) is not None]
    return found or [
        zone
        for match in _LOWER.finditer(text)
        if (zone := _read_abbreviation(match["abbr"].upper(), match["abbr"])) is not None
    ]


def _zone(match: re.Match[str]) -> Zone | None:
    written = match[0]
    if name := match["iana"]:
        # The pattern takes any name of a continent and a place; the database knows which exist.
        try:
            return Zone(name, ZoneInfo(name), written)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None
    if match["utc"]:
        return _away(match["sign"], match["hh"], match["mm"], written)
    if match["zero"] or match["z"]:
        return Zone("UTC", UTC, written)
    if match["offset"]:
        return _away(match["osign"], match["ohh"], match["omm"], written)
    if match["abbr"]:
        return _read_abbreviation(match["abbr"], written)
    place = _PLACES[match["place"].upper()]
    return Zone(f"{match['place'].title()} time", ZoneInfo(place), written)


def _away(sign: str, hours: str, minutes: str | None, written: str) -> Zone | None:
    away = timedelta(hours=int(hours), minutes=int(minutes or 0))
    # No zone is further away: the figures mean something else.
    if away > timedelta(hours=14):
        return None
    away = away if sign == "+" else -away
    return Zone(
        f"UTC{sign}{int(hours):02}:{minutes or '00'}", timezone(away) if away else UTC, written
    )


def _read_abbreviation(name: str, written: str) -> Zone | None:
    # Ambiguous first, then what follows the season by itself, then fixed offsets.
    if name in _TWO:
        return Zone(name, None, written, ambiguous=f"{name} can mean {_TWO[name]}.")
    if name in _PLACES:
        return Zone(name, ZoneInfo(_PLACES[name]), written)
    hours, place = _FIXED[name]
    return Zone(name, timezone(timedelta(hours=hours), name), written, place=place)
