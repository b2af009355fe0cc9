"""Readers of a simulated protocol: what each sees of a vertebra is drawn from their skill, and said over the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
from django.test import Client
from django.utils import timezone

from labeling.models import Case
from tests.api.conftest import post

TYPES = ("A1", "A2", "A3", "A4")

#: What is said of a vertebra: the AO type of a fracture, or '' for negative.
Said = Mapping[int, str]


@dataclass(frozen=True)
class Skill:
    """How often a fracture is seen, how often none is called one, and how often its type is taken for the next."""

    sensitivity: float
    specificity: float
    type_right: float = 0.9


def seen_by(skill: Skill, truth: Said, generator: np.random.Generator) -> Said:
    """What a reader of this skill says of vertebrae with this truth."""
    return {vertebra: _seen(skill, type_, generator) for vertebra, type_ in truth.items()}


def _seen(skill: Skill, type_: str, generator: np.random.Generator) -> str:
    if not type_:
        return "" if generator.random() < skill.specificity else "A1"
    if generator.random() >= skill.sensitivity:
        return ""
    if generator.random() < skill.type_right:
        return type_
    return TYPES[(TYPES.index(type_) + 1) % len(TYPES)]


def read_over_http(client: Client, case: Case, said: Said) -> int:
    """Opens the case, says this of every vertebra, locks; the primary key of the read."""
    opened = post(client, f"/api/cases/{case.pk}/open", {})
    assert opened.status_code == 200, opened.content
    read = opened.json()["read"]
    seq = 0
    for vertebra, type_ in said.items():
        verdict = "fracture" if type_ else "negative"
        seq = operate(client, read, seq, "set_verdict", vertebra=vertebra, verdict=verdict)
        if type_:
            seq = operate(client, read, seq, "set_ao", vertebra=vertebra, ao_body=type_)
    locked = post(client, f"/api/reads/{read}/lock", {"base_seq": seq})
    assert locked.status_code == 200, locked.content
    return int(read)


def operate(client: Client, read: int, seq: int, verb: str, **payload: Any) -> int:
    """One operation; the number of the next."""
    answer = post(client, f"/api/reads/{read}/operations", operation(seq, verb, payload))
    assert answer.status_code == 200, answer.content
    return int(answer.json()["seq"])


def operation(seq: int, verb: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    now = timezone.now().isoformat()
    return {"uuid": str(uuid4()), "base_seq": seq, "verb": verb, "payload": payload, "client_at": now}


def choice(seq: int, vertebra: int, took: str) -> dict[str, Any]:
    """A settlement as the screen sends it."""
    return {
        "uuid": str(uuid4()),
        "base_seq": seq,
        "vertebra": vertebra,
        "took": took,
        "finding": None,
        "injury": None,
        "reason": "borderline",
        "acuity": "unknown",
        "teach": False,
        "explanation": "",
    }
