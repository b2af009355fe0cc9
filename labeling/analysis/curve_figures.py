"""The answer about scores as figures: ROC, precision-recall and calibration, as SVG for the page and for files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from labeling.statistics.charts import Dot, Line, Strip, corner_of, plot, precision_recall, reliability, roc
from labeling.statistics.drawing import TONES
from labeling.statistics.estimate_words import coefficient, percent

__all__ = ["FIGURES", "Opens", "figure"]

Json = Mapping[str, Any]
#: Key of a reader -> the address of what is behind their point.
Opens = Callable[[str], str]

#: Name of a figure in an address and a file, and its title.
FIGURES: Final = {"roc": "ROC", "precision-recall": "Precision and recall", "calibration": "Calibration"}
#: Beyond this many readers, crosses of intervals hide each other; the table has them all.
MOST_CROSSES: Final = 6
_TONES: Final = tuple(TONES)

_SHAPES: Final = {
    "person": ("disc", "person"),
    "report": ("triangle", "report"),
    "model": ("ring", "model as it called"),
}


def figure(name: str, answer: Json, opens: Opens | None = None, *, cut: bool = False) -> str:
    """A figure of `FIGURES` as SVG, '' where the answer has nothing to draw. cut: the axes of a ROC near its readers.

    opens: where points lead; None in a file, which lies anywhere.
    """
    if not answer["curves"] or answer["curves"][0]["curve"]["note"]:
        return ""
    drawn: dict[str, Callable[[], str]] = {
        "roc": lambda: _roc(answer, opens, cut),
        "precision-recall": lambda: _precision(answer, opens),
        "calibration": lambda: _calibration(answer),
    }
    return drawn[name]()


def _roc(answer: Json, opens: Opens | None, cut: bool) -> str:
    lines = []
    for place, one in enumerate(_drawn(answer)):
        found = one["curve"]
        points = tuple(zip(found["fpr"], found["tpr"], strict=True))
        band = tuple(zip(found["grid"], found["tpr_low"], found["tpr_high"], strict=False)) if not place else ()
        lines.append(Line(f"{one['label']}, area {_short(found['auc'])}", points, _TONES[place], band))
    dots = _dots(answer, opens, "sensitivity", lambda rates: rates["specificity"], turned=True)
    corner = corner_of((dot.x, dot.y) for dot in dots) if cut else None
    words = "Sensitivity over 1 minus specificity. " + _spoken(answer, "auc", "area under the curve")
    return plot(roc("roc", f"ROC of {_names(answer)}", words, lines, dots, corner))


def _precision(answer: Json, opens: Opens | None) -> str:
    lines = []
    for place, one in enumerate(_drawn(answer)):
        found = one["curve"]
        # At a recall of 0 nothing was called yet: precision there is that of the first call, which says little.
        points = tuple(zip(found["recall"], found["precision"], strict=True))[1:]
        band = tuple(zip(found["recall"], found["precision_low"], found["precision_high"], strict=False))[1:]
        name = f"{one['label']}, average precision {_short(found['average_precision'])}"
        lines.append(Line(name, points, _TONES[place], band if not place else ()))
    dots = _dots(answer, opens, "ppv", lambda rates: rates["sensitivity"])
    share = answer["curves"][0]["curve"]["share"]
    words = "Positive predictive value over sensitivity. " + _spoken(answer, "average_precision", "average precision")
    return plot(precision_recall("precision", f"Precision and recall of {_names(answer)}", words, lines, dots, share))


def _calibration(answer: Json) -> str:
    found = answer["calibration"]
    if found is None:
        return ""
    dots, cells, told = [], [], []
    for one in found["bins"]:
        share = one["fractured"]
        middle = (one["low"] + one["high"]) / 2
        cells.append((middle, f"{share['denominator']:,}"))
        if share["value"] is None:
            continue
        printed = percent(share)
        words = (
            f"Scores {one['low']:.1f} to {one['high']:.1f}, {one['mean_score']:.2f} on average: "
            f"{printed.value} fractured, {printed.of}"
        )
        told.append(words)
        bounds = (share["low"], share["high"]) if share["low"] is not None else None
        dots.append(Dot(one["mean_score"], share["value"], words=words, tone="accent", y_bounds=bounds))
    label = answer["reader"]["label"]
    strip = Strip("in bin", tuple(cells))
    return plot(reliability("calibration", f"Calibration of {label}", ". ".join(told) + ".", dots, strip))


def _drawn(answer: Json) -> list[Json]:
    return [one for one in answer["curves"] if not one["curve"]["note"]]


def _dots(
    answer: Json, opens: Opens | None, y: str, across: Callable[[Json], Json], *, turned: bool = False
) -> list[Dot]:
    """Readers, then the threshold; turned: 1 - x."""

    def at(value: float) -> float:
        return 1 - value if turned else value

    tones = {one["key"]: _TONES[place] for place, one in enumerate(_drawn(answer))}
    known = [one for one in answer["points"] if _has(one["table"]["rates"], y) and _has(one["table"]["rates"], across)]
    dots = []
    for one in known:
        rates = one["table"]["rates"]
        up, x = rates[y], across(rates)
        shape, kind = _SHAPES[one["kind"]]
        if one["kind"] == "person" and one["incorporated"]:
            shape, kind = "circle", "person, took part in the reference"
        crossed = len(known) <= MOST_CROSSES and None not in (up["low"], x["low"])
        dots.append(
            Dot(
                at(x["value"]),
                up["value"],
                # A model that is a line has its name in the legend.
                "" if one["key"] in tones else one["label"],
                _of_reader(one),
                opens(one["key"]) if opens else "",
                shape,
                tones.get(one["key"], "ink"),
                kind,
                x_bounds=tuple(sorted((at(x["low"]), at(x["high"])))) if crossed else None,  # type: ignore[arg-type]
                y_bounds=(up["low"], up["high"]) if crossed else None,
            )
        )
    here = answer["threshold"]["here"] if answer["threshold"] else None
    rates = here["table"]["rates"] if here else {}
    if here and _has(rates, y) and _has(rates, across):
        label = f"threshold {here['threshold']:.2f}"
        words = f"{answer['reader']['label']}, {label}: {_rates_in_words(rates)}"
        kind = "threshold chosen on validation"
        dots.append(Dot(at(across(rates)["value"]), rates[y]["value"], label, words, "", "diamond", "accent", kind))
    return dots


def _has(rates: Json, which: str | Callable[[Json], Json]) -> bool:
    if not rates:
        return False
    estimate = rates[which] if isinstance(which, str) else which(rates)
    return estimate["value"] is not None


def _of_reader(one: Json) -> str:
    return f"{one['label']}: {_rates_in_words(one['table']['rates'])}"


def _rates_in_words(rates: Json) -> str:
    names = (("sensitivity", "sensitivity"), ("specificity", "specificity"), ("ppv", "positive predictive value"))
    return ", ".join(f"{words} {percent(rates[name]).value}" for name, words in names)


def _short(estimate: Json) -> str:
    printed = coefficient(estimate)
    return f"{printed.value} ({printed.interval})" if printed.interval else printed.value


def _names(answer: Json) -> str:
    return ", ".join(one["label"] for one in _drawn(answer))


def _spoken(answer: Json, name: str, words: str) -> str:
    curves = [f"{one['label']}: {words} {_short(one['curve'][name])}" for one in _drawn(answer)]
    return ". ".join([*curves, *(_of_reader(one) for one in answer["points"])]) + "."
