"""Every sentence that a page asks for stands in both catalogues, with the same parameters."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

from jinja2 import nodes

from tracker.i18n import catalogue
from tracker.mail.contexts import KINDS
from tracker.web.rendering import environment

WEB = Path(__file__).parents[2] / "tracker" / "web"


def asked_in_templates() -> set[str]:
    """The literal keys of `t("…")` in every template."""
    found: set[str] = set()
    for path in sorted((WEB / "templates").glob("*.html")):
        tree = environment().parse(path.read_text("utf-8"))
        for call in tree.find_all(nodes.Call):
            if (
                isinstance(call.node, nodes.Name)
                and call.node.name == "t"
                and isinstance(call.args[0], nodes.Const)
            ):
                found.add(call.args[0].value)
    return found


def asked_in_code() -> set[str]:
    """The literal keys of `page.s("…")`, `page.t("…")` and `page.days("…")`."""
    text = "\n".join(path.read_text("utf-8") for path in sorted(WEB.glob("*.py")))
    return set(re.findall(r'\b(?:page|self)\.(?:s|t|days)\(\s*"([a-z_.0-9]+)"', text))


def test_every_sentence_of_a_page_stands_in_both_catalogues() -> None:
    asked = asked_in_templates() | asked_in_code()

    assert len(asked) > 150
    for language in ("vi", "en"):
        assert sorted(asked - catalogue(language).keys()) == []


def test_both_languages_know_the_same_sentences_with_the_same_parameters() -> None:
    def parameters(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    vietnamese, english = catalogue("vi"), catalogue("en")

    assert vietnamese.keys() == english.keys()
    differing = [key for key in vietnamese if parameters(vietnamese[key]) != parameters(english[key])]
    assert differing == []


def test_every_kind_of_mail_has_a_name_on_the_story_of_an_assignment() -> None:
    for language in ("vi", "en"):
        assert sorted({f"mail_kind.{kind}" for kind in KINDS} - catalogue(language).keys()) == []


def test_every_template_is_used_and_parses() -> None:
    text = "\n".join(
        path.read_text("utf-8") for path in [*WEB.glob("*.py"), *(WEB / "templates").glob("*.html")]
    )

    for path in sorted((WEB / "templates").glob("*.html")):
        environment().get_template(path.name)
        known = path.name in text or (path.name.startswith("decision-") and '"decision-" ~ card.kind' in text)
        assert known, path.name
