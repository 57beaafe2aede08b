"""The chain of the history: the canonical form of a row, one step of the chain, and what a broken one tells. Pure.

A row's MAC is HMAC-SHA256(key, MAC of the row before it in its lane ‖ canonical form of the row).
Source: docs/decisions/0024-audit-chain.md.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from json.encoder import encode_basestring as _quoted
from typing import NamedTuple

LANES = 64
FORM = 1
"""The version of the canonical form; it is part of it."""
GENESIS = bytes(32)
"""What stands before the first row of a lane."""
BACKWARDS = timedelta(seconds=5)
"""A clock that loses less than this from one row to the next has been corrected, not set back."""
MOST_SUSPECTS = 24
"""So many rows of one lane that do not fit are looked at one by one; more are told as a run."""
_SHIFTS = (0, 1, -1, 2, -2, 3, -3)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


# -- the canonical form --------------------------------------------------------------------------------


class Link(NamedTuple):
    """A row of the history as it stands in the chain; instants in microseconds since 1970, UTC.

    A new column of the table belongs in here, with a new FORM: what is not in the MAC can be changed unseen.
    """

    id: int
    at: int
    recorded_at: int
    actor_id: int | None
    actor_name: str
    verb: str
    directive_id: int | None
    task_id: int | None
    assignment_id: int | None
    reason: str
    detail: object
    lane: int
    lane_seq: int
    key_id: str
    mac: bytes = b""


_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def microseconds(instant: datetime) -> int:
    """An aware instant as microseconds since 1970, exactly.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    return (instant - _EPOCH) // _MICROSECOND


