"""A world for permissions: one agency with its rows, agencies beside, above and below it, and whoever may speak.

It is built once and copied aside, so that each call of the matrix finds every row as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.identity_scene import PASSWORD
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET
from tests.web_scene import ADDRESS
from tests.world import MONDAY, add_agency, add_official, build_world, directive, task
from tracker import clock
from tracker.actions import (
    accounts,
    attachments,
    directives,
    exports,
    extensions,
    feeds,
    imports,
    indicators,
    inspection_mail,
    inspections,
    mandates,
    passing_on,
    reading_sheets,
    reconciliation,
    reports,
    scheduled_reports,
    second_thoughts,
    sessions,
    succession,
    tokens,
    urges,
    views,
    webhooks,
)
from tracker.actions import assignments as assignment_actions
from tracker.actions.hashing import hash_password, token_hash
from tracker.app import create_app
from tracker.db import accounts as accounts_db
from tracker.db import identities as identities_db
from tracker.db import inspections as inspections_db
from tracker.db import ladders as ladders_db
from tracker.db import reconciliation as reconciliation_db
from tracker.db.actors import find_actor
from tracker.db.engine import execute, fetchval
from tracker.db.scheduled_reports import Choices
from tracker.domain.access import Scope
from tracker.domain.directory import SYSTEM, Actor
from tracker.domain.drafts import NewExtension, NewReport
from tracker.domain.indicators import Indicator
from tracker.domain.inspections import Conclusion, Verdict
from tracker.domain.inspections import Plan as SessionPlan
from tracker.domain.reconciliation import Answer, Given
from tracker.domain.scheduled_reports import FileFormat, Rhythm, Timing, What
from tracker.domain.succession import Change, Heir, Plan
from tracker.domain.urges import UrgeKind
from tracker.intake.rows import Defaults
from tracker.jobs import reminders
from tracker.jobs.long_work import LongWork
from tracker.settings import Secret, load
from tracker.web.ladder_drafts import values_of
from tracker.web.session import anonymous, anonymous_to_cookie, form_token, signed_in, token_to_cookie

SPEAKERS = (
    "nobody", "administrator", "secretariat", "member", "inspector", "officer", "leader", "other-off",
    "other-lead", "above-off", "above-lead", "below-off", "below-lead", "deputy", "ex-deputy", "disabled",
)  # fmt: skip
"""Nobody; the assigning side; officer and leader of the row's agency, of another, of the one above and of the one
below; somebody of a further agency who deputises here, who did so until yesterday; an officer switched off."""

OWN, OTHER, ABOVE, BELOW, HOME = "BYT", "BTC", "TREN", "DUOI", "PHO"
MARKS = {code: f"dấu-của-{code}" for code in (OWN, OTHER, ABOVE, BELOW, HOME)}
"""What stands in every row of an agency and nowhere else."""
PRIVATE = "riêng-của-officer"
"""What stands in everything that is the officer's own: links, tokens, webhooks, lists kept under a name."""
INSIDE = "trong-nhà-BYT"
"""What stands in the notes of the row's agency, which are read there and nowhere else."""
DESK = "riêng-của-bàn"
"""What stands in the list that the secretariat's desk keeps for itself."""

_SEEN = {
    "officer": (OWN, BELOW), "leader": (OWN, BELOW), "other-off": (OTHER,), "other-lead": (OTHER,),
    "above-off": (ABOVE, OWN, BELOW), "above-lead": (ABOVE, OWN, BELOW), "below-off": (BELOW,),
    "below-lead": (BELOW,), "deputy": (HOME, OWN, BELOW), "ex-deputy": (HOME,), "nobody": (), "disabled": (),
}  # fmt: skip
ABSENT = 987_654_321
"""An id that no row has."""

TODAY = MONDAY.date()
RESET_LINK = "ddl_" + "R" * 32
READINGS = "Mã chỉ tiêu;Tính đến ngày;Số liệu\n7;24/11/2025;20\n"
TABLE = "STT;Nhiệm vụ;Cơ quan chủ trì;Thời hạn\n1;Lập kế hoạch năm;Bộ Y tế;15/12/2025\n"


def foreign_marks(speaker: str) -> list[str]:
    """The marks of agencies that the speaker may know nothing of."""
    return [MARKS[code] for code in MARKS if code not in _SEEN.get(speaker, tuple(MARKS))]


