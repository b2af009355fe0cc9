"""How much is measured: the whole bench, or a moment of it that shows that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes and counts of one run of the bench."""

    #: Import: axial instances and their matrix.
    instances: int = 300
    matrix: int = 512
    #: Viewer: the stack, its vertebrae, fresh browsers, slices stepped through, loads at 100 Mbit/s, switches of case,
    #: cases that are read in one tab.
    slices: int = 40
    rows: int = 1024
    columns: int = 512
    vertebrae: int = 12
    cold_starts: int = 5
    steps: int = 80
    shaped_loads: int = 4
    switches: int = 12
    cases_in_one_tab: int = 60
    #: Labels: readers, seconds at one write per second, seconds as fast as it goes.
    readers: int = 8
    seconds: int = 30
    burst_seconds: int = 6
    #: Worklist: cases, vertebrae of each, requests of each kind.
    cases: int = 10_000
    vertebrae_per_case: int = 10
    requests: int = 30
    #: Numbers: readers, cases of a study and of a large one, replicates of the bootstrap, and of the one done plainly.
    study_readers: int = 7
    study_cases: int = 452
    large_study_cases: int = 10_000
    replicates: int = 2_000
    plain_replicates: int = 25
    #: Whether the real examinations beside the repository are measured too.
    real_data: bool = True


FULL = Scale()
TINY = Scale(
    instances=12,
    matrix=64,
    slices=12,
    rows=256,
    columns=128,
    vertebrae=3,
    cold_starts=1,
    steps=4,
    shaped_loads=1,
    switches=2,
    cases_in_one_tab=4,
    readers=2,
    seconds=2,
    burst_seconds=1,
    cases=40,
    requests=3,
    study_readers=3,
    study_cases=12,
    large_study_cases=40,
    replicates=200,
    plain_replicates=5,
    real_data=False,
)
