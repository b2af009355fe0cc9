"""A reader who never was: the reads of simulated cases, so that a training set can be frozen out of them.

It reads simulated cases alone, from the truth that lies beside them or from what a simulated person of some skill says
(`inference.simulate.readers`), and on the way of everybody else: it claims a case, sees its slices, writes operations
and locks. Its account is called Simulated reader, and nobody can log in with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from labeling.imaging.refusal import Refusal
from labeling.intake.frames import stack_geometry
from labeling.models import Case, CaseOrigin, LabelSource, Read, Reader, SliceValue, Stack, Verdict
from labeling.reading.labels import Operation, mark_seen, write_operation
from labeling.reading.locking import lock_read
from labeling.reading.projection import take_snapshot
from labeling.reading.roles import Role, make_groups, reader_of
from labeling.reading.rounds import open_read
from labeling.reading.state import VertebraContext

__all__ = ["ACCOUNT", "Said", "read_simulated", "said_in", "simulated_reader"]

ACCOUNT = "simulated-reader"

TRUTH, READ = "truth.json", "read.json"


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one complete vertebra: the AO type of a fracture, else '', and the slices that show it."""

    ao_type: str
    ks: tuple[int, ...]


def simulated_reader() -> User:
    """The account, made on demand: a resident without a password.

    Raises
    ------
    Refusal
        ``name-taken`` where somebody can log in under its name.
    """
    with transaction.atomic():
        make_groups()
        user, new = User.objects.get_or_create(
            username=ACCOUNT, defaults={"first_name": "Simulated", "last_name": "reader"}
        )
        if new:
            user.set_unusable_password()
            user.save(update_fields=["password"])
            user.groups.set(Group.objects.filter(name=Role.RESIDENT))
        elif user.has_usable_password():
            raise Refusal("name-taken", f"Somebody logs in as {ACCOUNT}. Give that account another name.")
    return user


def said_in(folder: Path) -> dict[str, Said]:
    """What is said of each complete vertebra of the simulated case in a folder: by `READ` where it lies there, else by
    the truth. A fracture that shows on no slice as one is said where it shows a little.

    Raises
    ------
    Refusal
        ``no-truth`` where the files are missing or damaged.
    """
    try:
        truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
        if (folder / READ).is_file():
            read = json.loads((folder / READ).read_text(encoding="utf-8"))
            return {one["level"]: Said(one["ao_type"], tuple(one["slices"])) for one in read["findings"]}
        return {
            one["level"]: Said(one["ao_type"], _shown(one))
            for one in truth["vertebrae"]
            if one["in_view"] == "complete"
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refusal("no-truth", f"{folder.name} holds no truth that can be read. Simulate it again.") from error


def _shown(vertebra: Mapping[str, Any]) -> tuple[int, ...]:
    if not vertebra["fractured"]:
        return ()
    borderline = tuple(one["k"] for one in vertebra["slices"] if one["value"] == "borderline")
    return tuple(vertebra["positive_slices"]) or borderline


def read_simulated(case: Case, folder: Path) -> Read:
    """The locked read of the simulated reader of a case that was simulated into `folder`; one that is there stays.

    All of it or nothing is stored.

    Raises
    ------
    Refusal
        ``not-simulated`` for a case that is not, ``another-stack`` where its slices are not those of the simulation,
        and those of `said_in` and `simulated_reader`.
    NotReadable
        where the case is in no open pool: no round is open, another reader has it, or its patient is a test patient.
    NotComplete
        where the anatomy of the case is another one than the simulation's, so that something remains unsaid.
    """
    if case.origin != CaseOrigin.SIMULATED:
        raise Refusal("not-simulated", f"{case.name} is not simulated. Only people read it.")
    said = said_in(folder)
    _refuse_another_stack(case, folder)
    user = simulated_reader()
    reader = reader_of(user)
    with transaction.atomic():
        read = open_read(user=user, case_id=case.pk)
        if read.state == "locked":
            return read
        sops = dict(read.stack.slices.values_list("k", "sop_uid"))
        mark_seen(read_id=read.pk, reader=reader, sop_uids=sops.values())
        for vertebra in take_snapshot(read).context.vertebrae.values():
            if vertebra.level in said and not vertebra.cut:
                _say(read, reader, vertebra, said[vertebra.level], sops)
        return lock_read(read_id=read.pk, reader=reader, base_seq=read.seq)


def _refuse_another_stack(case: Case, folder: Path) -> None:
    """Slices are counted as the simulation counts them, so the stack must be its very own."""
    truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    stack: Stack | None = case.reading_stack
    if stack is not None and stack.origin == "native":
        geometry = stack_geometry(stack)
        same = list(geometry.shape) == truth["shape"]
        if same and np.allclose(geometry.affine, truth["affine_lps"], atol=1e-2):
            return
    raise Refusal(
        "another-stack", f"The slices of {case.name} are not those of the simulation. Simulate sagittal stacks."
    )


def _say(read: Read, reader: Reader, vertebra: VertebraContext, said: Said, sops: Mapping[int, str]) -> None:
    """The operations on one vertebra, as a person would make them."""
    shown = {sops[k] for k in said.ks if k in sops} & {*vertebra.sops}
    if not shown:
        # Plain, or a fracture that no image shows: an honest reader cannot tell which.
        verdict = Verdict.INDETERMINATE if said.ao_type else Verdict.NEGATIVE
        _write(read, reader, "set_verdict", vertebra=vertebra.id, verdict=verdict.value)
        return
    marked = [sop for sop in vertebra.sops if sop in shown]
    label = {"value": SliceValue.FRACTURE.value, "source": LabelSource.RANGE.value}
    _write(read, reader, "label_slices", vertebra=vertebra.id, sop_uids=marked, **label)
    _write(read, reader, "set_ao", vertebra=vertebra.id, ao_body=said.ao_type)
    _write(read, reader, "rest_negative", vertebra=vertebra.id)


def _write(read: Read, reader: Reader, verb: str, **payload: Any) -> None:
    shown = {"simulated": True}
    operation = Operation(uuid4(), read.seq, verb, payload, shown, timezone.now(), read.anatomy_id)
    read.seq = write_operation(read_id=read.pk, reader=reader, operation=operation).seq
