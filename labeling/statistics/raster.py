"""SVG figures as PNG, for those who paste them into a slide."""

from pathlib import Path
from xml.etree import ElementTree

import typst

# Inter, the face of every page, as TrueType: the browser's WOFF2 cannot be read here.
FONTS = Path(__file__).with_name("fonts")
POINTS_PER_PIXEL = 0.75
_PAGE = """
#set page(width: auto, height: auto, margin: 0pt, fill: white)
#image(bytes(sys.inputs.figure), format: "svg", width: float(sys.inputs.width) * 1pt)
"""


def raster(svg: str, ppi: float = 192) -> bytes:
    """The figure as PNG bytes on white; one SVG pixel is 1/96 inch, so 192 ppi gives two image pixels for each.

    Raises:
        ValueError: text that is no SVG with a viewBox, or a resolution that is not positive.
    """
    if not ppi > 0:
        raise ValueError(f"The resolution is {ppi:g} ppi. Give a positive one, such as 192.")
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[FONTS])
    inputs = {"figure": svg, "width": str(_width(svg) * POINTS_PER_PIXEL)}
    made = typst.compile(_PAGE.encode(), font_paths=fonts, format="png", ppi=ppi, sys_inputs=inputs)
    if not isinstance(made, bytes):
        raise ValueError("The figure filled more than one page. Draw it as one SVG with one viewBox.")
    return made


def _width(svg: str) -> float:
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise ValueError(f"The figure is no SVG ({error}). Draw it again.") from None
    numbers = (root.get("viewBox") or "").replace(",", " ").split()
    if len(numbers) != 4 or not float(numbers[2]) > 0:
        raise ValueError("The figure has no viewBox of four numbers, so its size is unknown. Give it one.")
    return float(numbers[2])
