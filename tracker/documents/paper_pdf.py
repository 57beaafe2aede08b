"""A paper as pdf, typeset by typst from values: the text is data, never markup."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import typst

from tracker.documents.paper import (
    BODY_PT,
    BOTTOM_MM,
    COLOURS,
    HEAD_PT,
    LEFT_MM,
    RIGHT_MM,
    TABLE_PT,
    TOP_MM,
    Bars,
    Block,
    Grid,
    Heading,
    Labelled,
    Line,
    Paper,
    clean,
    made_at,
)

FAMILIES = ("Times New Roman", "Liberation Serif", "Tinos")
"""Alike in every width, the first that is there is taken; Libertinus Serif, which typst brings, where none is."""
_FALLBACK = "Libertinus Serif"
_FOLDERS = (
    "/usr/share/fonts/truetype/msttcorefonts",
    "/usr/share/fonts/truetype/liberation",
    "/usr/share/fonts/truetype/liberation2",
    "/usr/share/fonts/liberation-serif",
    "/usr/share/fonts/liberation-serif-fonts",
    "/usr/share/fonts/liberation",
    "/usr/share/fonts/truetype/croscore",
    "/Library/Fonts",
    "/System/Library/Fonts/Supplemental",
    "C:/Windows/Fonts",
)
_IN_A_COLUMN = 12
_LONG_WORDS = {longest: re.compile(rf"\S{{{longest},}}") for longest in (_IN_A_COLUMN, 25)}


@cache
def _fonts() -> typst.Fonts:
    # Only folders that hold such a font are read: a machine's whole stock takes a second.
    found = [folder for folder in _FOLDERS if Path(folder).is_dir()]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=list(found))


@cache
def font_family() -> str:
    """The family in which papers are set on this machine."""
    known = set(_fonts().families())
    return next((family for family in FAMILIES if family in known), _FALLBACK)


_FOLDER = Path(__file__).parent


def to_pdf(paper: Paper) -> bytes:
    """The paper as pdf with its fonts inside; the same paper gives the same bytes on the same machine."""
    told = json.dumps(_told(paper), ensure_ascii=False)
    return typst.compile(
        _FOLDER / "paper.typ",
        root=_FOLDER,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"paper": told},
        timestamp=made_at(paper),
    )


def _told(paper: Paper) -> dict[str, object]:
    return {
        "family": font_family(),
        "fallback": _FALLBACK,
        "language": paper.language,
        "sizes": {"body": BODY_PT, "table": TABLE_PT, "head": HEAD_PT},
        "margins": {"top": TOP_MM, "bottom": BOTTOM_MM, "left": LEFT_MM, "right": RIGHT_MM},
        "colours": COLOURS,
        "state": paper.word("state"),
        "motto": paper.word("motto"),
        "parent": _said(paper.parent),
        "body": _said(paper.body),
        "number": _said(paper.number),
        "place": _said(paper.place),
        "title": _said(paper.title),
        "about": _said(paper.about),
        "landscape": paper.is_landscape,
        "blocks": _blocks(paper.blocks),
        "receivers_title": paper.word("receivers"),
        "receivers": [_said(line) for line in paper.receivers],
        "signature": None
        if paper.signature is None
        else {"capacity": _said(paper.signature.capacity.upper()), "name": _said(paper.signature.name)},
        "annexes": [
            {
                "label": paper.annex_label(position),
                "title": _said(annex.title.upper()),
                "under": _said(annex.under),
                "landscape": annex.is_landscape,
                "blocks": _blocks(annex.blocks),
            }
            for position, annex in enumerate(paper.annexes)
        ],
        "foot": clean(paper.foot),
    }


def _blocks(blocks: Sequence[Block]) -> list[dict[str, object]]:
    return [_block(block) for block in blocks]


def _block(block: Block) -> dict[str, object]:
    match block:
        case Line(text, style):
            return {"kind": "line", "style": style, "text": _said(text)}
        case Heading(text, level):
            return {"kind": "heading", "level": level, "text": _said(text)}
        case Labelled(label, text):
            return {"kind": "labelled", "label": _said(label), "text": _said(text)}
        case Grid(columns, rows, none):
            return {
                "kind": "grid",
                "columns": [{"title": _said(c.title), "width": c.width, "align": c.align} for c in columns],
                "rows": [
                    {"kind": r.kind, "cells": [_said(cell, _IN_A_COLUMN) for cell in r.cells]} for r in rows
                ],
                "none": _said(none),
            }
        case Bars(title, parts, bars):
            return {
                "kind": "bars",
                "title": _said(title),
                "parts": [_said(part) for part in parts],
                "bars": [{"name": _said(name), "figures": list(figures)} for name, figures in bars],
                "most": block.most,
            }


def _said(value: str, longest: int = 25) -> str:
    """The text with places to break in a word that no line, or no column, could hold."""
    every = longest // 2

    def broken(word: re.Match[str]) -> str:
        return "\u200b".join(word[0][n : n + every] for n in range(0, len(word[0]), every))

    return _LONG_WORDS[longest].sub(broken, clean(value))
