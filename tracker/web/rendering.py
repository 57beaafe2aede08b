"""Templates to bytes: one Jinja environment, autoescaping everywhere, strict about unknown names."""

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

STATIC = Path(str(files("tracker").joinpath("web", "static")))


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
def static_address(name: str) -> str:
    """The address of a file of ours, with a mark of its content so that it can be kept for ever."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


def render(template: str, values: Mapping[str, object]) -> bytes:
    """The bytes of a page."""
    return environment().get_template(template).render(values).encode()
