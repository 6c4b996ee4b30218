"""Renders a run's `summary.md` for a CI page: verdicts and what was felt, then why, then each objective's margin."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from plugins.reporting.archive import SummaryRow
from plugins.slo import Verdict

_MARK = {Verdict.PASS: "✅ pass", Verdict.FAIL: "❌ fail", Verdict.INCONCLUSIVE: "❔ inconclusive"}


def render(rows: Sequence[SummaryRow], environment: Mapping[str, str], unjudged: Sequence[str] = ()) -> str:
    """The page as GitHub-flavoured Markdown; says so when nothing was judged.

    `unjudged` are the tests that failed and have no verdict that says so.
    """
    where = ", ".join(f"{name} {value}" for name, value in environment.items())
    if not rows:
        return f"# CloudCafe\n\nNothing was judged ({where}).\n{_unjudged(unjudged)}"
    counts = Counter(row.verdict for row in rows)
    found = [f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]]
    head = ", ".join((*found, *([f"{len(unjudged)} without a verdict"] if unjudged else [])))
    started = datetime.fromtimestamp(rows[0].started, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    parts = [f"# CloudCafe: {head}\n", f"Started {started}; {where}.\n", _table(rows)]
    if unjudged:
        parts.append(_unjudged(unjudged))
    doubtful = [row for row in rows if row.verdict is not Verdict.PASS]
    if doubtful:
        parts.append("## Why not green\n")
        parts.extend(_reasons(row) for row in doubtful)
    if any(row.objectives for row in rows):
        parts.append("## Objectives\n")
        parts.extend(_objectives(row) for row in rows if row.objectives)
    return "\n".join(parts)


def terminal(rows: Sequence[SummaryRow]) -> Iterator[str]:
    """The verdicts for a terminal: each with what was felt below it, then at most three reasons."""
    width = max(len(row.kind) for row in rows)
    for row in rows:
        yield f"{row.verdict.upper():12} {row.kind:{width}} {row.title}"
        for line in (row.impact, *row.reasons[:3]):
            if line:
                yield f"{'':12} {' ' * width} {line}"


def _unjudged(tests: Sequence[str]) -> str:
    if not tests:
        return ""
    listed = "\n".join(f"- `{test}`" for test in tests)
    return f"\n## Failed without a verdict\n\n{listed}\n\nWhy is in the output of the run.\n"


def _table(rows: Sequence[SummaryRow]) -> str:
    lines = ["| run | verdict | took | what was felt |", "|---|---|---|---|"]
    lines += (
        f"| {row.kind}: {_cell(row.title)} | {_MARK[row.verdict]} | {row.duration_s:.1f} s | {_cell(row.impact)} |"
        for row in rows
    )
    return "\n".join(lines) + "\n"


def _reasons(row: SummaryRow) -> str:
    listed = (
        "\n".join(f"- {_line(reason)}" for reason in row.reasons)
        or "- no reason was recorded: that is a defect of ours"
    )
    return f"**{row.kind}: {_line(row.title)}**\n\n{listed}\n"


def _objectives(row: SummaryRow) -> str:
    listed = "\n".join(row.objectives)
    return f"<details><summary>{row.kind}: {_line(row.title)}</summary>\n\n```\n{listed}\n```\n\n</details>\n"


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _line(text: str) -> str:
    """In one line, since another could begin a heading, and without markup: `<Response [500]>` is no element."""
    return escape(" ".join(text.split()), quote=False)
