"""How long a dossier takes as docx, pdf and xlsx, and how the time grows with its items.

Run: python -m bench.bench_documents [--runs 3]

The bar is two seconds for 200 items. By processor time of one thread's worth of work, so that neighbours on the
machine do not count; `a row` is the time of a further item between 50 and 500, `ratio` that of 500 items to 50.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from tests.unit.dossier_samples import many
from tracker.documents.dossier import Dossier, to_paper
from tracker.documents.dossier_xlsx import to_xlsx
from tracker.documents.paper_docx import to_docx
from tracker.documents.paper_pdf import font_family, to_pdf

BAR_SECONDS = 2.0
SIZES = (50, 200, 500)
WORKS: dict[str, Callable[[Dossier], bytes]] = {
    "docx": lambda dossier: to_docx(to_paper(dossier)),
    "pdf": lambda dossier: to_pdf(to_paper(dossier)),
    "xlsx": to_xlsx,
}


def least(work: Callable[[Dossier], object], size: int, runs: int) -> float:
    """The least processor seconds of some runs, each of other items: typst remembers what it has set before."""
    found = []
    for run in range(runs):
        dossier = many(size, first=1_000 * run + size)
        begun = time.process_time()
        work(dossier)
        found.append(time.process_time() - begun)
    return min(found)


def main() -> None:
    """Print the table; exit 1 where 200 items take longer than the bar."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=3)
    runs = arguments.parse_args().runs
    print(f"papers are set in {font_family()}; seconds of processor time")
    print(
        f"{'':<6}" + "".join(f"{size:>9} items" for size in SIZES) + f"{'a row, ms':>12}{'ratio':>8}{'MB':>8}"
    )
    is_slow = False
    for name, work in WORKS.items():
        spent = {size: least(work, size, runs) for size in SIZES}
        first, last = SIZES[0], SIZES[-1]
        row = (spent[last] - spent[first]) / (last - first) * 1_000
        size = len(work(many(200))) / 1_000_000
        times = "".join(f"{spent[size]:>15.2f}" for size in SIZES)
        print(f"{name:<6}{times}{row:>12.1f}{spent[last] / spent[first]:>8.1f}{size:>8.2f}")
        is_slow = is_slow or spent[200] > BAR_SECONDS
    if is_slow:
        raise SystemExit(f"200 items took more than {BAR_SECONDS} s")


if __name__ == "__main__":
    main()
