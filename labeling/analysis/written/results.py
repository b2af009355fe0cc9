"""The results of a written report: Table 1, agreement, curves, segmentation, the report, and how people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling.analysis.written.asking import AGREEMENT, CURVES, READING, REPORT, TABLE_ONE, Answers
from labeling.analysis.written.figures import curves_of, heat_of, matrix_figure
from labeling.analysis.written.pieces import Address, Block, Cell, Table, Text, rate_cell, value_cell
from labeling.statistics.estimate_words import Printed, coefficient, percent

__all__ = [
    "agreement_blocks",
    "curve_blocks",
    "reading_blocks",
    "report_blocks",
    "segmentation_blocks",
    "table_one_blocks",
]

Json = Mapping[str, Any]
NOT_THERE = "These numbers could not be computed."


def _page(name: str, scope: str, **more: str) -> Address:
    return Address(name, (("on", scope), *more.items()))


def _nothing(answers: Answers, key: str) -> list[Block]:
    return [Text(answers.why_not(key) or NOT_THERE)]


def table_one_blocks(answers: Answers) -> list[Block]:
    """Patients, acquisition and vertebrae of each split."""
    answer = answers.answer(TABLE_ONE)
    if answer is None:
        return _nothing(answers, TABLE_ONE)
    if not answers.scope.cases:
        return [Text(" ".join(answer["notes"]))]
    table, titles = answer["table"], answer["titles"]
    to = _page("cohort-table", answers.scope.key)
    splits = table["splits"]

    def last(cell: Cell | str) -> list[Any]:
        """The column of tests: nothing is compared where there is one split."""
        return [cell] if len(splits) > 1 else []

    rows: list[tuple[Cell, ...]] = [
        (Cell(title), *(Cell(f"{table['sizes'][split][what]:,}", to=to) for split in splits), *last(Cell("")))
        for what, title in (("patients", "Patients"), ("cases", "Cases"))
    ]
    for section in table["sections"]:
        rows.append((Cell(section["title"]),))
        for row in section["rows"]:
            cells = []
            for split in splits:
                cell = row["cells"][split]
                below = [cell["median"]] if cell["median"] != cell["mean"] else []
                below += [f"{cell['missing']:,} missing"] if cell["missing"] else []
                cells.append(Cell(cell["mean"], " · ".join(below), to))
            tested = row["comparison"] or {}
            p = tested.get("p_text", "") if tested.get("p") is not None else ""
            rows.append((Cell(row["title"]), *cells, *last(Cell(p, tested.get("test", "") if p else ""))))
    found = Table(
        "Patients, examinations and vertebrae",
        ("", *(titles[split] for split in splits), *last("P")),
        tuple(rows),
        (1.5, *(1.25 for _ in splits), 1.1)[: 1 + len(splits) + len(last(""))],
        (*table["notes"], *answer["notes"]),
        to,
    )
    return [found]


# --- agreement --------------------------------------------------------------------------------------------------------


def agreement_blocks(answers: Answers) -> list[Block]:
    """Every pair of readers, all together, and each with themselves."""
    answer = answers.answer(AGREEMENT)
    if answer is None:
        return _nothing(answers, AGREEMENT)
    if answer["note"]:
        return [Text(answer["note"])]
    scope = answers.scope.key
    labels = {one["key"]: one["label"] for one in answer["readers"]}
    places = {key: place for place, key in enumerate(labels)}
    kappas = {(places[one["a"]], places[one["b"]]): one["agreement"]["fracture"]["kappa"] for one in answer["pairs"]}
    blocks: list[Block] = [
        Text(
            f"Agreement was computed over {answer['vertebrae']:,} vertebrae of {answer['patients']:,} patients of "
            "which at least one reader said something; each pair is compared on the vertebrae that both decide."
        )
    ]
    drawn = matrix_figure(list(labels.values()), kappas, _page("numbers-agreement", scope))
    blocks += [drawn] if drawn else []
    blocks.append(_pairs(answer, labels, scope))
    blocks += [_together(answer, scope)] if answer["together"] else []
    if answer["repeats"]:
        blocks.append(_repeats(answer, scope))
    else:
        blocks.append(Text("Nobody has read a case twice, so agreement of readers with themselves is not known."))
    if answer["left_out"]:
        blocks.append(Text(f"Not in the tables, for want of room: {', '.join(answer['left_out'])}."))
    return blocks


def _pairs(answer: Json, labels: Mapping[str, str], scope: str) -> Table:
    rows = []
    for one in answer["pairs"]:
        a, b, found = one["a"], one["b"], one["agreement"]
        page = _page("numbers-agreement", scope, a=a, b=b)
        behind = Address("numbers-cases", (("on", scope), ("reader", a), ("against", b), ("cell", "differ")))
        compared, differ = found["counts"]["compared"], found["counts"]["discordant"]
        fracture = found["fracture"]
        cells = [
            Cell(f"{compared:,}", f"{differ:,} differ", behind),
            _heated(fracture["kappa"], page),
            value_cell(fracture["ac1"], page),
            Cell(percent(fracture["positive"]).value, percent(fracture["negative"]).value, page),
            Cell(coefficient(fracture["prevalence_index"]).value, coefficient(fracture["bias_index"]).value, page),
            value_cell(found["ao"]["weighted_kappa"], page),
        ]
        rows.append((Cell(labels[a], labels[b]), *cells))
    weights = answer["weights"]
    told = "; ".join(
        f"{name}: {' '.join(f'{value:g}' for value in row)}"
        for name, row in zip(weights["categories"], weights["rows"], strict=True)
    )
    return Table(
        "Agreement of every pair of readers, per vertebra",
        (
            "Readers",
            "Compared",
            "Kappa",
            "Gwet AC1",
            "Pos. / neg. agreement",
            "Prev. / bias index",
            "Weighted kappa, AO",
        ),
        tuple(rows),
        (1.5, 0.9, 1.15, 1.15, 1.05, 0.9, 1.15),
        (
            "Below kappa, AC1 and weighted kappa their 95 % intervals (bootstrap by patient). Prevalence and bias "
            "index are signed.",
            f"Weights of agreement ({', '.join(weights['categories'])}): {told}. {weights['why']}",
        ),
        _page("numbers-agreement", scope),
    )


def _heated(estimate: Json, to: Address) -> Cell:
    printed = coefficient(estimate)
    return Cell(printed.value, printed.interval, to, heat_of(estimate))


def _together(answer: Json, scope: str) -> Table:
    page = _page("numbers-agreement", scope)
    rows: list[tuple[Cell, ...]] = []
    names = (("fracture", "Fracture or negative"), ("ao_nominal", "AO type"), ("ao_weighted", "AO type, weighted"))
    for group in answer["together"]:
        rows.append((Cell(f"{group['title']}: {', '.join(group['readers'])}"),))
        for key, words in names:
            one = group["reliability"][key]
            ac2 = value_cell(one["ac2"], page) if one["ac2"] else Cell("–")
            shown = [value_cell(one[name], page) for name in ("alpha", "fleiss_kappa", "ac1")]
            rows.append((Cell(words), Cell(f"{one['compared']:,}", to=page), *shown, ac2))
    return Table(
        "All readers together",
        ("", "Vertebrae", "Krippendorff's alpha", "Fleiss' kappa", "Gwet AC1", "Gwet AC2"),
        tuple(rows),
        (1.5, 0.8, 1.1, 1.1, 1.1, 1.1),
        to=page,
    )


def _repeats(answer: Json, scope: str) -> Table:
    rows = []
    for one in answer["repeats"]:
        found = one["agreement"]
        page = _page("numbers-agreement", scope, a=one["reader"], b=one["again"])
        counts = Cell(f"{found['counts']['compared']:,}", f"{found['counts']['discordant']:,} differ", page)
        shown = (value_cell(found["fracture"]["kappa"], page), value_cell(found["ao"]["weighted_kappa"], page))
        rows.append((Cell(one["label"], one["round"]), counts, *shown))
    head = ("Reader, repeat round", "Compared", "Kappa", "Weighted kappa, AO")
    return Table(
        "Readers with themselves", head, tuple(rows), (2.0, 1.0, 1.2, 1.2), to=_page("numbers-agreement", scope)
    )


# --- curves -----------------------------------------------------------------------------------------------------------


def curve_blocks(answers: Answers) -> list[Block]:
    """Scores of models: areas, curves, calibration, the threshold."""
    answer = answers.answer(CURVES)
    if answer is None:
        return _nothing(answers, CURVES)
    if answer["note"]:
        return [Text(answer["note"])]
    scope = answers.scope.key
    rows = []
    for one in answer["curves"]:
        found, page = one["curve"], _page("numbers-curves", scope, reader=one["key"])
        counts = Cell(f"{found['positives']:,} of {found['positives'] + found['negatives']:,}", to=page)
        star = " *" if one["incorporated"] else ""
        areas = (value_cell(found["auc"], page, 3), value_cell(found["average_precision"], page, 3))
        rows.append((Cell(f"{one['label']}{star}"), *areas, counts, Cell(f"{found['left_out']:,}", to=page)))
    page = _page("numbers-curves", scope, reader=answer["reader"]["key"])
    stars = [f"* {one['label']}: {one['incorporated']}" for one in answer["curves"] if one["incorporated"]]
    areas_table = Table(
        "Areas under the curves of models, per vertebra",
        ("Model", "Area under the ROC", "Average precision", "Fractures", "Left out"),
        tuple(rows),
        (1.6, 1.2, 1.2, 1.0, 0.8),
        (*stars, "Left out: without a score, or neither fracture nor negative in the reference."),
        page,
    )
    return [areas_table, *curves_of(answer, page), *_calibration(answer, page), _threshold(answer, page)]


def _calibration(answer: Json, page: Address) -> list[Block]:
    found, label = answer["calibration"], answer["reader"]["label"]
    if found is None:
        return [Text(answer["calibration_note"], f"Calibration of {label}.")]
    names = (
        ("slope", "Slope (1 where scores are neither too bold nor too timid)"),
        ("intercept", "Intercept (0 where scores are right on average)"),
        ("brier", "Brier score"),
        ("expected_error", "Expected calibration error"),
    )
    rows = tuple((Cell(words), value_cell(found[name], page, 3)) for name, words in names)
    return [Table(f"Calibration of {label}", ("", "Value"), rows, (2.6, 1.0), to=page)]


def _threshold(answer: Json, page: Address) -> Text:
    found = answer["threshold"]
    head, label = "Threshold.", answer["reader"]["label"]
    if found is None or found["value"] is None:
        return Text(found["note"] if found else "No threshold was chosen.", head, page)
    origin = found["origin"]
    said = [
        f"A score of {found['value']:.3f} was chosen for {label} on the {origin['title'].lower()} alone "
        f"({origin['cases']:,} cases of {origin['patients']:,} patients, data {origin['data_version'][:8]}) by the "
        f"rule: {found['rule']}.",
        origin["incorporated"],
    ]
    if found["here"] is not None:
        rates = found["here"]["table"]["rates"]
        told = [f"{name} {_in_line(percent(rates[name]))}" for name in ("sensitivity", "specificity")]
        said.append(f"On the cases of this report it gives {' and '.join(told)}.")
    return Text(" ".join(filter(None, [*said, found["here_note"]])), head, page)


def _in_line(printed: Printed) -> str:
    return f"{printed.value} ({printed.interval})" if printed.interval else printed.value


# --- segmentation, report, reading ------------------------------------------------------------------------------------


def segmentation_blocks(answers: Answers) -> list[Block]:
    """Vertebrae segmented and named, as the paper counts them."""
    found = next((one for column in answers.readers if (one := answers.accuracy_of(column.key))), None)
    told = found["segmentation"] if found else None
    if told is None:
        return [Text("Without a reference there is no confirmed anatomy to hold the segmentation against.")]
    if told["numbers"] is None:
        return [Text(told["note"])]
    page = _page("numbers", answers.scope.key)
    names = (
        ("segmented", "Vertebrae segmented"),
        ("named_right", "Of those, named right"),
        ("cases_segmented", "Cases segmented throughout"),
        ("cases_right", "Cases segmented and named right"),
    )
    rows = tuple((Cell(words), rate_cell(told["numbers"][name], page)) for name, words in names)
    sources = ", ".join(f"{one['label']} ({one['cases']:,} cases)" for one in told["sources"])
    note = (
        f"Of {told['cases']:,} cases with a confirmed anatomy. Made by: {sources}. Set aside: {told['cut']:,} "
        f"vertebrae cut at the edge; {told['unchecked']:,} cases that nobody confirmed; "
        f"{told['by_hand']:,} cases placed by hand."
    )
    return [Table("Segmentation against the confirmed anatomy", ("", "Rate"), rows, (2.0, 1.4), (note,), page)]


def report_blocks(answers: Answers) -> list[Block]:
    """How many fractures of the reference no report names."""
    answer = answers.answer(REPORT)
    if answer is None:
        return _nothing(answers, REPORT)
    if answer["note"]:
        # The page lists the cases that wait; the written report has no list to point at.
        return [Text(answer["note"].replace("Open the cases below, and", "Open the page of reports, and"))]
    scope = answers.scope.key
    page = _page("numbers-report", scope)
    rows: list[tuple[Cell, ...]] = [
        (Cell("Per vertebra"), rate_cell(answer["vertebra"], page)),
        (Cell("Per case"), rate_cell(answer["case"], page)),
        (Cell("By AO type"),),
        *((Cell(one["name"]), rate_cell(one["rate"], page)) for one in answer["types"]),
    ]
    extra = answer["extra"]
    note = (
        f"{answer['cases']:,} cases with both; {len(answer['unread']):,} more have a reference and no confirmed "
        "report. A vertebra of which the report says nothing counts as not reported. "
        f"The reports alone call {extra:,} fracture{'' if extra == 1 else 's'} that the reference calls negative."
    )
    title = "Fractures of the reference that the clinical report does not name"
    return [Table(title, ("", "Not reported"), tuple(rows), (2.0, 1.4), (note,), page)]


_CHANGES = (
    ("changed", "Changed after the reveal"),
    ("toward", "of the changed, to the model's verdict"),
    ("away", "of the changed, away from it"),
    ("made_right", "of the changed, made right"),
    ("made_wrong", "of the changed, made wrong"),
    ("followed_wrong", "Was right, model wrong, and followed it"),
    ("right_before", "Right before the reveal"),
    ("right_after", "Right after it"),
)
_COMPARED = (
    ("agreement_with_model", "Agreement with the model"),
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
)


def reading_blocks(answers: Answers) -> list[Block]:
    """Automation bias, and speed and accuracy by position in a session."""
    answer = answers.answer(READING)
    if answer is None:
        return _nothing(answers, READING)
    if answer["note"]:
        return [Text(answer["note"])]
    page = _page("numbers-reading", answers.scope.key, reader=answers.reader)
    blocks: list[Block] = []
    bias = answer["bias"]
    if bias is None:
        blocks.append(Text(answer["bias_note"], "Automation bias."))
    else:
        rows = tuple((Cell(words), rate_cell(bias[name], page)) for name, words in _CHANGES)
        note = (
            f"{answer['revealed']:,} reads were made before the model was revealed, {answer['shown_first']:,} with the "
            f"model shown first, {answer['hidden']:,} with the model hidden by draw."
        )
        blocks.append(Table("What the reveal of the model changed", ("", "Vertebrae"), rows, (2.0, 1.4), (note,), page))
        compared = tuple(
            (Cell(words), *(rate_cell(bias[name][which], page) for which in ("shown", "hidden", "difference")))
            for name, words in _COMPARED
        )
        head = ("", "Model shown", "Model hidden", "Difference")
        blocks.append(Table("Reads with the model and without", head, compared, (1.6, 1.2, 1.2, 1.2), to=page))
    sessions = answer["sessions"]
    bins = [one for one in sessions["bins"] if one["cases"]] if sessions else []
    if not bins:
        return [*blocks, Text("No session of reading has a time yet.", "Sessions.")]
    positions = tuple(
        (
            Cell(one["title"]),
            Cell(f"{one['cases']:,}", to=page),
            value_cell(one["seconds"], page, 0),
            rate_cell(one["accuracy"], page),
        )
        for one in bins
    )
    names = (("speed_trend", "seconds"), ("accuracy_trend", "accuracy"))
    known = [(words, percent(sessions[name])) for name, words in names if sessions[name]["value"] is not None]
    told = ", ".join(f"{words} {_in_line(printed)}" for words, printed in known)
    pause = "A pause of 30 minutes ends a session."
    note = f"Change with each further case of a session, within readers: {told}. {pause}" if told else pause
    head = ("Case of the session", "Cases", "Median seconds", "Vertebrae right")
    return [
        *blocks,
        Table("Speed and accuracy by position in a session", head, positions, (1.4, 0.8, 1.2, 1.5), (note,), page),
    ]
