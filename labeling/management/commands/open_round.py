"""`manage.py open_round NAME`: open a round with its rules, and put cases into its pool or before its readers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from labeling.models import Assignment, Reader, Round, RoundKind, Split
from labeling.reading.planning.making import CaseChoice, Plan, Preview, defaults_for, fits, make_round, preview
from labeling.reading.planning.states import start
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import reader_of
from labeling.reading.rules import Rules, RulesRefused


class Command(BaseCommand):
    help = "Open a round with the rules of its kind, some of them changed, and put cases into it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--kind", choices=RoundKind.values, default=RoundKind.LABELLING.value)
        parser.add_argument("--follows", metavar="ROUND", help="Which one a repeat reads again or a consensus settles.")
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
        parser.add_argument(
            "--drawn", action="store_true", help="Each reader reads in a drawn order of their own, not as named."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                seen = self._opened(options)
        except OperationRefused as refused:
            raise CommandError(refused.sentence) from None
        round_ = Round.objects.get(name=options["name"])
        hidden = Assignment.objects.filter(round=round_, model_hidden=True).values("case").distinct().count()
        hidden = hidden if seen.rules.model == "shown" else len(seen.entry)
        self.stdout.write(f"{round_.name}: {len(seen.entry)} cases, the models hidden first in {hidden}.")
        for sentence in seen.warnings:
            self.stdout.write(sentence)
        if seen.left_out:
            self.stdout.write(f"{len(seen.left_out)} left out:")
            for one in seen.left_out:
                self.stdout.write(f"  {one.case.name}: {one.why}")

    def _opened(self, options: dict[str, Any]) -> Preview:
        plan = _plan(options)
        seen = preview(plan)
        for bar in seen.bars:
            raise CommandError(
                f"{bar.reader} was shown another opinion of {bar.case.name} and cannot read it blind. "
                "Name other cases or readers, or plan the round on its page, where that can be overridden."
            )
        round_ = make_round(None, replace(plan, seed=seen.seed))
        start(None, round_.pk)
        return seen


def _plan(options: dict[str, Any]) -> Plan:
    kind = RoundKind(options["kind"])
    follows = _followed(options["follows"])
    changed = {"model": options["model"], "model_hidden_share": options["hidden_share"]}
    try:
        given = {rule: value for rule, value in changed.items() if value is not None}
        rules = Rules.parse({**defaults_for(kind, follows).as_json(), **given})
    except RulesRefused as refused:
        raise CommandError(str(refused)) from None
    readers = [_reader(name, kind, follows).pk for name in dict.fromkeys(options["readers"] or ())]
    names = tuple(options["cases"]) if options["cases"] else None
    return Plan(
        name=options["name"],
        kind=kind,
        rules=rules,
        cases=CaseChoice(names=names, split=options["split"] or ""),
        readers=tuple(readers),
        pooled=not readers,
        follows=None if follows is None else follows.pk,
        in_order=not options["drawn"],
    )


def _followed(name: str | None) -> Round | None:
    if name is None:
        return None
    round_ = Round.objects.filter(name=name).first()
    if round_ is None:
        raise CommandError(f"There is no round called {name}.")
    return round_


def _reader(name: str, kind: RoundKind, follows: Round | None) -> Reader:
    user = User.objects.filter(username=name).first()
    if user is None or not fits(user, kind, follows):
        raise CommandError(f"There is no account called {name} that reads in a {kind.label.lower()} round.")
    return reader_of(user)
