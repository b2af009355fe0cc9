"""One valid object each, and nothing around it but what it cannot be without. Names and numbers count up."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.utils import timezone

from labeling.imaging.codec import encode
from labeling.jobs.kinds import KINDS
from labeling.models import (
    Anatomy,
    AnatomyVertebra,
    Assignment,
    Case,
    IntakeBatch,
    Job,
    LabelSchema,
    ModelVersion,
    Patient,
    Read,
    Reader,
    ReaderKind,
    Round,
    RoundKind,
    RoundState,
    Series,
    Slice,
    Stack,
    Vertebra,
)
from labeling.reading.roles import Role, make_groups, reader_of
from labeling.reading.rules import DEFAULTS

_next = count(1)

#: Geometry of every stack made here: 3 mm between slices, 0.5 mm pixels.
SLICE_SPACING, PIXEL_SPACING = 3.0, 0.5


def number() -> int:
    """A number that no other object of this test run has."""
    return next(_next)


def uid() -> str:
    """A fresh DICOM UID of the UUID kind (PS3.5 B.2)."""
    return f"2.25.{10**20 + number()}"


def digest(*parts: object) -> str:
    return hashlib.sha256(repr((number(), parts)).encode()).hexdigest()


def make_user(*roles: Role | str, username: str = "", password: str = "correct horse battery", **fields: Any) -> User:
    """A person with these roles, whose groups are those of an installation."""
    user = User.objects.create_user(username or f"person{number()}", password=password, **fields)
    if roles:
        make_groups()
        user.groups.set(Group.objects.filter(name__in=[Role(role).value for role in roles]))
    return user


def make_reader(*roles: Role | str, **fields: Any) -> Reader:
    """A person who reads; a resident unless told otherwise."""
    return reader_of(make_user(*(roles or (Role.RESIDENT,)), **fields))


def make_model_reader() -> Reader:
    version = ModelVersion.objects.create(kind="classifier", name=f"classifier {number()}", sha256=digest())
    return Reader.objects.create(kind=ReaderKind.MODEL, model_version=version)


def make_model_version(**fields: Any) -> ModelVersion:
    """A candidate for segmentation; its files are not on the disk."""
    sha256 = digest("model")
    return ModelVersion.objects.create(
        **{"kind": "segmentation", "name": f"bodies {number()}", "sha256": sha256, "folder": sha256, **fields}
    )


def make_job(**fields: Any) -> Job:
    """A segmentation that waits; one that runs has a worker, one that ended its times."""
    now = timezone.now()
    times = {"started_at": now - timedelta(seconds=40), "attempts": 1}
    of_state = {
        "running": {**times, "owner": "worker", "lease_until": now + timedelta(minutes=1), "heartbeat_at": now},
        "done": {**times, "finished_at": now, "progress": 1.0},
        "failed": {**times, "finished_at": now, "message": "The disk is full. Make room, then start it again."},
        "cancelled": {**times, "finished_at": now, "message": "Stopped by a person."},
    }
    kind = fields.get("kind", "segment")
    queue = KINDS[kind].queue if kind in KINDS else "io"
    state = of_state.get(fields.get("state", "queued"), {})
    return Job.objects.create(**{"key": f"{kind}:{number()}", "kind": kind, "queue": queue, **state, **fields})


def make_patient(**fields: Any) -> Patient:
    return Patient.objects.create(**{"pseudonym": f"P{number():06d}", "sex": "F", **fields})


def make_bare_case(**fields: Any) -> Case:
    """A case without any image."""
    patient = fields.pop("patient", None) or make_patient()
    return Case.objects.create(
        **{"patient": patient, "number": patient.cases.count() + 1, "study_uid": uid(), "age": 61, **fields}
    )


def make_series(case: Case | None, **fields: Any) -> Series:
    batch = fields.pop("batch", None) or IntakeBatch.objects.create(name="delivery", source="command")
    return Series.objects.create(
        **{
            "batch": batch,
            "case": case,
            "series_uid": uid(),
            "source_digest": digest("series"),
            "modality": "CT",
            "orientation": "sagittal",
            "outcome": "reading",
            **fields,
        }
    )


def make_stack(case: Case, *, slices: int = 12, rows: int = 24, columns: int = 16, **fields: Any) -> Stack:
    """A native stack with real JPEG-LS frames in the media folder; slice k has the value k + row + column."""
    source = fields.pop("source", None) or make_series(case, images=slices)
    name = f"stacks/{number()}.jls"
    stack = Stack.objects.create(
        **{
            "case": case,
            "source": source,
            "series_uid": uid(),
            "origin": "native",
            "source_digest": source.source_digest or digest("stack"),
            "recipe_sha": hashlib.sha256(b"native").hexdigest(),
            "frame_of_reference": uid(),
            "slices_count": slices,
            "rows": rows,
            "columns": columns,
            # x grows with k, z falls with the row, y grows with the column.
            "affine": [
                [SLICE_SPACING, 0, 0, -18.0],
                [0, 0, PIXEL_SPACING, 0],
                [0, -PIXEL_SPACING, 0, 0],
                [0, 0, 0, 1],
            ],
            "row_spacing": PIXEL_SPACING,
            "column_spacing": PIXEL_SPACING,
            "slice_spacing": SLICE_SPACING,
            "slice_thickness": SLICE_SPACING,
            "intercept": -1024.0,
            "pack": name,
            **fields,
        }
    )
    _write_slices(stack, Path(settings.MEDIA_ROOT) / stack.pack)
    return stack


def _write_slices(stack: Stack, pack: Path) -> None:
    pack.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.add.outer(np.arange(stack.rows), np.arange(stack.columns)).astype(np.uint16)
    rows, offset = [], 0
    with pack.open("wb") as file:
        for k in range(stack.slices_count):
            frame = ramp + np.uint16(k)
            code = encode(frame)
            file.write(code)
            x = -18.0 + SLICE_SPACING * k
            rows.append(
                Slice(
                    sop_uid=f"{stack.series_uid}.{k + 1}",
                    stack=stack,
                    k=k,
                    position=[x, 0.0, 0.0],
                    position_mm=x,
                    offset=offset,
                    length=len(code),
                    pixel_sha256=hashlib.sha256(frame.astype("<u2").tobytes()).hexdigest(),
                )
            )
            offset += len(code)
    Slice.objects.bulk_create(rows)


def make_case(*, slices: int = 12, **fields: Any) -> Case:
    """A case with the stack that is read, and no anatomy yet."""
    case = make_bare_case(**fields)
    case.reading_stack = make_stack(case, slices=slices)
    case.save(update_fields=["reading_stack"])
    return case


def make_anatomy(
    case: Case,
    levels: tuple[str, ...] = ("L2", "L3", "L4"),
    *,
    first_k: int = 3,
    last_k: int = 8,
    cut: tuple[str, ...] = (),
    **fields: Any,
) -> Anatomy:
    """An anatomy on the case's stack; every body lies on slices `first_k` to `last_k`. '' is a level not known."""
    stack = fields.pop("stack", None) or case.reading_stack
    anatomy = Anatomy.objects.create(
        **{"case": case, "stack": stack, "n": case.anatomies.count() + 1, "source_digest": digest("mask"), **fields}
    )
    # One below the other, so that the lowest ends with the image.
    height = stack.rows * PIXEL_SPACING / max(1, len(levels))
    for rank, level in enumerate(levels):
        AnatomyVertebra.objects.create(
            anatomy=anatomy,
            vertebra=Vertebra.objects.create(case=case),
            label_value=rank + 1,
            level=level,
            rank=rank,
            certainty="assumed" if level else "unknown",
            first_k=first_k,
            last_k=last_k,
            box=[-9.0, 6.0, 0.0, 8.0, -height * (rank + 1), -height * rank],
            cut=level in cut,
            cut_where="top" if level in cut else "",
            origin="segmented",
        )
    return anatomy


