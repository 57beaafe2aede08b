"""What a reader waits for: paint, reaction, jumps and the first byte of pages, on a slow machine over a slow line.

Chromium with a processor slowed down four times and a line of 1.6 Mbit/s with 150 ms, against the demonstration;
beside each the same for a page at rest of the same weight: what cannot be had faster here. Bars: LCP 1.0 s, INP 100 ms,
CLS 0.02, first byte 200 ms above what the line takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

ROOT = Path(__file__).parents[1]
TIMES = 5
PAGES = {
    "/can-xu-ly": ("/can-xu-ly", "/viec?tinh-trang=tat-ca", "/van-ban", "/van-ban/moi", "/cho-xac-nhan"),
    "/tong-quan": ("/tong-quan", "/lich", "/bao-cao/ty-le"),
}
"""The pages looked at, by the page at which those begin who look at them."""
_OBSERVE = """
    window.seen = {lcp: 0, cls: 0, inp: 0};
    new PerformanceObserver(list => { for (const e of list.getEntries()) seen.lcp = e.startTime; })
        .observe({type: 'largest-contentful-paint', buffered: true});
    new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) seen.cls += e.value; })
        .observe({type: 'layout-shift', buffered: true});
    new PerformanceObserver(list => { for (const e of list.getEntries()) seen.inp = Math.max(seen.inp, e.duration); })
        .observe({type: 'event', buffered: true, durationThreshold: 16});
"""
_READ = """async () => {
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 200)));
    const n = performance.getEntriesByType('navigation')[0];
    const all = performance.getEntriesByType('resource');
    return {...seen, ttfb: n.responseStart - n.requestStart, requests: all.length + 1,
            html: n.decodedBodySize, sent: n.transferSize + all.reduce((sum, r) => sum + r.transferSize, 0)};
}"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def demonstration() -> Iterator[str]:
    """The product with its demonstration, in a folder that goes away; its address."""
    folder = Path(tempfile.mkdtemp(prefix="tracker-vitals-"))
    folder.chmod(0o755)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
    environment |= {"TRACKER_DATA_DIR": str(folder), "TRACKER_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tracker", "up", "--demo"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=0), timeout=5) as client:
            while process.poll() is None:
                with contextlib.suppress(httpx.HTTPError):
                    if client.get(f"{address}/ready").status_code == 200:
                        break
        yield address
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


class AtRest:
    """A page without style, script or server work, as heavy on the line as another; served beside the product."""

    def __init__(self) -> None:
        at_rest = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(at_rest.body)))
                self.end_headers()
                self.wfile.write(at_rest.body)

            def log_message(self, *_: Any) -> None:
                pass

        self.body = b""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def weigh(self, size: int) -> None:
        """From now on this many bytes."""
        head = b'<!DOCTYPE html><html lang="vi"><title>Trang</title><h1>Trang</h1>'
        line = "<p>Nhiệm vụ ẾỄỆ của bộ, trình cấp có thẩm quyền.</p>\n".encode()
        self.body = (head + line * (size // len(line) + 1))[: max(size, len(head))]

    def stop(self) -> None:
        """No more pages."""
        self._server.shutdown()


async def slow(context: BrowserContext, page: Page) -> None:
    """Slow the page's processor and line."""
    session = await context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    await session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750},
    )


async def visit(context: BrowserContext, address: str) -> dict[str, float]:
    """Open an address in a new tab and touch it: the figures."""
    page = await context.new_page()
    try:
        await page.add_init_script(_OBSERVE)
        await slow(context, page)
        await page.goto(address, wait_until="load")
        for _ in range(200):  # the first touch ends its counting; the page's policy forbids waiting within it
            if await page.evaluate("() => seen.lcp > 0"):
                break
            await asyncio.sleep(0.05)
        await page.keyboard.press("Tab")
        for fold in (await page.locator("main summary:visible").all())[:1]:
            await fold.click()
        for box in (await page.locator("main tbody input[type=checkbox]:visible").all())[:1]:
            await box.click()
        await page.mouse.click(5, 5)
        found: dict[str, float] = await page.evaluate(_READ)
        return found
    finally:
        await page.close()


async def median(context: BrowserContext, address: str) -> dict[str, float]:
    """The middle of several visits, for each figure."""
    visits = [await visit(context, address) for _ in range(TIMES)]
    return {name: statistics.median(v[name] for v in visits) for name in visits[0]}


async def sign_in(browser: Browser, address: str, first: str) -> BrowserContext:
    """A window of somebody whose first page this is."""
    context = await browser.new_context(locale="vi-VN", viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    await page.goto(f"{address}/dang-nhap")
    for number in range(await page.locator('button[name="nguoi"]').count()):
        await page.locator('button[name="nguoi"]').nth(number).click()
        if page.url.removeprefix(address).startswith(first):
            break
        await page.goto(f"{address}/dang-nhap")
    await page.close()
    return context


async def measure() -> None:
    """Print the table."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("no chromium here")
        return
    at_rest = AtRest()
    with demonstration() as address:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            print(f"{'page':28} {'LCP':>7} {'at rest':>8} {'ratio':>6} {'INP':>5} {'CLS':>6} {'first byte':>11}"
                  f" {'HTML':>8} {'sent':>8} {'requests':>9}")  # fmt: skip
            for first, paths in PAGES.items():
                context = await sign_in(browser, address, first)
                for path in paths:
                    found = await median(context, address + path)
                    at_rest.weigh(int(found["sent"]))
                    plain = await median(context, at_rest.address)
                    print(
                        f"{path:28} {found['lcp']:5.0f}ms {plain['lcp']:6.0f}ms"
                        f" {found['lcp'] / max(plain['lcp'], 1):6.2f} {found['inp']:5.0f} {found['cls']:6.3f}"
                        f" {found['ttfb']:9.0f}ms {found['html']:8.0f} {found['sent']:8.0f} {found['requests']:9.0f}"
                    )
                await context.close()
            await browser.close()
    at_rest.stop()


if __name__ == "__main__":
    asyncio.run(measure())