def plain(value: object) -> object:
    """The value in what JSON and jsonb keep unchanged: text, integers, truth, null, lists, objects.

    Days and instants become ISO text, everything else, fractions too, the text Python gives it.

    >>> plain({"due": date(2025, 12, 15), 7: (True, 1.5)})
    {'due': '2025-12-15', '7': [True, '1.5']}
    """
    match value:
        case None | bool():
            return value
        case int():
            return int(value)
        case str():
            return str.__str__(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case datetime() | date() | time():
            return value.isoformat()
    return str(value)


# Every name of Link but the last, and the form, in the order in which sorted keys stand.
_CANONICAL = (
    '{"actor_id":%s,"actor_name":%s,"assignment_id":%s,"at":%d,"detail":%s,"directive_id":%s,"form":%d,"id":%d,'
    '"key_id":%s,"lane":%d,"lane_seq":%d,"reason":%s,"recorded_at":%d,"task_id":%s,"verb":%s}'
)


def canonical(link: Link) -> bytes:
    """The one way to write a row: JSON with sorted keys and nothing between them, in UTF-8.

    Put together by hand, in a third of the time that an encoder takes for the whole; a test holds the two together.
    """
    return (
        _CANONICAL
        % (
            _number(link.actor_id),
            _quoted(link.actor_name),
            _number(link.assignment_id),
            link.at,
            _encode(link.detail) if link.detail != {} else "{}",
            _number(link.directive_id),
            FORM,
            link.id,
            _quoted(link.key_id),
            link.lane,
            link.lane_seq,
            _quoted(link.reason),
            link.recorded_at,
            _number(link.task_id),
            _quoted(link.verb),
        )
    ).encode()


def _number(value: int | None) -> int | str:
    return "null" if value is None else value


# -- keys ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditKey:
    """A key of the chain and its name, which stands in every row made with it."""

    id: str
    secret: bytes = field(repr=False)


def derive_key(secret: bytes) -> AuditKey:
    """The chain's key out of the installation's secret: of no use for anything else that is signed with that.

    >>> derive_key(b"a" * 40) == derive_key(b"a" * 40), derive_key(b"a" * 40).id == derive_key(b"b" * 40).id
    (True, False)
    """
    key = hmac.digest(secret, b"tracker: chain of the history, 1", "sha256")
    return AuditKey(hmac.digest(key, b"name", "sha256")[:8].hex(), key)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The key that new rows get, and older ones that old rows are checked with, newest first."""

    current: AuditKey
    older: tuple[AuditKey, ...] = ()

    def by_id(self) -> dict[str, bytes]:
        """Every key by its name."""
        return {key.id: key.secret for key in (*self.older, self.current)}

    def rank(self, key_id: str) -> int:
        """How new a known key is; the current one has the highest rank."""
        names = [key.id for key in reversed(self.older)] + [self.current.id]
        return names.index(key_id)


def step(key: bytes, previous: bytes, link: Link) -> bytes:
    """The MAC of `link` after a row whose MAC was `previous`."""
    return hmac.digest(key, previous + canonical(link), "sha256")


def chained(
    links: Iterable[Link], key: AuditKey, lane: int, lane_seq: int, previous: bytes
) -> Iterator[Link]:
    """The links in a row behind the one at `lane_seq`, each with its place and its MAC."""
    for following, link in enumerate(links, start=lane_seq + 1):
        placed = link._replace(lane=lane, lane_seq=following, key_id=key.id)
        previous = step(key.secret, previous, placed)
        yield placed._replace(mac=previous)


# -- what a broken chain tells -------------------------------------------------------------------------


class Kind(StrEnum):
    """What was done to the history behind the program's back."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    REWRITTEN = "rewritten"
    TRUNCATED = "truncated"
    HEAD = "head"
    UNCHAINED = "unchained"
    BAD_KEY = "bad_key"
    PAST = "past"
    ANCHOR = "anchor"


class Note(StrEnum):
    """What is worth knowing and proves nothing."""

    CLOCK_BACK = "clock_back"
    OLDER_KEY = "older_key"
    NO_ANCHOR = "no_anchor"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth a notice; `first` and `last` are places in the lane, both inclusive."""

    kind: Kind | Note
    lane: int | None = None
    first: int | None = None
    last: int | None = None
    ids: tuple[int, ...] = ()
    count: int = 1
    about: str = ""

    @property
    def is_notice(self) -> bool:
        """Whether it proves nothing."""
        return isinstance(self.kind, Note)


@dataclass(frozen=True, slots=True)
class Head:
    """The last place of a lane and its MAC, as the database or an anchor has it."""

    lane: int
    seq: int
    mac: bytes


@dataclass
class _Suspect:
    """A row that does not fit where it stands; `previous` is the MAC that stands before it."""

    link: Link
    previous: bytes
    is_followed: bool = False  # the row after it fits its MAC


class LaneCheck:
    """Reads one lane row by row, in the order of `lane_seq`, in constant memory, and tells what does not fit.

    The order is that of the places alone; clocks only make notices (attack case 86).
    `anchored` are places and MACs that were noted outside the database.
    """

    def __init__(self, ring: KeyRing, lane: int, anchored: Sequence[tuple[int, bytes, str]] = ()) -> None:
        self._ring = ring
        self._keys = ring.by_id()
        self._lane = lane
        self._anchored = sorted(anchored)
        self._next_anchor = 0
        self._has_strayed = False
        self._previous = GENESIS
        self._sound = GENESIS
        self._place = 0
        self._shift = 0
        self._is_after_gap = False
        self._suspects: list[_Suspect] = []
        self._run: list[Link] = []
        self._run_length = 0
        self._recorded_at = 0
        self._key_id = ""
        self.rows = 0

    def feed(self, link: Link) -> list[Finding]:
        """Take the next row; what is certain about it already."""
        self.rows += 1
        found: list[Finding] = []
        if link.lane_seq <= self._place:
            # Two rows at one place: the unique constraint was taken away.
            return [self._finding(Kind.INSERTED, link)]
        if link.lane_seq > self._place + 1:
            found.append(
                Finding(
                    Kind.DELETED,
                    self._lane,
                    self._place + 1,
                    link.lane_seq - 1,
                    (link.id,),
                    link.lane_seq - 1 - self._place,
                )
            )
            self._is_after_gap = True
        self._place = link.lane_seq
        found += self._check_anchor(link)
        found += self._check_mac(link)
        found += self._notices(link)
        self._previous = link.mac
        return found

    def _check_mac(self, link: Link) -> list[Finding]:
        key = self._keys.get(link.key_id)
        if key is None:
            self._is_after_gap = False
            return [self._finding(Kind.BAD_KEY, link)]
        if self._fits(key, link, self._previous, self._shift):
            self._is_after_gap = False
            self._sound = link.mac
            if self._suspects and self._suspects[-1].link.lane_seq == link.lane_seq - 1:
                self._suspects[-1].is_followed = True
            return []
        if self._is_after_gap:
            # What stood before it is gone, so nothing can be said of it; the gap is told.
            self._is_after_gap = False
            return []
        if self._run or len(self._suspects) >= MOST_SUSPECTS:
            self._run = [*self._run[:1], link]
            self._run_length += 1
            return []
        moved = self._moved(key, link)
        if moved is not None:
            return moved
        self._suspects.append(_Suspect(link, self._previous))
        return []

    def _fits(self, key: bytes, link: Link, previous: bytes, shift: int = 0) -> bool:
        placed = link._replace(lane_seq=link.lane_seq + shift) if shift else link
        try:
            return hmac.compare_digest(step(key, previous, placed), link.mac)
        except (TypeError, ValueError, RecursionError):
            # A column emptied, or a detail that is not JSON as we write it: nothing of ours.
            return False

    def _moved(self, key: bytes, link: Link) -> list[Finding] | None:
        """Whether the row is sound, only that places before it were taken out or put in and all renumbered."""
        for shift in _SHIFTS:
            for previous in (self._previous, self._sound):
                offset = self._shift + shift
                if not self._fits(key, link, previous, offset) or (shift < 0 and self._is_swapped(link)):
                    continue
                self._shift, self._sound = offset, link.mac
                # The rows just before it, of which nothing fits, are those put in, or what follows the gap.
                between: list[_Suspect] = []
                place = link.lane_seq
                while self._suspects and self._suspects[-1].link.lane_seq == place - 1:
                    place -= 1
                    between.insert(0, self._suspects.pop())
                if shift > 0:
                    first = between[0].link if between else link
                    return [
                        Finding(
                            Kind.DELETED,
                            self._lane,
                            first.lane_seq,
                            first.lane_seq,
                            (first.id,),
                            shift,
                            "renumbered",
                        )
                    ]
                if shift == 0 and previous is self._previous and between:
                    # It fits what stands before it: that one was edited and nothing moved.
                    self._suspects += between
                    self._suspects[-1].is_followed = True
                    return []
                return [self._finding(Kind.INSERTED, s.link) for s in between]
        return None

    def _is_swapped(self, link: Link) -> bool:
        """Whether the row before it belongs behind it: the two have changed places."""
        if not self._suspects:
            return False
        before = self._suspects[-1].link
        return any(self._fits(self._keys[before.key_id], before, link.mac, shift) for shift in (1, 2, 3))

    def _check_anchor(self, link: Link) -> list[Finding]:
        while self._next_anchor < len(self._anchored) and self._anchored[self._next_anchor][0] < self._place:
            self._next_anchor += 1
        found = []
        while self._next_anchor < len(self._anchored) and self._anchored[self._next_anchor][0] == self._place:
            _, mac, noted = self._anchored[self._next_anchor]
            self._next_anchor += 1
            if mac != link.mac and not self._has_strayed:
                # Later anchors of this lane would only repeat it.
                self._has_strayed = True
                found.append(self._finding(Kind.REWRITTEN, link, noted))
        return found

    def _notices(self, link: Link) -> list[Finding]:
        found = []
        behind = self._recorded_at - link.recorded_at
        if behind * _MICROSECOND > BACKWARDS:
            found.append(self._finding(Note.CLOCK_BACK, link, str(behind // 1_000_000)))
        self._recorded_at = link.recorded_at
        if link.key_id != self._key_id and link.key_id in self._keys:
            if self._key_id and self._ring.rank(link.key_id) < self._ring.rank(self._key_id):
                found.append(self._finding(Note.OLDER_KEY, link, link.key_id))
            self._key_id = link.key_id
        return found

    def _finding(self, kind: Kind | Note, link: Link, about: str = "") -> Finding:
        return Finding(kind, self._lane, link.lane_seq, link.lane_seq, (link.id,), 1, about)

    def _run_of(self, links: Sequence[Link], count: int) -> Finding:
        """Rows of which none fits; of many only the first and the last are named."""
        ids = tuple(link.id for link in links)
        return Finding(Kind.REWRITTEN, self._lane, links[0].lane_seq, links[-1].lane_seq, ids, count)

    def finish(self, head: Head | None) -> list[Finding]:
        """The lane has ended, and the database says that `head` is its last place."""
        found = []
        if self._suspects and not self._run and head is not None:
            last = self._suspects[-1]
            if last.link.lane_seq == self._place == head.seq and last.link.mac == head.mac:
                last.is_followed = True
        found += self._judge()
        if self._run:
            found.append(self._run_of(self._run, self._run_length))
        return found + self._check_head(head)

    def _check_head(self, head: Head | None) -> list[Finding]:
        found = []
        noted = max((place for place, _, _ in self._anchored), default=0)
        wanted = max(noted, head.seq if head is not None else 0)
        if wanted > self._place:
            by = "anchor" if head is None or noted > head.seq else "head"
            found.append(
                Finding(Kind.TRUNCATED, self._lane, self._place + 1, wanted, (), wanted - self._place, by)
            )
        if head is None:
            found.append(Finding(Kind.HEAD, self._lane, about="missing"))
        elif head.seq < self._place or (head.seq == self._place and head.mac != self._previous):
            found.append(Finding(Kind.HEAD, self._lane, head.seq, self._place))
        elif head.seq < noted:
            # The head was set back together with the rows.
            found.append(Finding(Kind.HEAD, self._lane, head.seq, noted))
        return found

    # -- who is to blame -------------------------------------------------------------------------------

    def _judge(self) -> list[Finding]:
        """What was done to the rows that do not fit: moved, put in, edited, or only behind such a one."""
        suspects = self._suspects
        macs = [s.link.mac for s in suspects]
        moved = [s for s in suspects if self._comes_from_elsewhere(s, macs)]
        rest = [s for s in suspects if s not in moved]
        if moved:
            rest = [s for s in rest if not self._is_only_behind(s, macs)]
        found = []
        if moved:
            links = [s.link for s in moved]
            found.append(
                Finding(
                    Kind.REORDERED,
                    self._lane,
                    links[0].lane_seq,
                    links[-1].lane_seq,
                    tuple(link.id for link in links),
                    len(links),
                )
            )
        for run in _runs(rest):
            links = [s.link for s in run]
            if run[-1].is_followed:
                # Its MACs stand in the chain: what the rows say was changed, not what they are.
                found += [self._finding(Kind.EDITED, link) for link in links]
            elif len(run) == 1:
                found.append(self._finding(Kind.INSERTED, links[0]))
            else:
                found.append(self._run_of(links, len(links)))
        return found

    def _comes_from_elsewhere(self, suspect: _Suspect, macs: Sequence[bytes]) -> bool:
        """Whether the row, or what it says, is sound at the place of another row that does not fit."""
        key = self._keys[suspect.link.key_id]
        for other in self._suspects:
            if other is suspect:
                continue
            place = other.link.lane_seq
            whole = suspect.link._replace(lane_seq=place)
            said = whole._replace(mac=other.link.mac)
            if any(self._fits(key, whole, before) for before in (other.previous, *macs)):
                return True
            if self._fits(key, said, other.previous) or self._fits(
                key, said._replace(id=other.link.id), other.previous
            ):
                return True
        return False

    def _is_only_behind(self, suspect: _Suspect, macs: Sequence[bytes]) -> bool:
        """Whether the row is sound and only stands behind another one than it did."""
        key = self._keys[suspect.link.key_id]
        return any(self._fits(key, suspect.link, mac) for mac in macs)


def _runs(suspects: Sequence[_Suspect]) -> list[list[_Suspect]]:
    """Rows that stand directly behind one another, together."""
    runs: list[list[_Suspect]] = [[s] for s in suspects[:1]]
    for before, suspect in pairwise(suspects):
        if suspect.link.lane_seq == before.link.lane_seq + 1:
            runs[-1].append(suspect)
        else:
            runs.append([suspect])
    return runs


# -- anchors -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Past:
    """The rows older than the chain: how many, the last of them, and a digest of them all."""

    count: int
    last_id: int
    digest: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The heads of all lanes at an instant, kept where the database's administrator cannot reach.

    `previous` is the seal of the anchor before it in its file; `seal` is the MAC of all the rest.
    """

    at: datetime
    heads: tuple[Head, ...]
    total: int
    past: Past
    key_id: str
    previous: str = ""
    seal: str = ""

    def content(self) -> dict[str, object]:
        """Everything but the seal, as the line has it."""
        return {
            "at": self.at.astimezone(UTC).isoformat(),
            "form": FORM,
            "key_id": self.key_id,
            "lanes": [[head.lane, head.seq, head.mac.hex()] for head in self.heads],
            "past": {"count": self.past.count, "last_id": self.past.last_id, "digest": self.past.digest},
            "previous": self.previous,
            "total": self.total,
        }

    def line(self) -> str:
        """One line of JSON, without its end."""
        return _encode({**self.content(), "seal": self.seal})

    def is_sealed_by(self, ring: KeyRing) -> bool:
        """Whether one of our keys sealed it as it stands."""
        key = ring.by_id().get(self.key_id)
        return key is not None and hmac.compare_digest(seal_of(self, key), self.seal)


def seal_of(anchor: Anchor, key: bytes) -> str:
    """The MAC that makes an anchor ours."""
    return hmac.digest(key, b"anchor\n" + _encode(anchor.content()).encode(), "sha256").hex()


def read_anchor(line: str) -> Anchor:
    """The anchor of one line. Raises ValueError for anything else."""
    try:
        value = json.loads(line)
        past = value["past"]
        if value["form"] != FORM:
            raise ValueError(f"form {value['form']}")
        return Anchor(
            at=datetime.fromisoformat(value["at"]),
            heads=tuple(Head(int(lane), int(seq), bytes.fromhex(mac)) for lane, seq, mac in value["lanes"]),
            total=int(value["total"]),
            past=Past(int(past["count"]), int(past["last_id"]), str(past["digest"])),
            key_id=str(value["key_id"]),
            previous=str(value["previous"]),
            seal=str(value["seal"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise ValueError(f"not an anchor: {wrong}") from wrong


def check_anchors(anchors: Sequence[Anchor], ring: KeyRing) -> list[Finding]:
    """What is wrong with anchors of one file, in its order: a forged one, or one taken out between two."""
    found = [
        Finding(Kind.ANCHOR, about=anchor.at.isoformat())
        for anchor in anchors
        if not anchor.is_sealed_by(ring)
    ]
    found += [
        Finding(Kind.ANCHOR, about=f"{before.at.isoformat()} / {after.at.isoformat()}")
        for before, after in pairwise(anchors)
        if after.previous != before.seal
    ]
    return found
