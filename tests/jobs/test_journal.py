"""What a worker says is kept in bounds, whatever it says; and a child's output, whatever it prints."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from labeling.jobs.journal import LOG_BYTES, LOG_LINES, MOST_CURVES, MOST_POINTS, STAGE_LENGTH, Journal, cleaned
from labeling.jobs.lines import LONGEST_LINE, CurvePoint, Lines, Said, Turned, message

anything = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(st.text(), st.none() | anything)))
def test_progress_never_goes_back_and_stays_a_share(said: list[tuple[str, float | None]]):
    journal, last = Journal(), 0.0
    for stage, share in said:
        journal.say(stage, share)
        assert last <= journal.share <= 1.0
        assert len(journal.stage) <= STAGE_LENGTH
        last = journal.share


@given(st.lists(st.text(max_size=3000)))
def test_the_log_keeps_its_end_and_no_more(lines: list[str]):
    journal = Journal()
    for line in lines:
        journal.log(line)
    tail = journal.changes().get("log_tail", "")
    assert len(tail.encode()) <= LOG_BYTES
    assert len(tail.splitlines()) <= LOG_LINES
    assert "\x00" not in tail
    if lines:
        assert tail.endswith(cleaned(lines[-1], 1000))


def test_a_million_lines_leave_the_last_two_hundred():
    journal = Journal()
    for number in range(10_000):
        journal.log(f"line {number}")
    kept = journal.changes()["log_tail"].splitlines()
    assert (len(kept), kept[0], kept[-1]) == (200, "line 9800", "line 9999")


def test_the_next_attempt_goes_on_with_the_log_and_the_curves_of_the_last():
    journal = Journal("first\nsecond", {"loss": [[0, 1.0], [1, 0.8], [2, 0.7]]})
    journal.log("third")
    journal.curve("loss", 1, 0.75)  # it resumes from a checkpoint at epoch 1
    journal.curve("loss", 2, 0.6)
    assert journal.changes() == {
        "curves": {"loss": [[0, 1.0], [1, 0.75], [2, 0.6]]},
        "log_tail": "first\nsecond\nthird",
    }


@given(st.lists(st.tuples(st.text(), anything, st.none() | anything)))
def test_curves_are_numbers_that_a_database_takes_and_run_forward(points: list[tuple[str, float, float | None]]):
    journal = Journal()
    for name, x, y in points:
        journal.curve(name, x, y)
    curves = journal.changes().get("curves", {})
    json.dumps(curves, allow_nan=False)
    assert len(curves) <= MOST_CURVES
    for drawn in curves.values():
        places = [x for x, _ in drawn]
        assert places == sorted(set(places))


def test_a_curve_of_many_points_is_thinned_and_keeps_its_ends():
    journal = Journal()
    for x in range(3 * MOST_POINTS):
        journal.curve("loss", x, 1.0)
    points = journal.changes()["curves"]["loss"]
    assert len(points) <= MOST_POINTS
    assert (points[0][0], points[-1][0]) == (0, 3 * MOST_POINTS - 1)


def test_what_did_not_reach_the_row_comes_again():
    journal = Journal()
    journal.say("Training", 0.5)
    journal.log("epoch 1")
    lost = journal.changes()
    assert journal.changes() == {}
    journal.not_written(lost)
    journal.say("Training", 0.6)
    assert journal.changes() == {"stage": "Training", "progress": 0.6, "log_tail": "epoch 1"}


@given(st.text())
def test_cleaned_text_is_one_line_that_can_be_stored_and_cleaning_again_changes_nothing(text: str):
    once = cleaned(text, 50)
    assert len(once) <= 50
    assert once.isprintable()
    assert cleaned(once, 50) == once
    once.encode()


@given(st.lists(st.binary(max_size=200)), st.lists(st.integers(1, 50), min_size=1))
def test_lines_are_the_same_however_the_bytes_arrive(parts: list[bytes], sizes: list[int]):
    data = b"\n".join(parts)
    whole = Lines()
    expected = [*whole.feed(data), *whole.end()]
    pieces, found, at, turn = Lines(), [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += pieces.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert [*found, *pieces.end()] == expected


def test_of_a_line_without_an_end_only_the_beginning_is_kept():
    lines = Lines()
    found: list[str] = []
    for _ in range(100):
        found += lines.feed(b"x" * 10_000)
    found += lines.feed(b"tail\nnext\n")
    assert [len(line) for line in found] == [LONGEST_LINE, 4]
    assert found[1] == "next"


def test_a_progress_bar_is_many_short_lines():
    assert Lines().feed(b"\r 10%\r 20%\r 30%\n") == [" 10%", " 20%", " 30%"]


@given(st.text())
def test_any_line_is_a_message_or_none(line: str):
    message(line)
    message("{" + line + "}")


@given(st.recursive(st.none() | st.booleans() | anything | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_messages_of_other_shapes_are_lines_of_the_log(value: object):
    assert message(json.dumps({"stage": 3, "curve": value, "refused": value})) is None
    said = message(json.dumps({"stage": "Training", "share": value}))
    assert isinstance(said, Said)
    assert said.share is None or isinstance(said.share, float)


def test_the_three_messages():
    assert message('{"stage": "Predicting", "share": 0.25}') == Said("Predicting", 0.25)
    assert message('{"stage": "Predicting"}') == Said("Predicting", None)
    assert message('{"stage": "Predicting", "share": 1' + "0" * 400 + "}") == Said("Predicting", None)
    assert message('{"curve": "train loss", "x": 3, "y": -0.5}') == CurvePoint("train loss", 3.0, -0.5)
    point = message('{"curve": "train loss", "x": 3, "y": NaN}')
    assert isinstance(point, CurvePoint)
    assert point.y is not None
    assert math.isnan(point.y)
    assert message('{"refused": "empty", "sentence": "The mask is empty."}') == Turned("empty", "The mask is empty.")
    assert message("[" * 100_000) is None
    assert message("{" + '"a":{' * 100_000) is None
