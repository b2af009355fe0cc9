"""Simulated CTs of the spine with known truth. Plain: for demonstration, tests and benchmarks, never for claims."""

from .case import SimulatedCase, simulate_case
from .cohort import write_cohort
from .files import write_case
from .readers import SimulatedFinding, SimulatedRead, simulate_read
from .spec import CaseSpec, Fracture, Mimic, random_spec
from .truth import SliceTruth, VertebraTruth

__all__ = [
    "CaseSpec",
    "Fracture",
    "Mimic",
    "SimulatedCase",
    "SimulatedFinding",
    "SimulatedRead",
    "SliceTruth",
    "VertebraTruth",
    "random_spec",
    "simulate_case",
    "simulate_read",
    "write_case",
    "write_cohort",
]
