"""What the paper printed, as data: its text and tables, figure by figure, kept apart from any judgement.

Percentages stand as text, as printed, because their number of digits is part of what is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Readers:
    """Two readers of the test set: fractures each reported, vertebrae they differ in, and the kappa printed."""

    names: tuple[str, str]
    fractures: tuple[int, int]
    discrepant: int
    kappa: str


@dataclass(frozen=True)
class Paper:
    """Printed figures. Change one (`dataclasses.replace`) and the verdicts of `published.check` follow."""

    cases: int = 452
    women: int = 308
    women_age: tuple[int, int] = (79, 12)
    men: int = 244
    men_age: tuple[int, int] = (72, 16)
    training_cases: int = 405
    test_cases: int = 47
    validation_cases: int | None = None
    split_ratio: int = 9
    table_one_women: tuple[str, str] = ("68", "71")
    table_one_ages: tuple[tuple[int, int], tuple[int, int]] = ((77, 14), (76, 11))
    table_one_training: int = 375
    gender_p: str = "-"

    unsegmentable: int = 30
    segmented_training: int = 375
    discussed_training: int = 400
    fractures: int = 438
    training_types: Mapping[str, int] = field(default_factory=lambda: {"A1": 220, "A2": 5, "A3": 119, "A4": 94})
    training_shares: Mapping[str, str] = field(default_factory=lambda: {"A1": "50", "A2": "1", "A3": "27", "A4": "21"})
    test_types: Mapping[str, int] = field(default_factory=lambda: {"A1": 35, "A2": 0, "A3": 34, "A4": 22})
    table_one_shares: Mapping[str, str] = field(default_factory=lambda: {"A1": "39", "A2": "0", "A3": "38", "A4": "24"})
    text_shares: Mapping[str, str] = field(default_factory=lambda: {"A1": "38", "A3": "37", "A4": "24"})
    slices: int = 27_019
    negative_slices: int = 20_396
    positive_slices: int = 6_623

    vertebrae: int = 339
    segmented: int = 330
    shifted_cases: int = 4
    correct_cases: int = 38
    correct_cases_share: str = "80.8"
    rightly_classified_cases: int = 30
    rightly_classified_share: str = "63.8"
    segmented_share: str = "97.3"
    truth: int = 91
    seniors: Readers = Readers(("D.H.", "S.M."), (87, 95), 11, "0.86")
    in_training: Readers = Readers(("C.G.G.", "H.W."), (82, 92), 10, "0.91")
    in_training_sensitivity: tuple[str, str] = ("82.4", "86.8")
    in_training_specificity: tuple[str, str] = ("97.1", "94.5")

    true_positive: int = 80
    false_positive: int = 12
    false_negative: int = 11
    true_negative: int = 227
    prevalence: tuple[int, int, str] = (80, 330, "24.2")
    accuracy: str = "93.0"
    sensitivity: str = "87.9"
    specificity: str = "94.9"
    positive_predictive_value: str = "86.9"
    false_discovery_rate: str = "13.0"
    false_omission_rate: str = "4.6"
    negative_predictive_value: str = "95.3"
    f_score: str = "0.87"

    learning_rate_step: int = 7
    epochs: int = 5
    in_plane_resolution: tuple[float, float] = (2.0, 3.0)
    slice_thickness: tuple[float, float] = (2.79, 2.83)


PAPER = Paper()
