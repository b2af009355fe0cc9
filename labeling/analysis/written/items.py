"""The items of CLAIM (update 2024) and STARD 2015: where the report answers each, or that a person must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from labeling.analysis.written.pieces import Cell, Table, Text

__all__ = ["CLAIM", "FILL_IN", "STARD", "checklist"]

FILL_IN: Final = "Not known to Sagittal: fill in."

#: number, item, keys of the sections that answer it, and what is to be said beyond that ('' for nothing).
Item = tuple[str, str, tuple[str, ...], str]

CLAIM: Final[tuple[Item, ...]] = (
    ("1", "Title or abstract: identified as a study of AI, with the category of technology", (), ""),
    ("2", "Abstract: structured summary", (), ""),
    ("3", "Background, intended use and role of the AI approach", (), ""),
    ("4", "Aims, objectives and hypotheses", (), ""),
    ("5", "Prospective or retrospective study", (), ""),
    ("6", "Study goal", (), ""),
    ("7", "Data sources", ("cases",), "Institutions and dates: fill in."),
    ("8", "Inclusion and exclusion criteria", ("cases", "flow"), ""),
    ("9", "Data preprocessing", ("models",), "Recipes as far as they are recorded; otherwise fill in."),
    ("10", "Selection of data subsets", ("cases", "flow"), ""),
    ("11", "De-identification", ("cases",), ""),
    ("12", "Handling of missing data", ("statistics", "table-one", "accuracy"), ""),
    ("13", "Image acquisition", ("table-one",), "Scanners and protocols: fill in."),
    ("14", "Definition of the reference standard", ("reference",), ""),
    ("15", "Rationale for the reference standard", (), ""),
    ("16", "Source of reference annotations, qualification of annotators", ("reading", "reference"),
     "Years of experience: fill in."),
    ("17", "Annotation of the test set", ("reading", "reference"), ""),
    ("18", "Inter- and intra-rater variability", ("agreement",), ""),
    ("19", "Assignment of data to partitions", ("cases",), ""),
    ("20", "Level at which partitions are disjoint", ("cases",), ""),
    ("21", "Intended sample size", (), ""),
    ("22", "Description of the model", ("models",), "Architecture beyond the recipe: fill in."),
    ("23", "Software libraries and packages", (), ""),
    ("24", "Initialization of model parameters", ("models",), "Where the recipe does not say it: fill in."),
    ("25", "Training approach", ("models",), "Where the recipe does not say it: fill in."),
    ("26", "Selection of the final model", ("curves",), "The threshold is given; how the model was chosen: fill in."),
    ("27", "Ensembling", (), ""),
    ("28", "Metrics of model performance", ("statistics",), ""),
    ("29", "Statistical measures of significance and uncertainty", ("statistics",), ""),
    ("30", "Robustness or sensitivity analysis", ("accuracy",), "Worst cases, AO types and levels."),
    ("31", "Explainability or interpretability", (), ""),
    ("32", "Evaluation on internal data", ("accuracy", "curves"), ""),
    ("33", "Testing on external data", (), ""),
    ("34", "Clinical trial registration", (), ""),
    ("35", "Numbers of patients and examinations included and excluded", ("flow",), ""),
    ("36", "Characteristics of cases in each partition", ("table-one",), ""),
    ("37", "Performance metrics and statistical uncertainty", ("accuracy", "curves"), ""),
    ("38", "Diagnostic performance and its precision", ("accuracy",), ""),
    ("39", "Failure analysis", ("accuracy",), "Misses by AO type and level; their cases: in Sagittal."),
    ("40", "Study limitations", ("limits",), "Those that the data show; others: fill in."),
    ("41", "Implications for practice", (), ""),
    ("42", "Reference to the full protocol or technical details", ("reading",), "The protocol record of each round."),
    ("43", "Availability of software, model and data", (), ""),
    ("44", "Funding and role of funders", (), ""),
)  # fmt: skip

STARD: Final[tuple[Item, ...]] = (
    ("1", "Title or abstract: identified as a study of diagnostic accuracy", (), ""),
    ("2", "Abstract: structured summary", (), ""),
    ("3", "Background, intended use and role of the index test", (), ""),
    ("4", "Objectives and hypotheses", (), ""),
    ("5", "Data collection planned before or after the tests", (), ""),
    ("6", "Eligibility criteria", ("cases",), ""),
    ("7", "Basis on which participants were identified", ("cases",), ""),
    ("8", "Where and when participants were identified", (), ""),
    ("9", "Consecutive, random or convenience series", (), ""),
    ("10a", "Index test, in detail", ("reading", "models"), ""),
    ("10b", "Reference standard, in detail", ("reference",), ""),
    ("11", "Rationale for the reference standard", (), ""),
    ("12a", "Positivity cut-offs of the index test, pre-specified or exploratory", ("curves",),
     "Chosen on validation patients alone."),
    ("12b", "Positivity cut-offs of the reference standard", ("reference",), "A verdict of a reader, not a cut-off."),
    ("13a", "Information available to readers of the index test", ("reading",), ""),
    ("13b", "Information available to assessors of the reference", ("reading", "reference"), ""),
    ("14", "Methods for estimating or comparing accuracy", ("statistics",), ""),
    ("15", "Handling of indeterminate results", ("statistics", "accuracy"), ""),
    ("16", "Handling of missing data", ("statistics", "accuracy"), ""),
    ("17", "Analyses of variability, pre-specified or exploratory", ("accuracy",),
     "By AO type and level; whether pre-specified: fill in."),
    ("18", "Intended sample size", (), ""),
    ("19", "Flow of participants, as a diagram", ("flow",), ""),
    ("20", "Baseline characteristics", ("table-one",), ""),
    ("21a", "Severity in those with the condition", ("table-one",), "By AO type."),
    ("21b", "Alternative diagnoses in those without", (), ""),
    ("22", "Interval and interventions between index test and reference", ("reading",),
     "Both read the same examination; times of reads are in the protocol record."),
    ("23", "Cross tabulation of index test and reference", ("accuracy",), ""),
    ("24", "Accuracy and its precision", ("accuracy",), ""),
    ("25", "Adverse events", (), ""),
    ("26", "Limitations", ("limits",), "Those that the data show; others: fill in."),
    ("27", "Implications for practice", (), ""),
    ("28", "Registration", (), ""),
    ("29", "Where the full protocol can be accessed", ("reading",), "The protocol record of each round."),
    ("30", "Funding and role of funders", (), ""),
)  # fmt: skip


def checklist(title: str, items: tuple[Item, ...], numbers: Mapping[str, int]) -> tuple[Text, Table]:
    """The items as a table with how many are left to a person.

    Parameters
    ----------
    numbers
        Key of a section -> its number in the report.
    """
    rows = tuple(
        (Cell(number), Cell(item), Cell(_where(keys, beyond, numbers))) for number, item, keys, beyond in items
    )
    left = sum(not keys for _, _, keys, _ in items)
    opening = Text(
        f"{len(items) - left} of {len(items)} items are answered by what Sagittal has recorded, in whole or in part; "
        f"{left} are left to the authors."
    )
    head = ("Item", "What is asked", "Where")
    return opening, Table(title, head, rows, (0.4, 2.4, 2.4), numbered=False, words=True)


def _where(keys: tuple[str, ...], beyond: str, numbers: Mapping[str, int]) -> str:
    if not keys:
        return FILL_IN
    told = [str(numbers[key]) for key in keys]
    joined = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return f"Section{'' if len(told) == 1 else 's'} {joined}. {beyond}".strip()