def closed_marks(speaker: str) -> list[str]:
    """What the speaker may not read although it is about rows that they see."""
    found = [] if speaker in ("officer", "leader", "deputy") else [INSIDE]
    return found if speaker in ("administrator", "secretariat") else [*found, DESK]


def foreign_addresses(speaker: str) -> list[str]:
    """The ends of mail addresses of agencies whose people the speaker may not know.

    Whoever reads the agency's rows also knows who stands in for it, or did.
    """
    seen = _SEEN.get(speaker, tuple(MARKS))
    known = {*seen, HOME} if OWN in seen else set(seen)
    return [f"@{code.lower()}.example.vn" for code in MARKS if code not in known]


@dataclass(frozen=True)
class Speaker:
    """Somebody's ways in: an API token, and a browser's cookie with the token of its forms."""

    name: str
    official_id: int | None
    bearer: str
    cookie: str
    form_token: str


@dataclass
class Scene:
    """Who may speak, and the ids of all rows by name; `app` is made anew for each process."""

    app: Any
    speakers: dict[str, Speaker] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)
    _client: tuple[Any, httpx.AsyncClient] | None = None

    async def call(
        self,
        speaker: str,
        method: str,
        path: str,
        *,
        json: object = None,
        form: Mapping[str, object] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request of the speaker: with the token under /api, else as their browser sends it.

        With `files` the form is one of several parts.
        """
        who = self.speakers[speaker]
        sent = {"Accept-Language": "en", **(headers or {})}
        more: dict[str, Any] = {}
        if path.startswith("/api/v1"):
            if who.bearer:
                sent["Authorization"] = f"Bearer {who.bearer}"
            if json is not None:
                more["json"] = json
            if content is not None:
                more["content"] = content
        else:
            sent |= {"Accept": "text/html", "Cookie": f"dondoc={who.cookie}; ngon-ngu=en", "Origin": ADDRESS}
            if method == "POST":
                more["data"] = {"_token": who.form_token, **(form or {})}
                if files is not None:
                    more["files"] = files
        if self._client is None or self._client[0] is not self.app:
            transport = httpx.ASGITransport(
                app=self.app, raise_app_exceptions=False, client=("203.0.113.9", 5000)
            )
            client = httpx.AsyncClient(transport=transport, base_url=ADDRESS, timeout=60, trust_env=False)
            self._client = self.app, client
        client = self._client[1]
        answer = await client.request(method, path, headers=sent, **more)
        client.cookies.clear()
        return answer

    async def actor(self, speaker: str) -> Actor:
        """The speaker as an actor, as the service itself finds them."""
        official_id = self.speakers[speaker].official_id
        assert official_id is not None
        found = await find_actor(official_id)
        assert found is not None
        return found


def make_app(issuer: str = "") -> Any:
    """The service in production, where webhooks may call this machine and `issuer` signs people on."""
    given = {
        "TRACKER_SECRET_KEY": "k" * 40,
        "TRACKER_WEBHOOK_HOSTS": "127.0.0.1",
        "TRACKER_WEBHOOK_PLAIN_HTTP": "true",
    }
    settings = load(given)
    if issuer:
        settings = replace(
            settings,
            oidc_issuer=issuer,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=Secret(CLIENT_SECRET),
        )
    return create_app(replace(settings, api_per_minute=1_000_000, feed_per_minute=1_000_000))


def set_clock() -> None:
    """The scene's Monday, 09:00."""
    clock.set_offset(MONDAY - datetime.now(UTC))


async def build(app: Any) -> Scene:
    """Everything, in an empty database."""
    scene = Scene(app)
    world = await build_world()
    ids = scene.ids
    ids["agencies"] = agencies = dict(world.agencies)
    for code, name in ((ABOVE, "Cơ quan cấp trên"), (BELOW, "Cơ quan cấp dưới"), (HOME, "Cơ quan của người thay"),
                       ("CU", "Cơ quan đã hết"), ("SAP", "Cơ quan sắp hết")):  # fmt: skip
        agencies[code] = await add_agency(code, name, "other")
    await execute("UPDATE agency SET parent_id = $1 WHERE id = $2", agencies[ABOVE], agencies[OWN])
    await execute("UPDATE agency SET parent_id = $1 WHERE id = $2", agencies[OWN], agencies[BELOW])
    people = dict(world.officials)
    for code in (ABOVE, BELOW, HOME):
        for duty, role in (("focal", "agency_officer"), ("leader", "agency_leader")):
            address = f"{duty}@{code.lower()}.example.vn"
            people[f"{code}.{duty}"] = await add_official(
                f"{duty} {code}", address, role, duty, agencies[code]
            )
    for name, code in (("ex-deputy", HOME), ("disabled", OWN), ("guest", OWN), ("colleague", OWN)):
        address = f"{name}@{code.lower()}.example.vn"
        people[name] = await add_official(f"Người {name}", address, "agency_officer", None, agencies[code])
    ids["people"] = people
    await _mandates(world.administrator, people, ids)
    await _enter(scene, people)
    officer = await scene.actor("officer")
    await _rows(scene, world.secretariat, officer)
    await _private_rows(scene, officer)
    await _settled_rows(scene, world.secretariat, world.administrator, officer)
    await execute("UPDATE official SET is_active = false WHERE id = $1", people["disabled"])
    return scene


async def _mandates(administrator: Actor, people: dict[str, int], ids: dict[str, Any]) -> None:
    today = datetime.now(UTC).date()
    week = timedelta(days=7)
    leader = people["byt.leader"]
    held = mandates.NewMandate(valid_from=today - week, valid_to=today + week, on_behalf_of=leader)
    made = await mandates.grant(administrator, people[f"{HOME}.focal"], held, None, datetime.now(UTC))
    over = replace(held, valid_to=today + week)
    ended = await mandates.grant(administrator, people["ex-deputy"], over, None, datetime.now(UTC))
    await execute(
        "UPDATE mandate SET valid_to = (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date - 1 WHERE id = $1",
        ended.id,
    )
    ids["mandate"] = made.id


async def _enter(scene: Scene, people: dict[str, int]) -> None:
    """Tokens and sessions of all speakers."""
    holders = {
        "administrator": "admin", "secretariat": "officer", "member": "member", "inspector": "inspector",
        "officer": "byt.focal", "leader": "byt.leader", "other-off": "btc.focal", "other-lead": "btc.leader",
        "above-off": f"{ABOVE}.focal", "above-lead": f"{ABOVE}.leader", "below-off": f"{BELOW}.focal",
        "below-lead": f"{BELOW}.leader", "deputy": f"{HOME}.focal", "ex-deputy": "ex-deputy",
        "disabled": "disabled",
    }  # fmt: skip
    signer = scene.app.state["web"].signer
    hashed = await hash_password(PASSWORD)
    now = datetime.now(UTC)
    stranger = anonymous()
    cookie = anonymous_to_cookie(signer, stranger, now)
    scene.speakers["nobody"] = Speaker("nobody", None, "", cookie, form_token(signer, stranger))
    everything = tuple(scope.value for scope in Scope)
    for name, key in holders.items():
        official_id = people[key]
        new = tokens.NewToken(official_id, PRIVATE if name == "officer" else "mã", everything)
        bearer = (await tokens.create(SYSTEM, new, clock.utc_now())).secret
        await accounts_db.put_account(official_id, now)
        await accounts_db.mark_password(official_id, hashed, now)
        begun = await sessions.begin(
            official_id, "oidc", ip="203.0.113.9", user_agent="x", now=now, second_factor=True
        )
        assert isinstance(begun, sessions.SignedIn)
        session = signed_in(signer, begun.token, begun.session_id, official_id)
        scene.speakers[name] = Speaker(
            name, official_id, bearer, token_to_cookie(signer, begun.token), form_token(signer, session)
        )


async def _rows(scene: Scene, desk: Actor, officer: Actor) -> None:
    """A directive of each agency; those of the row's agency stand in every state that a call needs."""
    ids = scene.ids
    names = ("fresh", "acked", "reported", "asked", "judged", "dropped", "urged", "owed", "passed")
    for number, (code, mark) in enumerate(MARKS.items(), start=1):
        given = names if code == OWN else ("one",)
        new = directive(
            *(replace(task(leads=(code,)), short_name=f"{name} {mark}", full_text=mark) for name in given),
            number=f"{number}/NQ-{code}",
        )
        made = await directives.record(desk, replace(new, abstract=f"Về {mark}"), MONDAY - timedelta(days=3))
        ids[f"directive.{code}"] = made.directive_id
        ids[f"task.{code}"] = made.task_ids[0]
        for name, task_id, assignment_id in zip(given, made.task_ids, made.assignment_ids, strict=True):
            ids[name if code == OWN else f"{name}.{code}"] = assignment_id
            if code == OWN:
                ids[f"task.{name}"] = task_id
    at = MONDAY - timedelta(days=1)
    for name in ("acked", "reported", "asked", "judged"):
        await assignment_actions.acknowledge(officer, ids[name], None, at)
    report = NewReport("completion", f"Xong {MARKS[OWN]}", evidence_number="1/BYT")
    for name in ("reported", "judged"):
        await reports.submit(officer, ids[name], None, report, at)
    ids["receipt"] = await fetchval("SELECT receipt FROM report WHERE assignment_id = $1", ids["reported"])
    ask = NewExtension(f"Chờ {MARKS[OWN]}", date(2025, 12, 31))
    ids["extension"] = await extensions.request(officer, ids["asked"], None, ask, at)
    new_file = attachments.NewFile("bang.txt", MARKS[OWN].encode())
    ids["attachment"] = (await attachments.add(officer, ids["acked"], new_file, at)).id
    await _inside(scene, officer, at)
    await _second_thoughts(scene, desk)


async def _inside(scene: Scene, officer: Actor, at: datetime) -> None:
    """What the agency arranges among its own people."""
    ids = scene.ids
    given = passing_on.PassOn(ids["people"]["colleague"], None, f"Làm ngay, {INSIDE}", 0)
    ids["internal"] = (await passing_on.pass_on(officer, ids["passed"], given, at)).id
    ids["note"] = await passing_on.add_note(officer, ids["passed"], f"Gấp, {INSIDE}", at)


async def _second_thoughts(scene: Scene, desk: Actor) -> None:
    """What can still be taken back, however long the calls take; and what is owed an explanation."""
    ids = scene.ids
    soon = MONDAY + timedelta(hours=1)
    await second_thoughts.confirm(await scene.actor("member"), ids["judged"], None, "", soon)
    await second_thoughts.withdraw(desk, ids["dropped"], None, "Thôi.", "", soon)
    urge = urges.NewUrge([ids["urged"]], hold=urges.HOLD)
    ids["urging"] = (await urges.urge(desk, urge, MONDAY)).group
    asks = urges.NewUrge([ids["owed"]], UrgeKind.EXPLANATION, f"Vì sao {MARKS[OWN]}?", date(2025, 12, 1))
    await urges.urge(desk, asks, MONDAY)
    target = Indicator(
        f"Hồ sơ trực tuyến {MARKS[OWN]}", "%", MONDAY.date(), date(2026, 12, 31), "hồ sơ", target=Decimal(30)
    )
    ids["indicator"] = await indicators.define(desk, ids["acked"], target, MONDAY)
    sheet = READINGS.replace("\n7;", f"\n{ids['indicator']};").encode()
    ids["sheet"] = await reading_sheets.send(await scene.actor("officer"), sheet, "so-lieu.csv", MONDAY)
    people = ids["people"]
    weekly = Choices(
        "Quá hạn",
        What.OVERDUE,
        Timing(Rhythm.WEEKLY, 1, time(7, 30)),
        FileFormat.XLSX,
        (people["byt.focal"], people["inspector"]),
    )
    ids["scheduled_report"] = await scheduled_reports.make(desk, weekly, MONDAY)
    await _inspections(scene, desk)
    await _reconciliation(scene, desk)


async def _reconciliation(scene: Scene, desk: Actor) -> None:
    """A round of an earlier month, in which the row's agency says that a task is not its own."""
    day = MONDAY.date()
    made = await reconciliation.open_round(desk, day, day + timedelta(days=7), MONDAY)
    await execute("UPDATE reconciliation SET month = '2025-10-01' WHERE id = $1", made)
    officer = await scene.actor("officer")
    asked = await reconciliation.asked_of(officer, made, OWN)
    item = (await reconciliation_db.list_items(made, asked.agency_id))[0]
    said = Given(item.id, Answer.NOT_OURS, word=f"Không phải {MARKS[OWN]}")
    sent = reconciliation.Sent([said], rest_agrees=True, seen=asked.digest)
    await reconciliation.answer(officer, made, OWN, sent, MONDAY)
    scene.ids |= {"round": made, "round.item": item.id, "round.digest": asked.digest}


async def _inspections(scene: Scene, desk: Actor) -> None:
    """Sessions that inspect the row's agency: to be held, frozen, with a conclusion on every item."""
    day = MONDAY.date()
    new = SessionPlan(f"Kiểm tra {MARKS[OWN]}", day, day, day + timedelta(days=60), (OWN,), explain_by=day)
    for name in ("planned", "frozen", "ready"):
        found = await inspections.plan(desk, new, MONDAY)
        scene.ids[f"inspection.{name}"] = found
        if name == "planned":
            continue
        await inspections.freeze(desk, found, 1, MONDAY)
        for item in await inspections_db.list_items(found) if name == "ready" else ():
            noted = Conclusion(Verdict.NOTED, f"Ghi nhận {MARKS[OWN]}")
            await inspections.conclude(desk, found, item.id, None, noted, MONDAY)
    frozen = scene.ids["inspection.frozen"]
    scene.ids["inspection.item"] = (await inspections_db.list_items(frozen))[0].id
    scene.ids["inspection.batch"] = (await inspection_mail.invite(desk, frozen, None, MONDAY)).batch
    whole = Conclusion(Verdict.NOTED, f"Ghi nhận {MARKS[OWN]}")
    scene.ids["inspection.conclusion"] = await inspections.conclude(desk, frozen, None, None, whole, MONDAY)


async def _private_rows(scene: Scene, officer: Actor) -> None:
    """What the officer holds: a calendar link, a webhook with a delivery, a token, a session, an identity, jobs."""
    ids = scene.ids
    now = clock.utc_now()
    feed = await feeds.create(officer, feeds.NewFeed(feeds.FeedChoices(PRIVATE), "own_agency"), now)
    ids |= {"feed": feed.feed.id, "feed.token": feed.token}
    choices = webhooks.WebhookChoices("http://127.0.0.1:9999/x", ["assignment.assigned"], PRIVATE)
    made = await webhooks.create(officer, choices, "v1", now)
    ids["webhook"] = made.webhook.id
    delivery = await webhooks.ping(officer, made.webhook.id, None, now)
    await execute(
        "UPDATE webhook_delivery SET state = 'failed', finished_at = now() WHERE id = $1", delivery.id
    )
    ids["delivery"] = delivery.id
    assert officer.official_id is not None
    ids["token"] = await fetchval("SELECT id FROM api_token WHERE official_id = $1", officer.official_id)
    ids["session"] = await fetchval("SELECT id FROM web_session WHERE official_id = $1", officer.official_id)
    await identities_db.insert_identity(
        officer.official_id, "https://cu.example.vn", PRIVATE, PRIVATE, "person", now
    )
    ids["identity"] = await fetchval("SELECT id FROM external_identity")
    ids["job.done"] = await exports.ask(officer, exports.NewExport("assignments", "csv"), "vi")
    ids["view"] = await views.save(officer, PRIVATE, "/viec", "tinh-trang=qua-han", False, now)
    desk = await scene.actor("secretariat")
    await views.save(desk, DESK, "/viec", "tinh-trang=sap-den-han", True, now)


async def _settled_rows(scene: Scene, desk: Actor, administrator: Actor, officer: Actor) -> None:
    """What belongs to the service as a whole: mail, an import, a succession, links in letters."""
    ids, now = scene.ids, clock.utc_now()
    defaults = Defaults("88/NQ-CP", date(2025, 11, 20), "Chính phủ", confirm_early=False)
    ids["import"] = await imports.ask(desk, imports.NewImport(TABLE.encode(), "bang.csv", "", defaults), "vi")
    await LongWork(clock.utc_now).run()
    ids["job.waiting"] = await exports.ask(officer, exports.NewExport("assignments", "csv"), "vi")
    plan = Plan("1/QĐ", (Change("CU", TODAY, (Heir(OTHER),)),))
    digest = (await succession.preview(administrator, plan, now)).digest
    ids["succession"] = (await succession.carry_out(administrator, plan, digest, now)).succession_id
    await reminders.run(now)
    await execute(
        "INSERT INTO heartbeat (name, at) SELECT n, now() + interval '1 day' FROM unnest($1::text[]) n"
        " ON CONFLICT (name) DO UPDATE SET at = excluded.at",
        ["reminders", "outbox"],
    )
    people = ids["people"]
    ids["invitation.link"] = (await accounts.invite(SYSTEM, people["guest"], datetime.now(UTC))).token
    await accounts_db.insert_link(
        people["colleague"], "reset", token_hash(RESET_LINK), timedelta(hours=1), None, datetime.now(UTC)
    )
    newest = await ladders_db.newest_version("default")
    assert newest is not None
    ids["ladder.draft"] = urlencode(values_of(newest.steps[:-1]))
    ids["message"] = await fetchval("SELECT min(outbox_id) FROM outbox_entry")
    await execute("UPDATE outbox SET state = 'failed' WHERE id = $1", ids["message"])
