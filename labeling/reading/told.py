"""What reads say of vertebrae, in words and places, so that pages can lay them beside each other.

It shows nobody anything by itself: whoever calls it has come through the door with these reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import F

from labeling.models import AnatomyVertebra, Finding, Read, SegmentInjury, SliceLabel, SliceValue, Verdict, Why

__all__ = ["Told", "told_by"]

_UNSAID = "No verdict"


@dataclass(frozen=True)
class Told:
    """What one read says of one vertebra.

    Attributes
    ----------
    level
        The level as its reader calls it: the level said, else that of the anatomy; '' where it has no name.
    rank
        The place of the vertebra in the anatomy of the read, cranial first.
    ks
        The slices it calls fractured, from 0, on the stack of the read.
    middle
        The middle slice of the body, from 0.
    """

    level: str
    rank: int
    verdict: str | None
    why: str
    ao_body: str | None
    process_fracture: bool
    injury: str
    cut: bool
    ks: tuple[int, ...]
    middle: int

    @property
    def words(self) -> str:
        """As "Fracture A3, B2 below"."""
        if self.verdict is None:
            return _UNSAID
        if self.verdict == Verdict.NOT_ASSESSABLE:
            return f"Not assessable: {Why(self.why).label}"
        said = [self.verdict.capitalize() + (f" {self.ao_body}" if self.ao_body else "")]
        if self.process_fracture:
            said.append("process fracture (A0)")
        if self.injury:
            said.append(f"{self.injury} below")
        return ", ".join(said)

    @property
    def type(self) -> str:
        """The AO type of a fracture: that of the body, A0 where the process alone is broken; '' where none is said."""
        if self.verdict != Verdict.FRACTURE:
            return ""
        return self.ao_body or ("A0" if self.process_fracture else "")


def told_by(reads: Iterable[Read]) -> dict[int, dict[int, Told]]:
    """Read -> vertebra -> what is said of it, cranial first, blank ones too. The number of queries does not grow with
    the reads."""
    pinned = {read.pk: read.anatomy_id for read in reads}
    findings = {
        (each.read_id, each.vertebra_id): each for each in Finding.objects.filter(read__in=pinned).order_by("pk")
    }
    injuries = {
        (read, upper): injury
        for read, upper, injury in SegmentInjury.objects.filter(read__in=pinned).values_list("read", "upper", "type")
    }
    ks = _fractured(pinned)
    bodies: dict[int, list[AnatomyVertebra]] = {}
    for body in AnatomyVertebra.objects.filter(anatomy__in=set(pinned.values())).order_by("rank", "pk"):
        bodies.setdefault(body.anatomy_id, []).append(body)
    return {
        read: {
            body.vertebra_id: _told(
                body,
                findings.get((read, body.vertebra_id)),
                injuries.get((read, body.vertebra_id), ""),
                tuple(ks.get((read, body.vertebra_id), ())),
            )
            for body in bodies.get(anatomy, [])
        }
        for read, anatomy in pinned.items()
    }


def _fractured(reads: Mapping[int, int]) -> dict[tuple[int, int], list[int]]:
    marks = SliceLabel.objects.filter(
        finding__read__in=reads, value=SliceValue.FRACTURE, slice__stack=F("finding__read__stack")
    )
    found: dict[tuple[int, int], list[int]] = {}
    for read, vertebra, k in marks.order_by("slice__k").values_list("finding__read", "finding__vertebra", "slice__k"):
        found.setdefault((read, vertebra), []).append(k)
    return found


def _told(body: AnatomyVertebra, finding: Finding | None, injury: str, ks: tuple[int, ...]) -> Told:
    return Told(
        level=(finding.level_said if finding is not None else "") or body.level,
        rank=body.rank,
        verdict=finding.verdict if finding is not None else None,
        why=finding.why if finding is not None else "",
        ao_body=finding.ao_body if finding is not None else None,
        process_fracture=finding.process_fracture if finding is not None else False,
        injury=injury,
        cut=body.cut,
        ks=ks,
        middle=(body.first_k + body.last_k) // 2,
    )
