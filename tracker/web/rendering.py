"""Templates to bytes: one Jinja environment, autoescaping everywhere, strict about unknown names.

The stylesheet and the script are each one file to a browser and several to whoever writes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from tracker.web import icons

WEB = Path(str(files("tracker").joinpath("web")))
STATIC = WEB / "static"
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".html": "text/html",
}
_LAYERS = ("tokens", "base", "layout", "components", "print")
_STYLES_BEGIN = (
    "/* Đôn Đốc: five layers. Red, amber and green mean lateness and nothing else. */\n"
    f"@layer {', '.join(_LAYERS)};\n"
)


@cache
def environment() -> Environment:
    """The one environment; its functions read the page they are used in."""
    made = Environment(
        loader=PackageLoader("tracker.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(icon=_icon, sprite=_sprite, static=static_address)
    return made


@pass_context
def _icon(context: Context, name: str) -> Markup:
    """Draw an icon and remember that this page needs its symbol."""
    context["page"].icons.add(name)
    return icons.use(name)


@pass_context
def _sprite(context: Context) -> Markup:
    """The symbols of the icons used above this line."""
    return icons.sprite(context["page"].icons)


@cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Every file a browser may load, by its name under `/static/`: its bytes and its media type."""
    found = {
        path.relative_to(STATIC).as_posix(): (path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(STATIC.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }
    return {**found, "app.css": (_stylesheet(), "text/css"), "app.js": (_script(), "text/javascript")}


def _stylesheet() -> bytes:
    """The layers in their order, then the sheets of single pages, which name the layer they belong to."""
    paths = sorted(
        (WEB / "styles").glob("*.css"),
        key=lambda path: (_LAYERS.index(path.stem) if path.stem in _LAYERS else len(_LAYERS), path.stem),
    )
    return (_STYLES_BEGIN + "\n".join(path.read_text("utf-8") for path in paths)).encode()


def _script() -> bytes:
    """The scripts one after another, each in a scope of its own."""
    paths = sorted((WEB / "scripts").glob("*.js"))
    return ('"use strict";\n' + "\n".join(f"{{\n{path.read_text('utf-8')}}}" for path in paths)).encode()


@cache
def static_address(name: str) -> str:
    """The address of a file of ours, with a mark of its content so that it can be kept for ever."""
    mark = hashlib.sha256(static_files()[name][0]).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


def render(template: str, values: Mapping[str, object]) -> bytes:
    """The bytes of a page."""
    return environment().get_template(template).render(values).encode()
