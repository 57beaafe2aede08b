"""Sentences of the domain put into a language: the computation of a deadline, the name of a period."""

from datetime import date, time

from tracker.domain.wording import Param, Sentence, Words
from tracker.i18n import Language, text

_FORMATS: dict[Language, str] = {"vi": "%d/%m/%Y", "en": "%-d %B %Y"}


def render(sentence: Sentence, language: Language = "vi") -> str:
    """One sentence, its parts rendered first."""
    params = {name: _shown(value, language) for name, value in sentence.params.items()}
    return text(language, sentence.key, **params)


def render_words(words: Words, language: Language = "vi") -> str:
    """Sentences one after the other."""
    return " ".join(render(sentence, language) for sentence in words)


def _shown(value: Param, language: Language) -> object:
    if isinstance(value, Sentence):
        return render(value, language)
    if isinstance(value, date):
        return value.strftime(_FORMATS[language])
    if isinstance(value, time):
        return value.strftime("%H:%M")
    return value
