"""`manage.py open_round NAME`: open a round with its rules, and put cases into its pool or before its readers."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.models import Assignment, Case, LabelSchema, Reader, Round, RoundKind, RoundState, Split
from labeling.reading.draws import draw_model_hidden
from labeling.reading.roles import may_read_in, reader_of
from labeling.reading.rounds import put_into_pool
from labeling.reading.rules import DEFAULTS, Rules, RulesRefused

#: In rounds of these kinds no patient of the test split is read.
_NEVER_TEST = (RoundKind.LABELLING, RoundKind.PRACTICE)


class Command(BaseCommand):
    help = "Open a round with the rules of its kind, some of them changed, and put cases into it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--kind", choices=RoundKind.values, default=RoundKind.LABELLING.value)
        parser.add_argument("--model", choices=("shown", "after_lock", "never"), help="When the models are shown.")
        parser.add_argument(
            "--hidden-share", type=float, help="Where they are shown first: the share of cases where they stay hidden."
        )
        cases = parser.add_mutually_exclusive_group(required=True)
        cases.add_argument("--cases", nargs="+", metavar="NAME", help="As the worklist names them, in this order.")
        cases.add_argument("--split", choices=Split.values, help="All cases of these patients that have a stack.")
        parser.add_argument(
            "--readers", nargs="+", metavar="ACCOUNT", help="Who reads every case; without, they lie in the pool."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kind = RoundKind(options["kind"])
        changed = {"model": options["model"], "model_hidden_share": options["hidden_share"]}
        try:
            given = {rule: value for rule, value in changed.items() if value is not None}
            rules = Rules.parse({**DEFAULTS[kind].as_json(), **given})
        except RulesRefused as refused:
            raise CommandError(str(refused)) from None
        named = _named(options["cases"]) if options["cases"] else _of_split(options["split"])
        cases, left_out = _readable(named, kind)
        if not cases:
            raise CommandError("None of these cases can be read in such a round. Bring cases in, or name others.")
        readers = [_reader(name, kind) for name in dict.fromkeys(options["readers"] or ())]
        hidden = _open(options["name"], kind, rules, cases, readers)
        self.stdout.write(f"{options['name']}: {len(cases)} cases, the models hidden first in {hidden}.")
        if left_out:
            self.stdout.write(f"{len(left_out)} left out, without a stack or of test patients: {', '.join(left_out)}.")


def _named(names: Sequence[str]) -> list[Case]:
    every = {case.name: case for case in Case.objects.select_related("patient")}
    if unknown := [name for name in names if name not in every]:
        raise CommandError(f"There is no case called {', '.join(unknown)}.")
    return [every[name] for name in dict.fromkeys(names)]


def _of_split(split: str) -> list[Case]:
    return list(Case.objects.filter(patient__split=split).select_related("patient").order_by("pk"))


def _readable(cases: Iterable[Case], kind: RoundKind) -> tuple[list[Case], list[str]]:
    """Those that can enter a round of this kind, and the names of the others."""
    found, left_out = [], []
    for case in cases:
        fits = case.reading_stack_id is not None and not (kind in _NEVER_TEST and case.patient.split == Split.TEST)
        if fits:
            found.append(case)
        else:
            left_out.append(case.name)
    return found, left_out


def _reader(name: str, kind: RoundKind) -> Reader:
    user = User.objects.filter(username=name).first()
    if user is None or not may_read_in(user, kind):
        raise CommandError(f"There is no account called {name} that reads in a {kind.label.lower()} round.")
    return reader_of(user)


def _open(name: str, kind: RoundKind, rules: Rules, cases: Sequence[Case], readers: Sequence[Reader]) -> int:
    """Makes the round and its assignments, or nothing; the number of cases in which the models stay hidden first."""
    with transaction.atomic():
        schema, _ = LabelSchema.objects.get_or_create(version=1)
        if Round.objects.filter(name=name).exists():
            raise CommandError(f"There is a round called {name} already. Choose another name.")
        round_ = Round.objects.create(
            name=name,
            kind=kind,
            rules=rules.as_json(),
            label_schema=schema,
            state=RoundState.OPEN,
            # Nobody can know beforehand which cases are drawn, and everybody can draw them again.
            seed=secrets.randbelow(2**63),
            started_at=timezone.now(),
        )
        for position, case in enumerate(cases, 1):
            if not readers:
                put_into_pool(round_, case)
            for reader in readers:
                _assign(round_, case, reader, position)
        drawn = Assignment.objects.filter(round=round_, model_hidden=True)
        return drawn.values("case").distinct().count() if rules.model == "shown" else len(cases)


def _assign(round_: Round, case: Case, reader: Reader, position: int) -> None:
    hidden = draw_model_hidden(round_, case)
    try:
        with transaction.atomic():
            Assignment.objects.create(round=round_, case=case, reader=reader, position=position, model_hidden=hidden)
    except IntegrityError as error:
        if "blind_round_refuses_the_exposed" not in str(error):
            raise
        raise CommandError(
            f"{reader} was shown another opinion of {case.name} and cannot read it blind. Name other cases or readers."
        ) from None
