"""A form that comes after the session's end is not lost: it is found again, by who typed it, after signing in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.web_scene import ADDRESS, Scene, Visitor, hidden_fields, scene
from tracker import clock
from tracker.db.engine import execute, fetchval
from tracker.jobs import housekeeping
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

TYPED = "Đã trình Chính phủ dự thảo; <b>còn chờ</b> ý kiến của Bộ Tư pháp."


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as built:
        yield built


async def _sent_too_late(made: Scene, officer: Visitor, *, ended: str) -> str:
    """Fill in a report, let the session end as `ended` says, send it; where that leads."""
    path = made.path("overdue") + "/bao-cao"
    fields = hidden_fields((await officer.get(path)).text, path)
    await execute(f"UPDATE web_session SET {ended}")
    answer = await officer.client.post(
        path, data={**fields, "ket-qua": TYPED, "so-van-ban": "81/BYT-CNTT"}, headers={"Origin": ADDRESS}
    )
    assert answer.status_code == 303
    where = urlsplit(answer.headers["location"])
    assert where.path == "/dang-nhap"
    return parse_qs(where.query)["tiep"][0]


RESTED = "last_seen_at = now() - interval '31 minutes'"


async def test_what_was_typed_is_there_after_signing_in(made: Scene) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)
    before = await fetchval("SELECT count(*) FROM report")
    back = await _sent_too_late(made, officer, ended=RESTED)
    assert await fetchval("SELECT count(*) FROM report") == before

    await officer.post(
        "/dang-nhap", from_page="/dang-nhap", nguoi=str(made.world.agency.official_id), tiep=back
    )
    page = (await officer.get(back)).text

    assert "chưa có gì được gửi đi" in page
    assert "Đã trình Chính phủ dự thảo; &lt;b&gt;còn chờ&lt;/b&gt; ý kiến của Bộ Tư pháp." in page
    assert 'value="81/BYT-CNTT"' in page

    path = made.path("overdue") + "/bao-cao"
    sent = await officer.client.post(
        path,
        data={**hidden_fields(page, path), "ket-qua": TYPED, "so-van-ban": "81/BYT-CNTT"},
        headers={"Origin": ADDRESS},
    )
    assert sent.status_code == 303
    assert await fetchval("SELECT count(*) FROM report") == before + 1


async def test_the_words_of_a_form_with_files_are_kept_and_its_files_are_not(made: Scene) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)
    path = made.path("overdue") + "/bao-cao"
    fields = hidden_fields((await officer.get(path)).text, path)
    await execute(f"UPDATE web_session SET {RESTED}")

    answer = await officer.client.post(
        path,
        data={**fields, "ket-qua": TYPED},
        files={"tep": ("bao-cao.pdf", b"%PDF-1.7", "application/pdf")},
        headers={"Origin": ADDRESS},
    )

    assert answer.status_code == 303
    kept = await fetchval("SELECT fields::text FROM kept_form")
    assert "Đã trình Chính phủ" in json.loads(kept)["ket-qua"][0]
    assert "PDF-1.7" not in kept


async def test_somebody_else_does_not_find_it(made: Scene) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)
    back = await _sent_too_late(made, officer, ended="expires_at = now() - interval '1 second'")
    assert "giu=" in back

    leader = await Visitor(made).sign_in(made.world.leader)
    page = (await leader.get(back)).text

    assert "Đã trình Chính phủ" not in page
    assert "chưa có gì được gửi đi" not in page


@pytest.mark.parametrize("ended", ["ended_at = now(), ended_because = 'revoked'"])
async def test_a_session_that_somebody_ended_keeps_nothing(made: Scene, ended: str) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)

    back = await _sent_too_late(made, officer, ended=ended)

    assert "giu=" not in back
    assert await fetchval("SELECT count(*) FROM kept_form") == 0


async def test_a_form_of_no_page_of_that_session_keeps_nothing(made: Scene) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)
    await execute(f"UPDATE web_session SET {RESTED}")

    answer = await officer.client.post(
        made.path("overdue") + "/bao-cao",
        data={"_token": "x" * 43, "ket-qua": TYPED},
        headers={"Origin": ADDRESS},
    )

    assert answer.status_code == 303
    assert await fetchval("SELECT count(*) FROM kept_form") == 0


async def test_a_password_is_never_kept(made: Scene) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)
    page = made.path("overdue") + "/bao-cao"
    fields = hidden_fields((await officer.get(page)).text, page)
    await execute(f"UPDATE web_session SET {RESTED}")

    await officer.client.post(
        "/toi/bao-mat/nhap-lai", data={**fields, "mat-khau": "chim én bay thấp"}, headers={"Origin": ADDRESS}
    )
    kept = await fetchval("SELECT string_agg(fields::text, ' ') FROM kept_form")

    assert "mat-khau" not in (kept or "")


async def test_a_kept_form_is_forgotten_after_a_day_and_only_some_are_kept(made: Scene) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)
    path = made.path("overdue") + "/bao-cao"
    fields = hidden_fields((await officer.get(path)).text, path)
    await execute(f"UPDATE web_session SET {RESTED}")
    for number in range(23):
        await officer.client.post(
            path, data={**fields, "ket-qua": f"Lần {number}"}, headers={"Origin": ADDRESS}
        )
    assert await fetchval("SELECT count(*) FROM kept_form") == 20
    await execute("UPDATE kept_form SET kept_at = now() - interval '25 hours' WHERE id % 2 = 0")

    kept = await housekeeping.run(clock.utc_now())

    assert kept.kept_forms == 10
    assert await fetchval("SELECT count(*) FROM kept_form") == 10


async def test_the_session_says_how_long_it_lasts(made: Scene) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)
    stranger = Visitor(made)

    assert 'data-rest="1800"' in (await officer.get("/viec")).text
    assert (await officer.get("/phien")).text == "1800"
    assert (await stranger.get("/phien")).status_code == 401
    assert "Đến ô tìm" in (await officer.get("/phim-tat")).text
    assert (await stranger.get("/phim-tat")).headers["location"].startswith("/dang-nhap")


async def test_pages_come_zipped_where_that_is_taken_and_pages_with_secrets_do_not(made: Scene) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)

    page = await officer.get("/viec")
    plain = await officer.client.get("/viec", headers={"Accept-Encoding": "identity"})
    secret = await officer.get("/lich/dang-ky")

    assert page.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in page.headers["vary"]
    assert int(page.headers["content-length"]) < len(page.content) / 2
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in secret.headers
