"""Where every examination stands on the way into the study: in one place each, so that the flowchart adds up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from labeling.models import Anatomy, Case, CohortState, ExclusionReason, ReportDecision, Split, StudyReport

__all__ = ["Examination", "Report", "examinations", "station_of"]

#: The crawler's verdicts, from the strongest.
VERDICTS = ("candidate", "uncertain", "history", "negated", "other_bone", "nothing", "")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a report, and what a person said of it."""

    pk: int
    verdict: str
    counts: bool
    decision: str


@dataclass(frozen=True, slots=True)
class Examination:
    """One examination with its reports, its images, or both. Without images `case` is None and what follows is ''."""

    case: int | None
    patient: int | None
    reports: tuple[Report, ...]
    state: str = ""
    exclusion: str = ""
    cause: str = ""
    inclusion: str = ""
    split: str = ""
    segmented: bool = False

    @property
    def proposed(self) -> bool:
        """A report of it is a candidate by the rules, or by a person."""
        return any(report.counts or report.decision == ReportDecision.CONFIRMED for report in self.reports)

    @property
    def confirmed(self) -> bool:
        return any(report.decision == ReportDecision.CONFIRMED for report in self.reports)

    @property
    def dismissed(self) -> bool:
        """A person has looked at every report of it that was proposed, and found no candidate."""
        proposed = [report.decision for report in self.reports if report.counts]
        return bool(proposed) and not self.confirmed and ReportDecision.OPEN not in proposed

    @property
    def decided(self) -> bool:
        """A person has decided on the case itself."""
        return self.state in (CohortState.INCLUDED, CohortState.EXCLUDED)

    @property
    def verdict(self) -> str:
        """The strongest that any of its reports says."""
        return min((report.verdict for report in self.reports), key=VERDICTS.index, default="")


def station_of(one: Examination) -> tuple[str, ...]:
    """The boxes that an examination stands in, from the first to where it stands now; the last is where it has left or
    ended.

    ``("found", "silent:negated")`` has left the first box: nothing counts in its report. The keys are those of
    `flowchart.flow_of`.
    """
    way = ["found"]
    if not one.decided:
        if one.reports and not one.proposed:
            return (*way, f"silent:{one.verdict or 'unsearched'}")
        way.append("candidates")
        if one.dismissed:
            return (*way, f"dismissed:{one.verdict}")
        if not one.confirmed:
            return (*way, "open:report" if one.reports else "open:case")
        way.append("confirmed")
        return (*way, "undecided:no-images" if one.case is None else "undecided:case")
    way += ["candidates", "confirmed"]
    if one.state == CohortState.EXCLUDED and one.exclusion != ExclusionReason.SEGMENTATION:
        return (*way, f"excluded:{one.exclusion}")
    return (*way, "included", *_after_the_split(one))


def _after_the_split(one: Examination) -> tuple[str, ...]:
    impossible = one.exclusion == ExclusionReason.SEGMENTATION
    if one.split == Split.TEST:
        return ("test", f"impossible-test:{one.cause or 'other'}") if impossible else ("test",)
    if one.split == Split.UNASSIGNED:
        return ("unsplit", f"impossible-unsplit:{one.cause or 'other'}") if impossible else ("unsplit",)
    if impossible:
        return ("development", f"impossible:{one.cause or 'other'}")
    if not one.segmented:
        return ("development", "impossible:not-yet")
    return ("development", "segmented", one.split)


def examinations() -> list[Examination]:
    """All of them: a case with its reports is one, and so is each report that waits for its case."""
    of_case: dict[int, list[Report]] = defaultdict(list)
    waiting: list[Report] = []
    reports = StudyReport.objects.order_by("pk").values_list("pk", "case", "verdict", "found__counts", "decision")
    for pk, case, verdict, counts, decision in reports.iterator(chunk_size=20_000):
        report = Report(pk, verdict, bool(counts), decision)
        (waiting if case is None else of_case[case]).append(report)
    anatomies = Anatomy.objects.filter(case=OuterRef("pk"), vertebrae__isnull=False)
    cases = Case.objects.order_by("patient__pseudonym", "number").values_list(
        "pk",
        "patient",
        "cohort_state",
        "exclusion_reason",
        "segmentation_cause",
        "inclusion_reason",
        "patient__split",
        Exists(anatomies),
    )
    here = [
        Examination(case, patient, tuple(of_case[case]), *rest)
        for case, patient, *rest in cases.iterator(chunk_size=20_000)
    ]
    return [*here, *(Examination(None, None, (report,)) for report in waiting)]


def patients(found: Iterable[Examination]) -> int:
    return len({one.patient for one in found if one.patient is not None})
