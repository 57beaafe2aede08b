"""Walking a page by keyboard alone: to a control by its name, the focus seen and covered by nothing on the way."""

from __future__ import annotations

import re

from tests.browser.conftest import Watched

MOST_STOPS = 150
_STOP = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    const said = id => id.split(' ').map(one => document.getElementById(one)?.textContent || '').join(' ');
    const label = e.labels && e.labels[0] ? e.labels[0].textContent : '';
    const name = e.getAttribute('aria-label') || said(e.getAttribute('aria-labelledby') || '') || label
        || e.textContent || e.value || e.title || '';
    const s = getComputedStyle(e), r = e.getBoundingClientRect();
    const x = Math.min(Math.max(r.left + r.width / 2, 0), innerWidth - 1);
    const y = Math.min(Math.max(r.top + Math.min(r.height / 2, 20), 0), innerHeight - 1);
    const top = document.elementFromPoint(x, y);
    const mine = top && (e === top || e.contains(top) || top.contains(e) || (e.labels && [...e.labels].includes(top)));
    const near = e.closest('label');
    return {
        name: name.replace(/\\s+/g, ' ').trim(), html: e.outerHTML.slice(0, 100),
        isOnScreen: r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth,
        isCovered: !mine && !(near && near.contains(top)),
        outline: s.outlineStyle === 'none' ? 0 : parseFloat(s.outlineWidth),
    };
}"""


async def tab_to(watched: Watched, name: str | re.Pattern[str], *, stops: int = MOST_STOPS) -> int:
    """Press Tab until the control with this name has the focus; how often that took.

    On the way every stop must be seen: an outline of 2 px or more, on the screen, under no bar.
    Raises AssertionError, also when the name does not come: then it cannot be reached, or the focus is trapped.
    """
    wanted = name if isinstance(name, re.Pattern) else re.compile(re.escape(name))
    passed: list[str] = []
    for pressed in range(1, stops + 1):
        await watched.page.keyboard.press("Tab")
        stop = await watched.page.evaluate(_STOP)
        if stop is None:
            continue
        assert stop["outline"] >= 2, f"no outline on {stop['html']}"
        assert stop["isOnScreen"], f"the focus is off the screen on {stop['html']}"
        assert not stop["isCovered"], f"something covers {stop['html']}"
        if wanted.search(stop["name"]):
            return pressed
        passed.append(stop["name"][:40])
    raise AssertionError(f"{wanted.pattern} cannot be reached by Tab; passed {passed}")


async def press_on(watched: Watched, name: str | re.Pattern[str]) -> int:
    """Tab to a link or button and press Enter; the keys it took."""
    pressed = await tab_to(watched, name)
    await watched.page.keyboard.press("Enter")
    return pressed + 1
