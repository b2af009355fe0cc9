"""The reviewer's bundle packed: tables, numbers, a manifest with hashes, and the script as it is, in one zip."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction

from labeling.analysis.bundle.contents import Contents, contents_of, tables
from labeling.analysis.bundle.numbers import Group, groups_of
from labeling.analysis.columns import columns_of
from labeling.analysis.ledger import consult
from labeling.analysis.scope import may_see_numbers, scope_of
from labeling.analysis.versions import METHODS, data_version
from labeling.imaging.refusal import Refusal
from labeling.models import AuditEvent, Finding, Reader, Round
from labeling.reading.exposures import note_exposures
from labeling.reading.protocol.record import content_hash, is_partial, protocol_of
from labeling.reading.roles import reader_of
from labeling.statistics.bootstrap import PatientBootstrap

__all__ = ["AT_A_PAGE", "FORMAT", "NAME", "Bundle", "bundle_of", "too_large_for_a_page"]

FORMAT: Final = "sagittal reviewer's bundle 1"
NAME: Final = "reviewers-bundle"
SCRIPT: Final = Path(__file__).parent / "script"
#: Findings in the scope up to which a page waits for the bundle: every number is asked for, not one page's.
AT_A_PAGE = 3_000
#: Of every file in the zip: the same bytes whenever it is packed.
_DATE: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundle:
    """name: of the file. content: the zip. numbers: how many it holds."""

    name: str
    content: bytes
    numbers: int


def too_large_for_a_page(user: User, key: str) -> None:
    """Refuses what takes longer to compute than somebody waits at a page.

    Raises
    ------
    Refusal
        ``bundle-too-large``, ``no-numbers``, ``no-scope``.
    """
    _may(user)
    scope = scope_of(user, key)
    findings = Finding.objects.filter(read__case__in=scope.cases).count()
    if findings > AT_A_PAGE:
        raise Refusal(
            "bundle-too-large",
            f"Here are {findings:,} findings, whose numbers take minutes. Have the bundle written on the server: "
            f"python manage.py export_bundle --on {scope.key} --by ACCOUNT --out FILE.",
        )


def bundle_of(user: User, key: str) -> Bundle:
    """All that these cases' numbers rest on, as this person may know it; they know the reads in it from now on.

    It is written to the audit and to the ledger, and the exposures are made in the transaction that packs it.

    Raises
    ------
    Refusal
        ``no-numbers`` for who may see none, ``no-scope``, ``moving`` where reads are locked all the while.
    """
    _may(user)
    for _ in range(3):
        scope = scope_of(user, key)
        version = data_version(user, scope.cases)
        # Outside the transaction: each answer is kept as it comes, and is there when this is asked again.
        groups = groups_of(user, scope, tuple(columns_of(user, scope.cases)))
        with transaction.atomic():
            scope = scope_of(user, key)
            if data_version(user, scope.cases) != version:
                continue
            contents = contents_of(user, scope)
            note_exposures(reader_of(user), sorted(contents.shown()))
            consulted = consult(user, f"Export {NAME}", scope)
            detail = {"what": NAME, "on": scope.key, "cases": len(scope.cases)}
            AuditEvent.objects.create(by=user, verb="export_numbers", detail=detail)
            files = _files(contents, groups)
            manifest = _manifest(contents, version, consulted)
            return Bundle(f"{NAME}-{scope.key}.zip", _zip(files, manifest), sum(len(one.numbers) for one in groups))
    raise Refusal("moving", "Reads of these cases are being locked at this moment. Ask for the bundle again.")


def _may(user: User) -> None:
    if not may_see_numbers(user):
        raise Refusal("no-numbers", "Numbers are for leads, engineers and administrators.")


def _files(contents: Contents, groups: list[Group]) -> dict[str, bytes]:
    files = {f"{name}.csv": _csv(rows) for name, rows in tables(contents).items()}
    files |= {path.name: path.read_bytes() for path in sorted(SCRIPT.glob("*.py"))}
    files["numbers.json"] = _json([asdict(group) for group in groups])
    files["README.txt"] = _readme(contents, groups).encode()
    return files


def _manifest(contents: Contents, version: str, consulted: int) -> dict[str, Any]:
    scope, bootstrap = contents.scope, PatientBootstrap(0)
    models = Reader.objects.filter(pk__in=[int(one.key[1:]) for one in contents.columns if one.kind == "model"])
    return {
        "format": FORMAT,
        "scope": {
            "key": scope.key,
            "cases": len(scope.cases),
            "patients": scope.patients,
            "test_cases": scope.test_cases,
            "simulated": scope.simulated,
        },
        "data_version": version,
        "methods": METHODS,
        "replicates": bootstrap.replicates,
        "seed": bootstrap.seed,
        "consulted": consulted,
        "readers": contents.names,
        "models": [
            {
                "reader": contents.names[f"m{model.pk}"],
                "kind": model.model_version.kind,
                "name": model.model_version.name,
                "sha256": model.model_version.sha256,
            }
            for model in models.select_related("model_version").order_by("pk")
            if model.model_version is not None
        ],
        "rounds": [
            {
                "round": contents.rounds[round_.pk],
                "kind": round_.kind,
                "protocol_sha256": content_hash(record),
                "protocol_partial": is_partial(record),
            }
            for round_ in Round.objects.filter(pk__in=contents.rounds).order_by("pk")
            for record in [protocol_of(contents.user, round_)]
        ],
    }


def _zip(files: dict[str, bytes], manifest: dict[str, Any]) -> bytes:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    files = {**files, "manifest.json": _json({**manifest, "files": hashes})}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(f"{NAME}/{name}", _DATE)
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(info, content)
    return out.getvalue()


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _json(value: Any) -> bytes:
    # Sorted: an answer that was kept comes back with its keys in another order than one that was just computed.
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


def _readme(contents: Contents, groups: list[Group]) -> str:
    counts = Counter[str]()
    for group in groups:
        counts[group.title] += len(group.numbers)
    lines = [f"  {title}: {count:,}" for title, count in counts.items()]
    return _README.format(numbers="\n".join(lines) if lines else "  none: nobody has locked a read of these cases")


_README: Final = """\
Reviewer's bundle

