"""The icons of the pages as line drawings on a 20 by 20 field; a page carries only those it uses."""

from collections.abc import Iterable

from markupsafe import Markup

SHAPES: dict[str, str] = {
    "mark": '<circle cx="10" cy="11.2" r="6.6"/><path d="M10 7.6v3.6l2.4 1.9M7.4 2h5.2"/>',
    "late": '<path d="M10 2.8 18.2 17H1.8z"/><path d="M10 8v4.2M10 14.5v.1"/>',
    "soon": '<circle cx="10" cy="10" r="7.4"/><path d="M10 5.6V10l2.9 2"/>',
    "today": '<rect x="2.6" y="3.8" width="14.8" height="13.4" rx="2"/>'
    '<path d="M2.6 8h14.8M6.6 2v3.2M13.4 2v3.2"/><circle cx="10" cy="12.6" r="1.3"/>',
    "open": '<circle cx="10" cy="10" r="7.4"/>',
    "wait": '<path d="M5.2 2.6h9.6M5.2 17.4h9.6M6.4 2.6c0 4.2 7.2 4.4 7.2 7.4s-7.2 3.2-7.2 '
    '7.4M13.6 2.6c0 4.2-7.2 4.4-7.2 7.4s7.2 3.2 7.2 7.4"/>',
    "done": '<circle cx="10" cy="10" r="7.4"/><path d="m6.5 10.3 2.4 2.4 4.6-5.2"/>',
    "back": '<path d="M7 4 3 8l4 4"/><path d="M3.2 8H11a5 5 0 0 1 0 10H8"/>',
    "out": '<circle cx="10" cy="10" r="7.4"/><path d="M6.6 10h6.8"/>',
    "standing": '<path d="M16.8 7.2A7.2 7.2 0 0 0 4 6.4M3.2 12.8A7.2 7.2 0 0 0 16 13.6M4 2.8v3.6h3.6'
    'M16 17.2v-3.6h-3.6"/>',
    "mail": '<rect x="2" y="4.2" width="16" height="11.6" rx="1.6"/><path d="m2.8 5.6 7.2 5.6 7.2-5.6"/>',
    "nomail": '<path d="M8.4 4.2H18v9.6M14.6 15.8H2V5.2M2.6 5.8l7.4 5.4M2 2l16 16"/>',
    "file": '<path d="M5 2.2h6.8L16 6.4v11.4H5z"/><path d="M11.8 2.2v4.2H16M8 10.8h5M8 13.8h5"/>',
    "flag": '<path d="M4.2 18V2.8M4.2 3.4h10.6l-1.9 3.9 1.9 3.9H4.2"/>',
    "bell": '<path d="M4.2 14h11.6l-1.5-2.4V8.2a4.3 4.3 0 0 0-8.6 0v3.4z"/><path d="M8.3 16.6a1.8 1.8 0 0 0 3.4 0"/>',
    "extend": '<rect x="2.6" y="3.8" width="14.8" height="13.4" rx="2"/>'
    '<path d="M2.6 8h14.8M6.6 2v3.2M13.4 2v3.2M7 12.6h6M11 10.6l2 2-2 2"/>',
    "next": '<path d="M4 10h11.2M11 5.8l4.2 4.2-4.2 4.2"/>',
    "user": '<circle cx="10" cy="6.6" r="3.5"/><path d="M3.2 17.8c0-3.9 3-5.9 6.8-5.9s6.8 2 6.8 5.9"/>',
    "plus": '<path d="M10 4v12M4 10h12"/>',
    "close": '<path d="m5 5 10 10M15 5 5 15"/>',
    "calendar": '<rect x="2.6" y="3.8" width="14.8" height="13.4" rx="2"/><path d="M2.6 8h14.8M6.6 2v3.2M13.4 2v3.2"/>',
    "copy": '<rect x="6.5" y="6.5" width="11" height="11" rx="1.6"/><path d="M13.5 6.5v-4h-11v11h4"/>',
    "download": '<path d="M10 2.6v10M6 8.8l4 4 4-4M3 17.2h14"/>',
    "building": '<path d="M3 17.6h14M4.6 17.6V7.8L10 3.2l5.4 4.6v9.8M8.2 17.6v-4.4h3.6v4.4"/>',
    "moved": '<path d="M3 6.4h11M10.8 3l3.4 3.4-3.4 3.4M17 13.6H6M9.2 10.2l-3.4 3.4L9.2 17"/>',
    "lock": '<rect x="4" y="9" width="12" height="8.6" rx="1.6"/><path d="M6.6 9V6.2a3.4 3.4 0 0 1 6.8 0V9"/>',
    "ask": '<path d="M3 3h14v11.2H9.4L5.6 17.4v-3.2H3z"/><path d="M8 7a2 2 0 1 1 2.6 1.9c-.5.2-.6.5-.6.9M10 11.6v.1"/>',
    "print": '<path d="M5.6 7V2.6h8.8V7M5.6 14H2.8V7h14.4v7h-2.8"/><path d="M5.6 11.8h8.8v5.6H5.6z"/>',
}


def sprite(names: Iterable[str]) -> Markup:
    """The symbols of these icons, hidden; `<use href="#i-name"/>` draws one. Raises KeyError for an unknown name."""
    symbols = "".join(
        f'<symbol id="i-{name}" viewBox="0 0 20 20">{SHAPES[name]}</symbol>' for name in sorted(names)
    )
    return Markup(f'<svg class="vh" aria-hidden="true" focusable="false">{symbols}</svg>')  # nosec B704  # our own drawings


def use(name: str) -> Markup:
    """One icon beside a word; it says nothing to a screen reader."""
    if name not in SHAPES:
        raise KeyError(name)
    return Markup(f'<svg class="icon" aria-hidden="true" focusable="false"><use href="#i-{name}"/></svg>')  # nosec B704  # the name is one of our own drawings
