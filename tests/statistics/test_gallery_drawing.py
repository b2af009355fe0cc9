"""Pictures as one figure: lettered, measured, and drawn by those who print it."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from labeling.imaging.body_crops import png
from labeling.statistics.gallery_drawing import Panel, gallery_figure, letter
from labeling.statistics.raster import raster

WHITE = png(np.full((240, 240), 255, np.uint8))


def test_panels_are_lettered_as_papers_do() -> None:
    assert [letter(place) for place in (0, 1, 25, 26, 27, 52)] == ["a", "b", "z", "aa", "ab", "ba"]


def test_a_figure_stands_alone_and_says_what_it_shows() -> None:
    panels = [Panel(WHITE, "L1", ("A1 <in the reference>", "negative")), Panel(None, "T12", ("A3",))]
    svg = gallery_figure("misses", "Misses", "Two misses.", panels, 72.0)
    root = ElementTree.fromstring(svg)
    words = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words == ["a", "L1", "10 mm", "A1 <in the reference>", "negative", "b", "T12", "A3"]
    assert svg == gallery_figure("misses", "Misses", "Two misses.", panels, 72.0)


def test_a_printer_draws_the_picture_inside_it() -> None:
    svg = gallery_figure("misses", "Misses", "One miss.", [Panel(WHITE, "L1", ())], 72.0)
    drawn = np.asarray(Image.open(io.BytesIO(raster(svg, 96))).convert("L"))
    # The middle of the picture is white, its black ground is covered.
    assert drawn[24 + 26 + 120, 24 + 120] == 255
    assert (drawn[24 + 26 + 2 : 24 + 26 + 200, 26 : 24 + 238] > 250).all()


def test_no_pictures_are_an_empty_figure() -> None:
    assert ElementTree.fromstring(gallery_figure("misses", "Misses", "None.", [], 72.0)).tag.endswith("svg")
