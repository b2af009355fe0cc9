"""Labels on the grid of a stack become the next anatomy of its case: files first, then rows in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from labeling.anatomy.bodies import MaskVertebra, bodies_only
from labeling.anatomy.numbering import ranks_of
from labeling.imaging import outlines
from labeling.intake.frames import stack_geometry
from labeling.intake.known_vertebrae import known_vertebrae
from labeling.intake.label_maps import Labels, packed
from labeling.jobs.queue import Lease
from labeling.models import Anatomy, AnatomyVertebra, Case, Reader, Stack, Vertebra
from labeling.reading.opinions import measuring, prelabels

__all__ = ["NewAnatomy", "Stored", "stored_before"]


@dataclass(frozen=True, slots=True)
class Stored:
    """The anatomy of a mask, and whether it was made now or was there already."""

    anatomy: Anatomy
    new: bool


@dataclass(frozen=True, slots=True, eq=False)
class NewAnatomy:
    """What is to be stored.

    labels, bodies
        (k, r, c) uint8 on the grid of the stack: whole vertebrae, and their bodies alone; without those they are found
        by the posterior elements.
    vertebrae
        From head to feet; each has a value in `labels`.
    digest
        What makes this result the same result.
    """

    stack: Stack
    labels: Labels
    bodies: Labels | None
    vertebrae: Sequence[MaskVertebra]
    digest: str
    author: Reader | None
    note: str = ""

    def store(self, write: Callable[[str, bytes], str], lease: Lease | None = None) -> Stored:
        """The anatomy, made unless this result has been stored before.

        Known vertebrae are found by the overlap of their bodies and keep their identity; reads stay as they are.

        Parameters
        ----------
        write
            Writes a file of this suffix and content, and gives its path below the media root.
        lease
            Of the job that does this; held while rows are written.

        Raises
        ------
        LeaseLost
            where the job is no longer ours.
        """
        label_map = write(".npz", packed(self.labels, self.bodies))
        outline_path = write(".json.gz", outlines.encode(outlines.outlines(self.labels)))
        case = self.stack.case
        with transaction.atomic():
            if lease is not None:
                lease.hold()
            Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
            before = stored_before(self.stack, self.digest)
            if before is not None:
                return Stored(before, new=False)
            parent = Anatomy.objects.filter(case=case).order_by("-n").first()
            anatomy = Anatomy.objects.create(
                case=case,
                stack=self.stack,
                n=1 if parent is None else parent.n + 1,
                parent=parent,
                author=self.author,
                label_map=label_map,
                outlines=outline_path,
                source_digest=self.digest,
                note=self.note,
            )
            known = {} if parent is None else known_vertebrae(case, self.stack, self._bodies, self.vertebrae)
            _store_vertebrae(anatomy, self.vertebrae, known)
            measuring.ask(anatomy)
            prelabels.ask_for_new(anatomy)
        return Stored(anatomy, new=True)

    def _bodies(self) -> Labels:
        return bodies_only(self.labels, stack_geometry(self.stack)) if self.bodies is None else self.bodies


def stored_before(stack: Stack, digest: str) -> Anatomy | None:
    """The anatomy that this very result has become already."""
    return Anatomy.objects.filter(stack=stack, source_digest=digest).first()


def _store_vertebrae(anatomy: Anatomy, found: Sequence[MaskVertebra], known: Mapping[int, Vertebra]) -> None:
    new = [one for one in found if one.label_value not in known]
    made = Vertebra.objects.bulk_create([Vertebra(case=anatomy.case) for _ in new])
    of_label = dict(known) | {one.label_value: vertebra for one, vertebra in zip(new, made, strict=True)}
    ranks = ranks_of([one.level for one in found])
    AnatomyVertebra.objects.bulk_create(
        [
            AnatomyVertebra(
                anatomy=anatomy,
                vertebra=of_label[one.label_value],
                label_value=one.label_value,
                level=one.level,
                rank=rank,
                certainty=one.certainty,
                first_k=one.first_k,
                last_k=one.last_k,
                box=list(one.box),
                cut=one.cut,
                cut_where=one.cut_where,
                origin="segmented",
                note=one.note,
            )
            for one, rank in zip(found, ranks, strict=True)
        ]
    )
