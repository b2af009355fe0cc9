"""The rows of a case, written in one transaction: all of it, or nothing.

Two imports of one study at once meet at an advisory lock on the patient; the second finds what the first stored, and
its own series become "seen before".
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from labeling.imaging.acquisition import Acquisition, capped_age
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.sagittal import SagittalStack, recipe_sha
from labeling.imaging.sealing import Seal
from labeling.intake.arrivals import Arrival, Study, refused_row
from labeling.intake.frames import Pack
from labeling.jobs.queue import Lease
from labeling.models import Case, Identity, Instance, IntakeBatch, Outcome, Patient, Series, Slice, Stack
from labeling.reading import rounds

__all__ = [
    "KEPT",
    "PreparedSeries",
    "PreparedStack",
    "geometry_json",
    "known_series",
    "seen_before_row",
    "store_study",
]

#: Outcomes of series that are part of a case.
KEPT = (Outcome.READING, Outcome.DERIVED, Outcome.KEPT)


@dataclass(frozen=True, slots=True)
class PreparedSeries:
    """A series whose frames are packed: what becomes of it if nobody was faster."""

    arrival: Arrival
    outcome: Outcome
    why: str
    pack: Pack
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class PreparedStack:
    """The stack that is to be read, its pack, and the UIDs of its slices."""

    source: Arrival
    stack: SagittalStack
    pack: Pack
    series_uid: str
    sop_uids: Sequence[str]
    frame_of_reference: str


def geometry_json(geometry: Geometry, slope: float, intercept: float) -> dict[str, Any]:
    """`Series.geometry`; voxels is for finding the grid of a mask."""
    return {
        "shape": list(geometry.shape),
        "affine": geometry.affine.tolist(),
        "slope": slope,
        "intercept": intercept,
        "voxels": int(np.prod(geometry.shape, dtype=np.int64)),
    }


def known_series(series_uids: Sequence[str]) -> dict[str, Series]:
    """The series of these UIDs that are part of a case already."""
    known = Series.objects.filter(series_uid__in=series_uids, outcome__in=KEPT).select_related("case__patient")
    return {series.series_uid: series for series in known}


def store_study(
    lease: Lease, batch: IntakeBatch, study: Study, prepared: Sequence[PreparedSeries], stack: PreparedStack | None
) -> Case:
    """Write a study as a case, or add its series to the case that is there.

    Raises
    ------
    Refusal
        ``pseudonym-taken``, ``other-patient`` or ``nothing-to-read``; nothing is written then.
    LeaseLost
        where another worker has taken the batch over.
    """
    with transaction.atomic():
        lease.hold()
        _lock(f"patient {study.person.pseudonym}")
        _lock(f"study {study.study_uid}")
        patient = _patient(study)
        case = Case.objects.select_for_update(of=("self",)).filter(study_uid=study.study_uid).first()
        if case is not None and case.patient_id != patient.pk:
            raise Refusal(
                "other-patient", "This examination came in before under another patient. Ask the administrator."
            )
        is_new = case is None
        if case is None:
            if stack is None:
                raise Refusal("nothing-to-read", "No series of this examination can be read.")
            case = _new_case(patient, study, stack.source.acquisition(), stack.stack)
        stored = _store_series(batch, case, prepared, is_new)
        if is_new and stack is not None:
            _store_stack(case, stack, stored)
        _seal(case, study, [one.arrival for one in prepared if one.arrival.series_uid in stored], is_new)
        if is_new:
            rounds.enter_open_round(case)
    return case


def _lock(what: str) -> None:
    """An advisory lock until the end of the transaction, on something that has no row yet."""
    key = int.from_bytes(hashlib.sha256(f"sagittal intake {what}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _patient(study: Study) -> Patient:
    person = study.person
    patient, created = Patient.objects.get_or_create(pseudonym=person.pseudonym, defaults={"sex": person.sex})
    if created:
        return patient
    identity = Identity.objects.filter(case__patient=patient).order_by("pk").first()
    if identity is not None:
        # A pseudonym has 40 bits: two patients meeting in one is unlikely, and must never be silent.
        sealed = _seal_box().open(bytes(identity.sealed)).get("patient")
        if not isinstance(sealed, dict) or _who(sealed) != _who(person.identity):
            raise Refusal(
                "pseudonym-taken",
                "Another patient has this pseudonym already. Nothing was stored. Ask the administrator.",
            )
    if not patient.sex and person.sex:
        patient.sex = person.sex
        patient.save(update_fields=["sex"])
    return patient


def _who(identity: Mapping[str, Any]) -> tuple[str, str]:
    """Identifier and issuer without what `Pseudonymizer.patient` holds to be mere spelling."""
    return _spelled(identity.get("patient_id", "")), _spelled(identity.get("issuer", ""))


def _spelled(identifier: Any) -> str:
    return unicodedata.normalize("NFKC", str(identifier).strip(" \0\r\n\t")).strip().upper()


def _new_case(patient: Patient, study: Study, acquired: Acquisition, stack: SagittalStack) -> Case:
    last = Case.objects.filter(patient=patient).aggregate(last=Max("number"))["last"] or 0
    return Case.objects.create(
        patient=patient,
        number=last + 1,
        study_uid=study.study_uid,
        study_date=study.study_date,
        age=None if study.age is None else capped_age(study.age),
        origin=study.origin,
        kv=acquired.kv,
        mas=acquired.mas,
        collimation_mm=acquired.collimation_mm,
        ctdivol=acquired.ctdivol,
        dlp=acquired.dlp,
        dlp_source=acquired.dlp_source,
        slice_thickness=acquired.slice_thickness,
        kernel=acquired.kernel[:64],
        manufacturer=acquired.manufacturer[:64],
        scanner=acquired.model[:64],
        source_rows=acquired.rows,
        source_columns=acquired.columns,
        contrast=acquired.contrast,
        contrast_agent=acquired.contrast_agent[:64],
        limited=stack.limited_why[:200],
    )


def _store_series(
    batch: IntakeBatch, case: Case, prepared: Sequence[PreparedSeries], is_new: bool
) -> dict[str, Series]:
    """Rows of series and instances; returns what was stored, by series UID."""
    known = known_series([one.arrival.series_uid for one in prepared])
    taken = set(
        Instance.objects.filter(sop_uid__in=[uid for one in prepared for uid in one.arrival.sop_uids]).values_list(
            "sop_uid", flat=True
        )
    )
    stored: dict[str, Series] = {}
    for one in prepared:
        arrival = one.arrival
        if arrival.series_uid in known:
            before = known[arrival.series_uid]
            if before.batch_id != batch.pk:
                seen_before_row(batch, arrival, before).save()
            continue
        if not taken.isdisjoint(arrival.sop_uids):
            row = refused_row(_images_known(), arrival.files, arrival.facts.images, batch=batch, case=case)
            row.modality, row.number, row.words = arrival.facts.modality, arrival.facts.number, arrival.facts.words
            row.save()
            if one.outcome is not Outcome.KEPT and is_new:
                raise _images_known()  # no stack without its source
            continue
        outcome, why = one.outcome, one.why
        if not is_new:
            outcome, why = Outcome.KEPT, "Added to a case that is here already. Its reading stack stays."
        row = arrival.row(
            batch=batch,
            case=case,
            outcome=outcome,
            why=why,
            source_digest=one.pack.digest,
            pack=one.pack.path,
            geometry=geometry_json(arrival.geometry, one.slope, one.intercept),
        )
        row.save()
        Instance.objects.bulk_create(
            [
                Instance(series=row, sop_uid=uid, index=index, offset=frame.offset, length=frame.length)
                for index, (uid, frame) in enumerate(zip(arrival.sop_uids, one.pack.frames, strict=True))
            ],
            batch_size=1000,
        )
        taken.update(arrival.sop_uids)
        stored[arrival.series_uid] = row
    return stored


def seen_before_row(batch: IntakeBatch, arrival: Arrival, before: Series) -> Series:
    """An unsaved row that says where this series came in."""
    why = "Seen before: it is part of a case already, and nothing was changed."
    if arrival.facts.images != before.images:
        why = (
            f"Seen before with {before.images} images; now there are {arrival.facts.images}. "
            "The case keeps what came first."
        )
    return arrival.row(batch=batch, case=before.case, outcome=Outcome.SEEN_BEFORE, why=why)


def _images_known() -> Refusal:
    return Refusal(
        "images-known",
        "Images of this series came in before as part of another series, so one of the two is not what it says. "
        "Export the series again.",
    )


def _store_stack(case: Case, prepared: PreparedStack, stored: Mapping[str, Series]) -> None:
    volume, geometry = prepared.stack.volume, prepared.stack.volume.geometry
    slice_spacing, row_spacing, column_spacing = geometry.spacing.tolist()
    acquired = prepared.source.acquisition()
    thickness = acquired.slice_thickness if prepared.stack.origin == "native" else slice_spacing
    stack = Stack.objects.create(
        case=case,
        source=stored[prepared.source.series_uid],
        series_uid=prepared.series_uid,
        origin=prepared.stack.origin,
        source_digest=stored[prepared.source.series_uid].source_digest,
        # `lossy` is no part of the hash: it is about what came, not about what was done with it.
        recipe={**prepared.stack.recipe, **({"lossy": True} if prepared.source.lossy else {})},
        recipe_sha=recipe_sha(prepared.stack.recipe),
        frame_of_reference=prepared.frame_of_reference,
        slices_count=geometry.shape[0],
        rows=geometry.shape[1],
        columns=geometry.shape[2],
        affine=geometry.affine.tolist(),
        row_spacing=row_spacing,
        column_spacing=column_spacing,
        slice_spacing=slice_spacing,
        slice_thickness=thickness or slice_spacing,
        slope=volume.slope,
        intercept=volume.intercept,
        signed=bool(volume.array.dtype.kind == "i"),
        pack=prepared.pack.path,
    )
    order = prepared.stack.source_index if _shares_pack(prepared, stored) else range(geometry.shape[0])
    positions = geometry.to_patient(np.array([(k, 0, 0) for k in range(geometry.shape[0])]))
    along = positions @ geometry.directions[:, 0]
    Slice.objects.bulk_create(
        [
            Slice(
                sop_uid=uid,
                stack=stack,
                k=k,
                position=positions[k].tolist(),
                position_mm=float(along[k]),
                offset=prepared.pack.frames[place].offset,
                length=prepared.pack.frames[place].length,
                pixel_sha256=prepared.pack.frames[place].sha256,
            )
            for k, (uid, place) in enumerate(zip(prepared.sop_uids, order, strict=True))
        ],
        batch_size=1000,
    )
    Case.objects.filter(pk=case.pk).update(reading_stack=stack)
    case.reading_stack = stack


def _shares_pack(prepared: PreparedStack, stored: Mapping[str, Series]) -> bool:
    """A native stack whose frames lie in the pack of its series, there in acquisition order."""
    return prepared.pack.path == stored[prepared.source.series_uid].pack


def _seal(case: Case, study: Study, arrivals: Sequence[Arrival], is_new: bool) -> None:
    """The way back to the originals, encrypted; series that come later are added to it."""
    box = _seal_box()
    record: dict[str, Any] = {"patient": dict(study.person.identity), "study": dict(study.identity), "age": study.age}
    before = None if is_new else Identity.objects.select_for_update().filter(case=case).first()
    if before is not None:
        if not arrivals:
            return
        record = box.open(bytes(before.sealed))
    for arrival in arrivals:
        for part, entries in arrival.identity.items():
            kept = record.setdefault(part, {})
            kept.update(entries)
    if before is not None:
        before.sealed = box.seal(record)
        before.save(update_fields=["sealed"])
    else:
        Identity.objects.create(case=case, sealed=box.seal(record))


def _seal_box() -> Seal:
    return Seal(settings.IDENTITY_KEYS)
