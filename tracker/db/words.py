"""Words that somebody looks for, as conditions over the keys that texts are kept under (domain/search.word_key)."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.domain.search import word_runs


def like_pattern(text: str) -> str:
    r"""A LIKE pattern for text with a word that begins so; the wildcards of LIKE stand for themselves.

    >>> like_pattern("50%")
    '% 50\\%%'
    """
    return "% " + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def like_words(words: Sequence[str], first: int) -> tuple[str, list[object]]:
    """The condition that `key`, which begins with a blank, holds every word; arguments numbered from `first`.

    >>> like_words(["bo", "71nq"], 1)
    ('key LIKE $1 AND (key LIKE $2 OR (key LIKE $3 AND key LIKE $4))', ['% bo%', '% 71nq%', '% 71%', '% nq%'])
    """
    conditions: list[str] = []
    arguments: list[object] = []

    def add(text: str) -> str:
        arguments.append(like_pattern(text))
        return f"key LIKE ${first + len(arguments) - 1}"

    for word in words:
        condition = add(word)
        runs = word_runs(word)
        if len(runs) > 1:
            condition = f"({condition} OR ({' AND '.join(add(run) for run in runs)}))"
        conditions.append(condition)
    return " AND ".join(conditions) or "false", arguments