def make_schema() -> LabelSchema:
    schema, _ = LabelSchema.objects.get_or_create(version=1)
    return schema


def make_round(
    kind: RoundKind | str = RoundKind.LABELLING, *, rules: dict[str, Any] | None = None, **fields: Any
) -> Round:
    """An open round with the default rules of its kind, some of them changed by `rules`."""
    kind = RoundKind(kind)
    state = fields.get("state", RoundState.OPEN)
    return Round.objects.create(
        **{
            "name": f"{kind.label} {number()}",
            "kind": kind,
            "rules": {**DEFAULTS[kind].as_json(), **(rules or {})},
            "label_schema": make_schema(),
            "state": state,
            "started_at": None if state == RoundState.PLANNED else timezone.now(),
            **fields,
        }
    )


def make_assignment(
    case: Case, *, round: Round | None = None, reader: Reader | None = None, **fields: Any
) -> Assignment:
    """The case for a reader, or in the pool of the round where there is none."""
    return Assignment.objects.create(
        round=round or make_round(), case=case, reader=reader, **{"position": number(), **fields}
    )


def make_read(
    case: Case | None = None, *, reader: Reader | None = None, round: Round | None = None, **fields: Any
) -> Read:
    """A draft, assigned to its reader, on the newest anatomy of its case."""
    case = case or make_case()
    reader = reader or make_reader()
    round = round or make_round()
    anatomy = fields.pop("anatomy", None) or case.anatomies.order_by("-n").first() or make_anatomy(case)
    Assignment.objects.get_or_create(round=round, case=case, reader=reader, defaults={"position": number()})
    return Read.objects.create(
        **{"round": round, "case": case, "reader": reader, "stack": anatomy.stack, "anatomy": anatomy, **fields}
    )


def lock_plainly(read: Read) -> Read:
    """Locks a read as it stands, past the duties of a person; for tests of what comes after a lock."""
    read.state, read.locked_at, read.content_sha = "locked", timezone.now(), digest("read")
    read.save(update_fields=["state", "locked_at", "content_sha"])
    return read


def sops_of(read: Read, first_k: int = 3, last_k: int = 8) -> list[str]:
    """SOP Instance UIDs of the slices `first_k` to `last_k` of the read's stack, in k order."""
    slices = Slice.objects.filter(stack=read.stack_id, k__gte=first_k, k__lte=last_k)
    return list(slices.order_by("k").values_list("sop_uid", flat=True))


def vertebra_of(read: Read, level: str) -> int:
    """The primary key of the vertebra that the read's anatomy calls so."""
    return AnatomyVertebra.objects.get(anatomy=read.anatomy_id, level=level).vertebra_id
