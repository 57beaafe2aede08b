"""What independent programs read in a calendar, in one common form, and our own reading of RFC 5545."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ics  # type: ignore[import-untyped]  # published without types, as the next four
import ics.grammar.parse  # type: ignore[import-untyped]
import vobject  # type: ignore[import-untyped]
from icalendar import Calendar
from ics.grammar.contentline import contentlineParser  # type: ignore[import-untyped]

# ics 0.7.3 starts colour output anew for every line and wraps the standard streams until they overflow.
ics.grammar.parse.GRAMMAR = contentlineParser(colorize=False)

ROOT = Path(__file__).parent.parent
NODE_SCRIPT = ROOT / "tests" / "node" / "parse.cjs"
HAS_NODE = shutil.which("node") is not None and (ROOT / "node_modules" / "node-ical").is_dir()


@dataclass(frozen=True)
class Read:
    """One entry as a reader understood it; days as `YYYY-MM-DD`, instants as UTC ending in Z."""

    kind: str
    uid: str
    summary: str
    description: str
    start: str | None
    end: str | None
    due: str | None
    status: str
    sequence: int
    url: str
    categories: tuple[str, ...]
    alarms: tuple[str, ...]


def _moment(value: date | datetime | None) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if value else None


def read_icalendar(data: bytes) -> list[Read]:
    """By icalendar, which must not have met an error it tolerates."""
    components: list[Any] = Calendar.from_ical(data).walk()
    broken = [error for component in components for error in component.errors]
    assert not broken, broken

    def when(component: Any, name: str) -> str | None:
        return _moment(component[name].dt) if name in component else None

    return [
        Read(
            kind=component.name.lower(),
            uid=str(component["UID"]),
            summary=str(component["SUMMARY"]),
            description=str(component["DESCRIPTION"]),
            start=when(component, "DTSTART"),
            end=when(component, "DTEND"),
            due=when(component, "DUE"),
            status=str(component["STATUS"]),
            sequence=int(component["SEQUENCE"]),
            url=str(component["URL"]),
            categories=tuple(str(word) for word in component["CATEGORIES"].cats)
            if "CATEGORIES" in component
            else (),
            alarms=tuple(str(when(alarm, "TRIGGER")) for alarm in component.walk("VALARM")),
        )
        for component in components
        if component.name in ("VEVENT", "VTODO")
    ]


def read_vobject(data: bytes) -> list[Read]:
    """By vobject."""

    def value(component: Any, name: str) -> Any:
        found = component.contents.get(name)
        return found[0].value if found else None

    return [
        Read(
            kind=component.name.lower(),
            uid=value(component, "uid"),
            summary=value(component, "summary"),
            description=value(component, "description"),
            start=_moment(value(component, "dtstart")),
            end=_moment(value(component, "dtend")),
            due=_moment(value(component, "due")),
            status=value(component, "status"),
            sequence=int(value(component, "sequence")),
            url=value(component, "url"),
            categories=tuple(value(component, "categories") or ()),
            alarms=tuple(
                str(_moment(value(alarm, "trigger"))) for alarm in component.contents.get("valarm", ())
            ),
        )
        for component in vobject.readOne(data.decode()).components()
        if component.name in ("VEVENT", "VTODO")
    ]


def read_ics(data: bytes) -> list[Read]:
    """By ics.py, which keeps entries in sets: categories and entries come back sorted."""
    calendar = ics.Calendar(data.decode())
    read = []
    for entry in [*calendar.events, *calendar.todos]:
        is_event = isinstance(entry, ics.Event)
        extra = {line.name: line.value for line in entry.extra}
        all_day = is_event and entry.all_day
        due_is_day = (
            "T" not in str(extra.get("DUE", "")) and not is_event and entry.due.time() == datetime.min.time()
        )
        end = entry.end.date() if all_day else entry.end.datetime if is_event else None
        read.append(
            Read(
                kind="vevent" if is_event else "vtodo",
                uid=entry.uid,
                summary=entry.name,
                description=entry.description,
                start=_moment(entry.begin.date() if all_day else entry.begin.datetime) if is_event else None,
                end=_moment(end),
                due=None if is_event else _moment(entry.due.date() if due_is_day else entry.due.datetime),
                status=entry.status,
                sequence=int(extra["SEQUENCE"]),
                url=entry.url,
                categories=tuple(sorted(entry.categories)) if is_event else (),
                alarms=tuple(str(_moment(alarm.trigger.datetime)) for alarm in entry.alarms),
            )
        )
    return read


def read_with_node(calendars: Sequence[bytes]) -> dict[str, list[list[dict[str, Any]]]]:
    """By ical.js and node-ical, one process for all `calendars`."""
    done = subprocess.run(
        ["node", str(NODE_SCRIPT)],
        input=json.dumps([data.decode() for data in calendars]).encode(),
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, list[list[dict[str, Any]]]] = json.loads(done.stdout)
    return result


def by_uid(read: Sequence[Read]) -> dict[str, Read]:
    """The deadlines among what was read, without the entries that speak of the feed itself."""
    return {one.uid: one for one in read if one.uid.startswith("task-")}


REQUIRED = {
    "VCALENDAR": {"VERSION", "PRODID"},
    "VEVENT": {"UID", "DTSTAMP", "DTSTART", "SUMMARY", "SEQUENCE"},
    "VTODO": {"UID", "DTSTAMP", "SUMMARY", "SEQUENCE"},
    "VALARM": {"ACTION", "TRIGGER", "DESCRIPTION"},
    "VTIMEZONE": {"TZID"},
    "STANDARD": {"DTSTART", "TZOFFSETFROM", "TZOFFSETTO"},
}
CHILDREN = {
    "VCALENDAR": {"VEVENT", "VTODO", "VTIMEZONE"},
    "VEVENT": {"VALARM"},
    "VTODO": {"VALARM"},
    "VTIMEZONE": {"STANDARD"},
}
MANY = {"RELATED-TO", "CATEGORIES"}
INSTANT = re.compile(r"\d{8}T\d{6}Z")
WALL = re.compile(r"\d{8}T\d{6}")
DAY = re.compile(r"\d{8}")
LINE = re.compile(r"([A-Z-]+)((?:;[A-Z-]+=[^;:,\"]+)*):(.*)", re.DOTALL)
STATUSES = {
    "VEVENT": {"CONFIRMED", "CANCELLED", "TENTATIVE"},
    "VTODO": {"NEEDS-ACTION", "IN-PROCESS", "COMPLETED", "CANCELLED"},
}


def problems(data: bytes) -> list[str]:
    """Everything in `data` that our feeds must never do, in words; an empty list when all is well."""
    found: list[str] = []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return [f"not UTF-8: {error}"]
    if not data.endswith(b"\r\n"):
        found.append("does not end with CRLF")
    if b"\r" in data.replace(b"\r\n", b"") or b"\n" in data.replace(b"\r\n", b""):
        found.append("a bare CR or LF")
    for raw in data.split(b"\r\n")[:-1]:
        if len(raw) > 75:
            found.append(f"longer than 75 octets: {raw!r}")
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            found.append(f"folded inside a character: {raw!r}")
        if not raw.strip():
            found.append("an empty line")
    if found:
        return found
    text = data.decode("utf-8").replace("\r\n ", "")
    found += _structure(text.split("\r\n")[:-1])
    return found


def _structure(lines: list[str]) -> list[str]:
    found: list[str] = []
    stack: list[tuple[str, dict[str, str]]] = []
    uids: set[str] = set()
    for content in lines:
        match = LINE.fullmatch(content)
        if match is None:
            found.append(f"not a content line: {content!r}")
            continue
        name, parameters, value = match.groups()
        if any((ord(c) < 32 and c != "\t") or 0x7F <= ord(c) <= 0x9F for c in value):
            found.append(f"a control character: {content!r}")
        if name == "BEGIN":
            if stack and value not in CHILDREN.get(stack[-1][0], set()):
                found.append(f"{value} inside {stack[-1][0]}")
            stack.append((value, {"(children)": ""}))
            if len(stack) > 1:
                stack[-2][1]["(children)"] += value
        elif name == "END":
            kind, properties = stack.pop()
            if kind != value:
                found.append(f"{kind} ended by {value}")
            found += _component(kind, properties, uids)
        else:
            properties = stack[-1][1]
            if name in properties and name not in MANY:
                found.append(f"{name} twice in {stack[-1][0]}")
            properties[name] = value
            properties[f"{name};"] = parameters
    if stack:
        found.append(f"never ended: {stack[-1][0]}")
    return found


def _component(kind: str, properties: dict[str, str], uids: set[str]) -> list[str]:
    found = [f"{kind} without {name}" for name in REQUIRED[kind] - properties.keys()]
    if kind == "VCALENDAR" and not properties["(children)"]:
        found.append("a calendar without a component")
    if kind in ("VEVENT", "VTODO", "VALARM"):
        uid = properties.get("UID", "")
        if uid in uids:
            found.append(f"UID twice: {uid}")
        uids.add(uid)
    for name in ("DTSTAMP", "CREATED", "LAST-MODIFIED", "COMPLETED"):
        if name in properties and not INSTANT.fullmatch(properties[name]):
            found.append(f"{name} is not a UTC instant: {properties[name]}")
    if kind == "VTIMEZONE":
        uids.add(f";TZID={properties['TZID']}")
    if kind == "STANDARD":
        return found
    for name in ("DTSTART", "DTEND", "DUE"):
        if name not in properties:
            continue
        zone = properties[f"{name};"] if "TZID" in properties[f"{name};"] else ""
        form = DAY if ";VALUE=DATE" in properties[f"{name};"] else WALL if zone else INSTANT
        if not form.fullmatch(properties[name]) or (zone and zone not in uids):
            found.append(f"{name} floats or has a zone: {properties[f'{name};']}:{properties[name]}")
    if "DTEND" in properties and not properties["DTEND"] > properties.get("DTSTART", ""):
        found.append("DTEND not after DTSTART")
    if properties.get("DTEND;") != (properties.get("DTSTART;") if "DTEND" in properties else None):
        found.append("DTSTART and DTEND of different kinds")
    if kind == "VEVENT" and properties.get("TRANSP") != "TRANSPARENT":
        found.append("a deadline that blocks time")
    if kind in STATUSES and properties.get("STATUS") not in STATUSES[kind]:
        found.append(f"STATUS {properties.get('STATUS')}")
    if kind == "VTODO" and (properties["STATUS"] == "COMPLETED") != ("COMPLETED" in properties):
        found.append("COMPLETED and STATUS disagree")
    if kind == "VALARM" and (
        properties["TRIGGER;"] != ";VALUE=DATE-TIME" or not INSTANT.fullmatch(properties["TRIGGER"])
    ):
        found.append("an alarm whose trigger is not an absolute DATE-TIME")
    return found
