"""All that is known of a load run once it is over. Pure data."""

from dataclasses import dataclass

from plugins.books.report import BooksReport
from plugins.load.judge import StageReport
from plugins.load.result import LoadResult
from plugins.load.scenario import LoadScenario
from plugins.slo import Verdict
from plugins.telemetry.timeline import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadEvidence:
    """All that is known of a run."""

    scenario: LoadScenario
    result: LoadResult
    stages: tuple[StageReport, ...]
    books: BooksReport
    reconciled: tuple[float, float]
    """When the books were being read, Unix seconds."""
    dashboard: tuple[Series, ...] = ()
    """What CloudWatch adds to the chart."""

    @property
    def verdict(self) -> Verdict:
        return Verdict.all_of((*(stage.verdict for stage in self.stages), self.books.verdict))


def reasons(evidence: LoadEvidence) -> tuple[str, ...]:
    """Why the verdict is not PASS: books that do not balance first, then missed objectives, then doubts."""
    results = [(stage, result) for stage in evidence.stages for result in stage.slo.results]
    missed = tuple(f"{stage.span.name}: {r.objective}" for stage, r in results if r.verdict is Verdict.FAIL)
    doubted = tuple(f"{s.span.name}: {r.objective}: {r.doubt}" for s, r in results if r.verdict is Verdict.INCONCLUSIVE)
    books = evidence.books.reasons
    is_wrong = evidence.books.verdict is Verdict.FAIL
    return (
        *(books if is_wrong else ()),
        *missed,
        *doubted,
        *books[: 0 if is_wrong else None],
    )
