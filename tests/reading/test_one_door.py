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
    "ActiveTime", "ModelShowing",
}  # fmt: skip
CLOSED_ACCESSORS = {
    "report_text", "findings", "slice_labels", "reads", "operations", "segment_injuries", "seen", "exposures",
    "references", "settles", "settled_by", "settlements", "reference_of", "successor",
    "active_times", "model_showings", "shown_beside",
}  # fmt: skip
#: The same in a lookup, as in filter(reads__state="locked") or values("report_text").
CLOSED_LOOKUP = re.compile(rf"^-?(?:\w+__)*(?:{'|'.join(sorted(CLOSED_ACCESSORS))})__|^-?(?:\w+__)?report_text$")


def breaches(source: str) -> Iterator[str]:
    """Every way past the door in one file, as 'line: what'."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in ("objects", "_base_manager", "_default_manager") and owner in CLOSED_MODELS:
                yield f"{node.lineno}: {owner}.{node.attr}"
            elif node.attr in CLOSED_ACCESSORS and not _is_own_data(node):
                yield f"{node.lineno}: .{node.attr}"
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
    ],
)
def test_the_lint_sees_each_way_past_the_door(source: str) -> None:
    assert list(breaches(source))


def test_the_lint_looks_at_every_view() -> None:
    assert len(OUTSIDE) > 5
    assert TEMPLATES
