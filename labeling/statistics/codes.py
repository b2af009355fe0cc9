"""What a reader says of one vertebra, as small whole numbers: the alphabet of all tables of counts.

Verdicts and AO types travel as int8 arrays, one entry a vertebra. The same numbers stand in the reviewer's bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = [
    "A1",
    "A2",
    "A3",
    "A4",
    "ABSENT",
    "AO_NAMES",
    "FRACTURE",
    "INDETERMINATE",
    "NEGATIVE",
    "NONE",
    "NOT_ASSESSABLE",
    "NO_TYPE",
    "TYPES",
    "VERDICT_NAMES",
    "B",
    "C",
]

#: The reader has no read of this case, or nothing is said of this vertebra.
ABSENT: Final = -1
NEGATIVE: Final = 0
FRACTURE: Final = 1
INDETERMINATE: Final = 2
NOT_ASSESSABLE: Final = 3

VERDICT_NAMES: Final[Mapping[int, str]] = {
    ABSENT: "absent",
    NEGATIVE: "negative",
    FRACTURE: "fracture",
    INDETERMINATE: "indeterminate",
    NOT_ASSESSABLE: "not assessable",
}

#: A fracture to which no AO type was given.
NO_TYPE: Final = -1
#: Not a fracture.
NONE: Final = 0
A1: Final = 1
A2: Final = 2
A3: Final = 3
A4: Final = 4
#: B and C are injuries of the segment; they stand outside the order of the A types. A vertebra carries the highest of
#: its body's and its segment's type.
B: Final = 5
C: Final = 6

#: The types of fracture, in the order in which tables print them.
TYPES: Final = (A1, A2, A3, A4, B, C)

AO_NAMES: Final[Mapping[int, str]] = {
    NO_TYPE: "no type",
    NONE: "none",
    A1: "A1",
    A2: "A2",
    A3: "A3",
    A4: "A4",
    B: "B",
    C: "C",
}
