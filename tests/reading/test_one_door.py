"""Pages and API reach reads, labels and reports through reading.visibility alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = sorted([*(ROOT / "labeling" / "api").rglob("*.py"), *(ROOT / "labeling" / "pages").rglob("*.py")])
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

#: Models whose rows are opinions, with the accessors that lead to them from a case, a reader, a round, a finding.
CLOSED_MODELS = {
    "Read", "Finding", "SliceLabel", "LabelOperation", "SegmentInjury", "Exposure", "Reference", "Seen",
    "ActiveTime", "ModelShowing", "Settlement", "Settles", "Participant", "Question", "Sitting",
}  # fmt: skip
CLOSED_ACCESSORS = {
    "report_text", "findings", "slice_labels", "reads", "operations", "segment_injuries", "seen", "exposures",
    "references", "settles", "settled_by", "settlements", "reference_of", "successor",
    "active_times", "model_showings", "shown_beside", "participants", "questions", "asked_about", "sitting",
}  # fmt: skip
#: The same in a lookup, as in filter(reads__state="locked") or values("report_text").
CLOSED_LOOKUP = re.compile(rf"^-?(?:\w+__)*(?:{'|'.join(sorted(CLOSED_ACCESSORS))})__|^-?(?:\w+__)?report_text$")


#: What stands behind the door: others import its names from `labeling.reading.visibility`.
BEHIND_THE_DOOR = {f"labeling.reading.{name}" for name in ("owing", "exposures", "exporting", "truths")}


def breaches(source: str) -> Iterator[str]:
    """Every way past the door in one file, as 'line: what'."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in ("objects", "_base_manager", "_default_manager") and owner in CLOSED_MODELS:
                yield f"{node.lineno}: {owner}.{node.attr}"
            elif node.attr in CLOSED_ACCESSORS and not _is_own_data(node):
                yield f"{node.lineno}: .{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in BEHIND_THE_DOOR:
            yield f"{node.lineno}: from {node.module}"
        elif isinstance(node, ast.ImportFrom) and node.module == "labeling.reading":
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (f"{node.lineno}: {name}" for name in sorted(names & BEHIND_THE_DOOR))
        elif isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
            yield from (f"{node.lineno}: import {name}" for name in sorted(names & BEHIND_THE_DOOR))
        elif isinstance(node, ast.keyword) and node.arg and CLOSED_LOOKUP.match(f"{node.arg}"):
            yield f"{node.value.lineno}: {node.arg}="
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and CLOSED_LOOKUP.match(node.value):
            yield f"{node.lineno}: {node.value!r}"


def _is_own_data(node: ast.Attribute) -> bool:
    """The plain objects that the reading room gives out bear the same words: written.findings, context.seen."""
    return isinstance(node.value, ast.Name) and node.value.id in ("written", "state", "context")


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_and_no_api_view_goes_past_the_one_door(path: Path) -> None:
    found = [f"{path.relative_to(ROOT)}:{breach}" for breach in breaches(path.read_text(encoding="utf-8"))]
    assert not found, "Go through labeling.reading.visibility (read_for, visible_reads, report_for): " + "; ".join(
        found
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_walks_from_a_case_to_its_reads_or_report(path: Path) -> None:
    walks = re.findall(
        r"\.(?:report_text|(?:reads|findings|slice_labels|operations)\.(?:all|first|count))", path.read_text()
    )
    assert not walks, f"{path.name} shows {walks}: let the view ask labeling.reading.visibility"


@pytest.mark.parametrize(
    "source",
    [
        "Read.objects.all()",
        "Finding.objects.get(pk=1)",
        "SliceLabel._base_manager.all()",
        "LabelOperation.objects",
        "case.report_text",
        "case.reads.all()",
        "self.read.findings.first()",
        "Case.objects.filter(reads__state='locked')",
        "Case.objects.values('report_text')",
        "Case.objects.values('patient__cases__reads__findings__verdict')",
        "stack.case.references.get()",
        "Settlement.objects.filter(teach=True)",
        "consensus.settlements.all()",
        "consensus.questions.count()",
        "Sitting.objects.get(consensus=read)",
        "Participant.objects.values('reader')",
        "Question.objects.get(pk=1).text",
        "Case.objects.filter(reads__settles__letter='A')",
        "Case.objects.filter(reads__questions__answer='')",
        "from labeling.reading.owing import owed_assignments",
        "from labeling.reading import truths",
        "import labeling.reading.exposures",
    ],
)
def test_the_lint_sees_each_way_past_the_door(source: str) -> None:
    assert list(breaches(source))


def test_the_lint_looks_at_every_view() -> None:
    assert len(OUTSIDE) > 5
    assert TEMPLATES
