"""What a reader is told of an acquisition, in words and with units; what was not given is left out."""

from labeling.models import Case, Stack


def facts_of(case: Case, stack: Stack) -> list[dict[str, str]]:
    """[{"label", "value"}, …] for the side panel of the room."""
    rows = [
        (
            "Read as",
            f"{stack.slices_count} slices, {stack.column_spacing:.2f} × {stack.row_spacing:.2f} × "
            f"{stack.slice_spacing:.1f} mm, {'as sent' if stack.origin == 'native' else 'derived'}",
        ),
        ("Kernel", case.kernel),
        ("Scanner", " ".join(filter(None, (case.manufacturer, case.scanner)))),
        ("Acquired", _acquired(case)),
        ("DLP", "" if case.dlp is None else f"{case.dlp:.0f} mGy cm, {case.get_dlp_source_display()}"),
        ("Collimation", "" if case.collimation_mm is None else f"{case.collimation_mm:g} mm"),
        ("Slice thickness", "" if case.slice_thickness is None else f"{case.slice_thickness:g} mm"),
        ("Matrix", f"{case.source_rows} × {case.source_columns}" if case.source_rows and case.source_columns else ""),
        ("Contrast agent", _contrast(case)),
    ]
    return [{"label": label, "value": value} for label, value in rows if value]


def _acquired(case: Case) -> str:
    numbers = ((case.kv, "{:.0f} kV"), (case.mas, "{:.0f} mAs"), (case.ctdivol, "CTDIvol {:.1f} mGy"))
    return ", ".join(text.format(value) for value, text in numbers if value is not None)


def _contrast(case: Case) -> str:
    if case.contrast is None:
        return ""
    return case.contrast_agent or ("given" if case.contrast else "none")