The reads of a set of cases, every number that was printed of them, and a plain script that recomputes the numbers
from the reads. For research; not for diagnosis.

To run it, unpack the zip and call in its folder

  python recompute.py

It needs Python 3.11 and numpy. The tests (p-values) of Table 1 also need scipy; without it they are named as not
recomputed. The script imports nothing of Sagittal. It prints one line a group, "312 of 312 numbers reproduced", and
then, by name, every number that differs by more than 1e-9 and every number that it could not recompute. Exit code 0:
all are reproduced; 1: some differ, or a file is not the one of the manifest; 2: some were not recomputed.

The script: recompute.py (begin here; one function a page), tables.py (the tables as arrays), formulas.py (intervals,
bootstrap, 2 x 2 tables, agreement), readers.py (accuracy, pairs, comparisons), scores.py (curves, calibration, reading
habits), table_one.py, others.py (at your place, report, segmentation).

Numbers, by group
{numbers}

How they were asked for: accuracy, curves and comparisons against the reference; comparisons with a margin of 5 points;
"at your place" with 5 %, 1,000 examinations a year and 17 vertebrae. Other choices on the pages give other numbers.

Tables
  readers.csv       who stands in the tables; people and models under other names
  cases.csv         cases by pseudonym; patients by number; entered: the order in which cases came in; asked: the
                    numbers are about it; validation: thresholds of models were chosen on it
  vertebrae.csv     level as the reference's anatomy has it, else the newest that was read
  reads.csv         which read stands for a reader at a case; content_sha: sha256 of the read when it was locked
  findings.csv      what a read says of a vertebra; ao: the higher of the body's type and the segment's (B, C)
  slices.csv        slices that the reference labels, and what reads say of them
  segmentation.csv  vertebrae of confirmed anatomies: whether segmented, and named right
  showings.csv      what a reader said before and after a model was revealed, what the model says, and the reference
  times.csv         place in the session, seconds, vertebrae judged right of those assessed, of each first read
  table_one.csv     the columns of Table 1; age 90 stands for 90 or more
  flowchart.csv     the way of every examination into the study; which case it is, is not told
  numbers.json      the printed numbers: by group, path -> number; null where a sentence was printed instead
  manifest.json     sha256 of every file, data version, methods, seed, models, rounds, consultations of the test set

What cannot be followed further back with these tables: showings.csv and times.csv are counted from earlier versions of
reads, which are not in findings.csv; segmentation.csv is counted from masks and anatomies; AO types of segments are
already joined to their vertebrae.

In flowchart.csv all examinations of the study stand, whatever the cases chosen.
"""
