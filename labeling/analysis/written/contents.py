"""What stands in a written report, section by section; a section without data says so in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib.auth.models import User

from labeling.analysis.ledger import consultations
from labeling.analysis.written.accuracy_tables import accuracy_blocks
from labeling.analysis.written.asking import AGREEMENT, BY_CASE, Answers
from labeling.analysis.written.figures import flow_figure
from labeling.analysis.written.items import CLAIM, STARD, checklist
from labeling.analysis.written.methods import case_blocks, model_blocks, reading_blocks, reference_blocks
from labeling.analysis.written.pieces import Address, Block, Section, Text, Written, named
from labeling.analysis.written.results import (
    agreement_blocks,
    curve_blocks,
    report_blocks,
    segmentation_blocks,
    table_one_blocks,
)
from labeling.analysis.written.results import reading_blocks as habit_blocks
from labeling.cohort.flowchart import flow_of
from labeling.statistics.agreement import AO_CATEGORIES

__all__ = ["TITLE", "written_of"]

TITLE = "Vertebral fractures on CT: agreement and accuracy"
NOTHING_FOUND = "No examination and no report has been brought in yet."

_SECTIONS = (
    ("cases", "Methods: cases"),
    ("reading", "Methods: reading"),
    ("reference", "Methods: reference standard"),
    ("models", "Methods: models and datasets"),
    ("statistics", "Methods: statistics"),
    ("flow", "Results: flow of cases"),
    ("table-one", "Results: patients and examinations"),
    ("accuracy", "Results: accuracy"),
    ("agreement", "Results: agreement"),
    ("curves", "Results: scores, curves and threshold"),
    ("segmentation", "Results: segmentation"),
    ("report", "Results: clinical report against the reference"),
    ("habits", "Results: how people read"),
    ("limits", "Limits"),
    ("claim", "CLAIM checklist (2024 update)"),
    ("stard", "STARD checklist (2015)"),
)


def written_of(user: User, answers: Answers) -> Written:
    """The report of answers that are all there (`Answers.waiting` is empty)."""
    scope = answers.scope
    at = max((one.computation.at for one in answers.current if one.computation), default=None)
    moment = (at or datetime.fromtimestamp(0, UTC)).astimezone(UTC).replace(microsecond=0)
    # Counted up to the numbers, so that taking the report along does not change it.
    consulted = consultations().filter(at__lte=at).count() if at is not None else 0
    numbers = {key: place for place, (key, _) in enumerate(_SECTIONS, 1)}
    blocks: dict[str, list[Block]] = {
        "cases": case_blocks(scope),
        "reading": reading_blocks(user, scope),
        "reference": reference_blocks(user, scope),
        "models": model_blocks(answers),
        "statistics": _statistics(answers),
        "flow": _flow(user),
        "table-one": table_one_blocks(answers),
        "accuracy": accuracy_blocks(answers),
        "agreement": agreement_blocks(answers),
        "curves": curve_blocks(answers),
        "segmentation": segmentation_blocks(answers),
        "report": report_blocks(answers),
        "habits": habit_blocks(answers),
        "limits": _limits(answers, consulted),
        "claim": list(checklist("Checklist for Artificial Intelligence in Medical Imaging", CLAIM, numbers)),
        "stard": list(checklist("Standards for Reporting of Diagnostic Accuracy Studies", STARD, numbers)),
    }
    version = answers.current[0].data_version if answers.current else ""
    return Written(
        title=TITLE,
        subtitle=scope.title,
        facts=_facts(answers, version, moment, consulted),
        sections=named([Section(key, title, tuple(blocks[key])) for key, title in _SECTIONS]),
        data_version=version,
        at=moment.isoformat(),
    )


def _facts(answers: Answers, version: str, moment: datetime, consulted: int) -> tuple[tuple[str, str], ...]:
    scope = answers.scope
    cases = f"{_count(len(scope.cases), 'case')} of {_count(scope.patients, 'patient')}"
    cases += f", {scope.simulated:,} simulated" if scope.simulated else ""
    here = _count(scope.test_cases, "test case") if scope.test_cases else "no test case"
    return (
        ("Cases", f"{scope.title}: {cases}"),
        ("Readers", ", ".join(column.label for column in answers.readers) or "Nobody has read these cases."),
        ("Data version", version),
        ("Computed", f"{moment:%Y-%m-%d %H:%M} UTC"),
        ("Test set", f"Consulted {_count(consulted, 'time')} up to then; {here} in this report."),
        ("Use", "Research use only, not for diagnosis."),
    )


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _flow(user: User) -> list[Block]:
    flow = flow_of(user)
    if not flow.first.count:
        return [Text(NOTHING_FOUND)]
    return [flow_figure(flow, Address("cohort"))]


def _statistics(answers: Answers) -> list[Block]:
    answer = answers.answer(BY_CASE) or {}
    pairs = answers.answer(AGREEMENT) or {}
    replicates = answer.get("replicates") or pairs.get("replicates") or 0
    seed = answer.get("seed", pairs.get("seed", 0))
    drawn = f"{replicates:,} replicates, seed {seed}" if replicates else "none were drawn here, for want of reads"
    table = answers.answer("table-one")
    compared = table["table"]["methods"] if table else ""
    return [
        Text(
            "Vertebrae of one patient are alike. All intervals of rates and coefficients over vertebrae are therefore "
            "95 % percentile intervals of a bootstrap that draws whole patients with replacement "
            f"({drawn}; NumPy PCG64). Where a rate is exactly 0 or 1 the bound is Wilson's over the contributing "
            "patients. Where more than 5 % of the replicates are undefined, no interval is given. Numbers of the same "
            "table come of the same draws.",
            "Intervals.",
        ),
        Text(
            "A case counts as fractured where one vertebra is; rates per case from independent cases have Wilson's "
            "interval where the table says so. McNemar's exact test is given for cases alone.",
            "Cases.",
        ),
        Text(
            "A vertebra that a reader or the reference called indeterminate or not assessable is never counted as "
            "negative. It stands apart from the 2x2 table; both extremes (all of them wrong, all of them right) and a "
            "sensitivity that keeps unassessed fractures in its denominator are given beside the rates.",
            "Indeterminate and not assessed.",
        ),
        Text(
            "Cohen's kappa, Gwet's AC1 and positive and negative agreement are of fracture or negative; weighted kappa "
            f"is over {', '.join(AO_CATEGORIES)} with the weights printed under its table. More than two readers: "
            "Krippendorff's alpha, Fleiss' kappa, Gwet's AC1 and AC2.",
            "Agreement.",
        ),
        Text(
            "Areas are those of the empirical curves; the band of a ROC is by the same bootstrap. The threshold is "
            "chosen on validation patients alone and judged on others.",
            "Curves.",
        ),
        Text(
            f"{compared} Which of two tests is used depends on the data, so the level of the tests in Table 1 is "
            "somewhat above its nominal 5 %.",
            "Table 1.",
        ),
        Text(
            "No p-value and no interval of this report is corrected for multiple comparisons. With several readers, AO "
            "types and levels, some intervals will miss the truth by chance.",
            "Multiplicity.",
        ),
    ]


def _limits(answers: Answers, consulted: int) -> list[Block]:
    scope = answers.scope
    found = []
    if scope.simulated:
        found.append(
            f"{scope.simulated:,} of {len(scope.cases):,} cases are simulated CT: they say nothing of patients."
        )
    if scope.test_cases:
        found.append(
            f"Numbers of the test set had been consulted {_count(consulted, 'time')} when these were computed. Choices "
            "that were made after a look at them make them too good."
        )
    else:
        found.append("None of these cases is of the test set: models may have been chosen on them.")
    marked = [column.label for column in answers.readers if column.incorporated]
    if marked:
        found.append(f"Incorporated in the reference, or trained on these patients: {', '.join(marked)}.")
    answer = answers.answer(BY_CASE)
    patients = answer["patients"] if answer else 0
    if 0 < patients < 30:
        found.append(f"With {_count(patients, 'patient')}, bootstrap intervals are likely to be too narrow.")
    unlike = {column.reads for column in answers.readers}
    if len(unlike) > 1:
        found.append("Readers have read different numbers of cases: their rates are not of the same vertebrae.")
    found.append(
        "Which hospitals and scanners the cases come from, and whether they were consecutive, is not known to "
        "Sagittal: fill in."
    )
    return [Text(words) for words in found]
