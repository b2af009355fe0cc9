"""What is asked before a round is made: its rules, its readers, its cases, and reasons for what is overridden."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core import signing
from django.http import QueryDict

from labeling.models import CaseOrigin, Reader, Round, RoundKind, Split
from labeling.reading.planning.making import CaseChoice, Override, Plan, defaults_for, fits
from labeling.reading.planning.plans import FOLLOWING, POOLED
from labeling.reading.roles import Role, reader_of, roles_of
from labeling.reading.rules import Rules, RulesRefused

__all__ = ["RULE_WORDS", "SHARES", "RoundForm", "initial_of", "refitted", "rule_value"]

#: Rule -> (what it is called, its words to people). Those without words are numbers.
RULE_WORDS: dict[str, tuple[str, dict[Any, str]]] = {
    "unit": ("What is labelled", {"slice": "every slice", "vertebra": "the vertebra, slices if wanted"}),
    "report": ("Clinical report", {"shown": "shown", "after_lock": "after the own lock", "hidden": "hidden"}),
    "model": (
        "Models",
        {"shown": "shown first", "after_lock": "after the own lock", "never": "never before the reference"},
    ),
    "model_hidden_share": ("Models hidden all the same in", {}),
    "outlines": ("Mask outlines at first look", {"shown": "shown", "hidden": "hidden, M shows them"}),
    "anatomy": ("Anatomy", {"editable": "readers may make a new version", "pinned": "pinned, dissent is level said"}),
    "ao_required": ("AO type of a fracture", {True: "required", False: "if wanted"}),
    "required_reads": ("Reads of each case", {}),
    "second_reader_share": ("Drawn for a second reader", {}),
    "washout_days": ("Wash-out, days", {}),
    "feedback": (
        "Feedback",
        {
            "at_once": "at once",
            "after_consensus": "after the consensus",
            "when_closed": "when the round is closed",
            "none": "none",
        },
    ),
    "audit_share": ("Agreed, looked at again", {}),
}
SHARES = ("model_hidden_share", "second_reader_share", "audit_share")
_NUMBERS = ("required_reads", "washout_days")
#: What can be set of each kind; the rest is as usual for it or follows from another round.
_ASKED: dict[RoundKind, tuple[str, ...]] = {
    RoundKind.PRACTICE: ("unit", "report", "model", "outlines", "anatomy", "ao_required", "feedback"),
    RoundKind.LABELLING: (
        "unit", "report", "model", "model_hidden_share", "outlines", "anatomy", "ao_required", "second_reader_share",
        "feedback",
    ),
    RoundKind.INDEPENDENT: (
        "unit", "report", "model", "outlines", "anatomy", "ao_required", "required_reads", "feedback",
    ),
    RoundKind.REPEAT: ("washout_days", "report", "model", "outlines", "anatomy", "ao_required", "feedback"),
    RoundKind.CONSENSUS: ("washout_days", "report", "outlines", "ao_required", "audit_share"),
}  # fmt: skip
_SALT = "seed of a planned round"
_OVERRIDE = re.compile(r"^override-(\d{1,18})(?:-(\d{1,18}))?$")
_ANY = ("", "any")
#: What is said below the field of a rule.
_HINTS: dict[tuple[RoundKind, str], str] = {
    (RoundKind.INDEPENDENT, "required_reads"): "One or two: a consensus settles two reads of a case.",
    (RoundKind.LABELLING, "second_reader_share"): "Of a pool. Assigned readers each read every case: nothing is drawn.",
}


def rule_value(rules: Rules, name: str) -> str:
    """The value of a rule in words."""
    value = getattr(rules, name)
    if name in SHARES:
        return f"{round(value * 100)} % of the {'vertebrae' if name == 'audit_share' else 'cases'}"
    words = RULE_WORDS[name][1]
    return words[value] if words else str(value)


@dataclass(frozen=True)
class _Person:
    """One who can be chosen: how the page names them."""

    key: int
    name: str
    roles: str


#: What the form begins with: blind reads are of test patients, labels and practice of those that may train.
_SPLIT_OF = {
    RoundKind.INDEPENDENT: Split.TEST.value,
    RoundKind.LABELLING: Split.TRAINING.value,
    RoundKind.PRACTICE: Split.TRAINING.value,
}


class RoundForm(forms.Form):
    """One round of one kind. `plan` is what it asks for, once it is valid."""

    name = forms.CharField(max_length=80, strip=True)
    seed = forms.CharField(required=False, widget=forms.HiddenInput)
    way = forms.ChoiceField(choices=[("assigned", ""), ("pool", "")], required=False)
    source = forms.ChoiceField(choices=[("filter", ""), ("names", "")], initial="filter")
    names = forms.CharField(required=False, max_length=100_000, widget=forms.Textarea(attrs={"rows": 5}))
    without = forms.CharField(required=False, max_length=100_000)
    split = forms.ChoiceField(choices=[_ANY, *Split.choices], required=False)
    origin = forms.ChoiceField(choices=[_ANY, *CaseOrigin.choices], required=False)
    reference = forms.ChoiceField(choices=[_ANY, ("with", "there is one"), ("without", "none yet")], required=False)
    anatomy_state = forms.ChoiceField(
        choices=[_ANY, ("confirmed", "confirmed"), ("unconfirmed", "not confirmed")], required=False
    )
    levels = forms.ChoiceField(choices=[_ANY, ("named", "all named"), ("unknown", "one unknown")], required=False)

    def __init__(
        self,
        kind: RoundKind,
        *args: Any,
        follows: Round | None = None,
        made_for: Round | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        # The round that the rules on the page are made for; while none is chosen, the one they were made for before.
        rules_of = follows or made_for
        self.defaults_of = "" if rules_of is None else str(rules_of.pk)
        self.defaults = defaults_for(kind, follows)
        self._add_rounds(follows)
        self._add_readers(follows)
        self._add_rules()
        self.fields["split"].initial = _SPLIT_OF.get(kind, "")
        for name, field in self.fields.items():
            choice = isinstance(field, forms.ChoiceField)
            field.widget.attrs.setdefault("class", "select" if choice else "input")
            field.widget.attrs["autocomplete"] = "off"
            if name in ("names", "without") or (name.startswith("rule_") and field.help_text):
                field.widget.attrs["aria-describedby"] = f"about-{name}"

    def _add_rounds(self, follows: Round | None) -> None:
        rounds = Round.objects.order_by("-created_at", "-pk")
        followed = [(one.pk, one.name) for one in rounds if one.kind in FOLLOWING.get(self.kind, ())]
        self.fields["follows"] = forms.TypedChoiceField(
            choices=[("", "choose a round"), *followed],
            coerce=int,
            empty_value=None,
            required=self.kind in FOLLOWING,
            initial=follows.pk if follows is not None else "",
        )
        self.fields["in_round"] = forms.TypedChoiceField(
            choices=[_ANY, *((one.pk, one.name) for one in rounds)], coerce=int, empty_value=None, required=False
        )

    def _add_readers(self, follows: Round | None) -> None:
        found = _offered(self.kind, follows)
        self.people = [_Person(one.pk, one.get_full_name() or one.get_username(), _roles(one)) for one in found]
        self.fields["readers"] = forms.TypedMultipleChoiceField(
            choices=[(one.key, one.name) for one in self.people], coerce=int, required=False
        )

    def _add_rules(self) -> None:
        for name in _ASKED[self.kind]:
            value = getattr(self.defaults, name)
            self.fields[f"rule_{name}"] = _rule_field(self.kind, name, value)

    @property
    def rules_asked(self) -> list[tuple[forms.BoundField, str, bool]]:
        """Field, what it is called, and whether it counts in per cent."""
        return [(self[f"rule_{name}"], RULE_WORDS[name][0], name in SHARES) for name in _ASKED[self.kind]]

    @property
    def may_pool(self) -> bool:
        return self.kind in POOLED

    @property
    def chosen_readers(self) -> set[str]:
        return {str(one) for one in self["readers"].value() or ()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("name", "names", "without"):
            cleaned[name] = str(cleaned.get(name, "")).replace("\x00", "")
        if not self.errors:
            try:
                self._rules(cleaned)
            except RulesRefused as refused:
                self.add_error(None, str(refused))
        return cleaned

    def _rules(self, cleaned: dict[str, Any]) -> Rules:
        given: dict[str, Any] = {}
        for name in _ASKED[self.kind]:
            value = cleaned[f"rule_{name}"]
            given[name] = value / 100 if name in SHARES else value == "True" if name == "ao_required" else value
        return Rules.parse({**self.defaults.as_json(), **given})

    @property
    def drawn_seed(self) -> int:
        """The seed that the page was drawn with, so that the order made is the order shown; signed, so that nobody
        chooses one."""
        try:
            return int(signing.loads(self.data.get("seed", ""), salt=_SALT))
        except (signing.BadSignature, ValueError, TypeError):
            return secrets.randbelow(2**63)

    @staticmethod
    def signed(seed: int) -> str:
        return signing.dumps(seed, salt=_SALT)

    def plan(self) -> Plan:
        """The plan, of a form that was found valid."""
        asked = self.cleaned_data
        named = asked["source"] == "names"
        choice = CaseChoice(
            names=tuple(_words(asked["names"])) if named else None,
            split=asked["split"],
            origin=asked["origin"],
            reference=asked["reference"],
            anatomy=asked["anatomy_state"],
            levels=asked["levels"],
            round=asked["in_round"],
            without=tuple(_words(asked["without"])),
        )
        pooled = self.may_pool and asked["way"] == "pool"
        rules = self._rules(asked)
        return Plan(
            name=asked["name"],
            kind=self.kind,
            # A second reader is drawn for a case that is taken from a pool, for no other.
            rules=rules if pooled else replace(rules, second_reader_share=0.0),
            cases=choice,
            readers=() if pooled else tuple(self._readers(asked["readers"])),
            pooled=pooled,
            follows=asked["follows"] if self.kind in FOLLOWING else None,
            overrides=tuple(self._overrides()),
            seed=self.drawn_seed,
        )

    @staticmethod
    def _readers(accounts: list[int]) -> list[int]:
        """Who is chosen stands on the page by account: whoever has never read becomes a reader by being planned."""
        users = User.objects.in_bulk(accounts)
        return [reader_of(users[key]).pk for key in accounts if key in users]

    def _overrides(self) -> list[Override]:
        found = []
        for key in self.data:
            match = _OVERRIDE.match(key)
            reason = self.data[key].replace("\x00", "").strip()
            if match and reason:
                found.append(Override(int(match[1]), reason, int(match[2]) if match[2] else None))
        return found

    def reasons(self) -> dict[tuple[int, int | None], str]:
        """(reader, case or None for all) -> the reason that was typed."""
        return {(one.reader, one.case): one.reason for one in self._overrides()}


def _rule_field(kind: RoundKind, name: str, value: Any) -> forms.Field:
    hint = _HINTS.get((kind, name), "")
    if name in SHARES:
        return forms.IntegerField(min_value=0, max_value=100, initial=_as_posted(name, value), help_text=hint)
    if name == "required_reads":
        wrong = {"min_value": hint, "max_value": hint}
        return forms.IntegerField(min_value=1, max_value=2, initial=value, help_text=hint, error_messages=wrong)
    if name in _NUMBERS:
        return forms.IntegerField(min_value=0, max_value=999, initial=value)
    words = RULE_WORDS[name][1]
    # What a model says comes first where labels are made, nowhere else.
    without = ("shown",) if name == "model" and kind != RoundKind.LABELLING else ()
    choices = [(str(word), text) for word, text in words.items() if word not in without]
    return forms.ChoiceField(choices=choices, initial=str(value))


def _as_posted(name: str, value: Any) -> Any:
    return round(value * 100) if name in SHARES else value


def _offered(kind: RoundKind, follows: Round | None) -> list[User]:
    """Who can be chosen as a reader of such a round, by name."""
    users = User.objects.filter(is_active=True, groups__name__in=[Role.RESIDENT.value, Role.SENIOR.value])
    every = users.distinct().order_by("last_name", "first_name", "username")
    # Residents sit in a panel where labelling is settled; which round it is may be chosen on this very page.
    lenient = follows is None and kind == RoundKind.CONSENSUS
    return [one for one in every if fits(one, RoundKind.LABELLING if lenient else kind, follows)]


def refitted(posted: QueryDict, kind: RoundKind, made_for: Round | None, follows: Round | None) -> QueryDict | None:
    """What was posted, made to fit the round that is followed now; None where it fits.

    `made_for` is the round that the rules on the page were made for. A rule that begins with something else where
    `follows` is followed begins anew, and whoever was offered for the former and cannot read here is taken out.
    """
    if follows is None or follows == made_for:
        return None
    before, now = defaults_for(kind, made_for), defaults_for(kind, follows)
    anew = posted.copy()
    for name in _ASKED[kind]:
        if (value := getattr(now, name)) != getattr(before, name):
            anew[f"rule_{name}"] = str(_as_posted(name, value))
    fitting = {str(one.pk) for one in _offered(kind, follows)}
    gone = {str(one.pk) for one in _offered(kind, made_for)} - fitting
    anew.setlist("readers", [key for key in posted.getlist("readers") if key not in gone])
    same = all(anew.getlist(key) == posted.getlist(key) for key in {*anew, *posted})
    return None if same else anew


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", text) if word]


def _roles(user: User) -> str:
    return ", ".join(sorted(role.label for role in roles_of(user)))


def initial_of(plan: Plan) -> dict[str, Any]:
    """What the form shows of a round that is planned already."""
    rules = {
        f"rule_{name}": _as_posted(name, getattr(plan.rules, name))
        for name in _ASKED[plan.kind]
        # 0 because readers are assigned is nobody's wish for a pool.
        if plan.pooled or name != "second_reader_share"
    }
    return {
        **rules,
        "name": plan.name,
        "way": "pool" if plan.pooled else "assigned",
        "source": "names",
        "names": "\n".join(plan.cases.names or ()),
        "readers": list(Reader.objects.filter(pk__in=plan.readers).values_list("user", flat=True)),
        "follows": plan.follows or "",
    }
