"""The slips of the paper one by one, each computed from its printed figures; `published.check` calls them in order."""

from dataclasses import replace
from math import erfc, log, sqrt

import numpy as np

from labeling.statistics.checked_figures import (
    IMPOSSIBLE,
    RIGHT,
    SHAKY,
    TRUNCATED,
    UNARGUED,
    WRONG,
    Checked,
    fitting,
    kappa_of,
    nearest,
    prints,
    rate_checked,
)
from labeling.statistics.printed_figures import Paper, Readers
from labeling.statistics.summaries import pearson


def collective(paper: Paper) -> tuple[Checked, ...]:
    total = paper.women + paper.men
    printed = f"{paper.women} + {paper.men} of {paper.cases}"
    if total == paper.cases:
        return (Checked("collective", 1, "Results", "Women and men", printed, str(total), RIGHT),)
    men = paper.cases - paper.women
    why = f"{paper.women} women + {paper.men} men = {total}, not {paper.cases}."
    if men > 0:
        share, mean, deviation = 100 * paper.women / paper.cases, *_pooled(paper, men)
        (age, its_sd), women = paper.table_one_ages[0], paper.table_one_women[0]
        like = (round(share), round(mean), round(deviation)) == (int(women), age, its_sd)
        why += (
            f" {paper.women} + {men} fits: {share:.0f} % women, mean age {mean:.1f}, SD {deviation:.1f}"
            f"{', all as in Table 1' if like else ''}."
        )
    return (Checked("collective", 1, "Results", "Women and men", printed, str(total), IMPOSSIBLE, why),)


def _pooled(paper: Paper, men: int) -> tuple[float, float]:
    (age_w, sd_w), (age_m, sd_m) = paper.women_age, paper.men_age
    total = paper.women + men
    mean = (paper.women * age_w + men * age_m) / total
    inside = (paper.women - 1) * sd_w**2 + (men - 1) * sd_m**2
    between = paper.women * (age_w - mean) ** 2 + men * (age_m - mean) ** 2
    return mean, sqrt((inside + between) / (total - 1))


def ratio(paper: Paper) -> tuple[Checked, ...]:
    ratio = paper.training_cases / paper.test_cases
    wanted = round(paper.cases / (paper.split_ratio + 1))
    right = wanted == paper.test_cases
    why = f"{paper.training_cases}/{paper.test_cases} is {ratio:.1f} : 1; {paper.split_ratio} : 1 would be {wanted}."
    found = [
        Checked(
            "ratio",
            2,
            "Material and methods",
            "Split of training and test",
            f"{paper.split_ratio} : 1",
            f"{ratio:.1f} : 1",
            RIGHT if right else WRONG,
            "" if right else why,
        )
    ]
    if paper.validation_cases is None:
        why = "The size of the validation set is given nowhere."
        found.append(Checked("validation", 2, "Results", "Validation set", "–", "–", UNARGUED, why))
    return tuple(found)


def women_of_the_test_set(paper: Paper) -> tuple[Checked, ...]:
    printed, n = paper.table_one_women[1], paper.test_cases
    fits = fitting(printed, n)
    given = nearest(printed, n)
    if fits:
        return (Checked("women_test", 3, "Table 1", "Women, test set", f"{printed} %", given, RIGHT),)
    why = f"No count of women out of {n} gives {printed} %: {given}."
    if paper.gender_p == "-":
        p = _p_of_share(
            paper.women - round(int(printed) * n / 100), paper.training_cases, round(int(printed) * n / 100), n
        )
        why += f" The text claims p > 0.05 for sex, where the table prints no p (chi-square gives about {p:.2f})."
    return (Checked("women_test", 3, "Table 1", "Women, test set", f"{printed} %", given, IMPOSSIBLE, why),)


def _p_of_share(k: int, n: int, other_k: int, other_n: int) -> float:
    return erfc(sqrt(_chi_square(k, n, other_k, other_n) / 2))


def _chi_square(k: int, n: int, other_k: int, other_n: int) -> float:
    return pearson(np.array([[k, n - k], [other_k, other_n - other_k]]))[0]


def types(paper: Paper) -> tuple[Checked, ...]:
    total, training = sum(paper.test_types.values()), sum(paper.training_types.values())
    found = []
    for where, shares, types, n in (
        ("Table 1, training", paper.training_shares, paper.training_types, training),
        ("Table 1, test", paper.table_one_shares, paper.test_types, total),
        ("Results, test", paper.text_shares, paper.test_types, total),
    ):
        for name, printed in shares.items():
            key = f"{where.split(',')[0].split()[0].lower()}_{where.split()[-1]}_{name.lower()}"
            found.append(rate_checked(key, 4, where, f"Type {name}", printed, types[name], n))
    whole = sum(int(share) for share in paper.table_one_shares.values())
    exact = ", ".join(f"{name} {100 * k / total:.1f} %" for name, k in paper.test_types.items() if k)
    found.append(
        Checked(
            "types_sum",
            4,
            "Table 1, test",
            "Sum of the types",
            f"{whole} %",
            "100 %",
            RIGHT if whole == 100 else WRONG,
            "" if whole == 100 else f"The shares sum to {whole} %; from the counts they are {exact}.",
        )
    )
    found.append(_comparable(paper, training, total))
    return tuple(found)


def _comparable(paper: Paper, training: int, total: int) -> Checked:
    one, other = paper.training_types["A1"], paper.test_types["A1"]
    statistic = _chi_square(one, training, other, total)
    p = erfc(sqrt(statistic / 2))
    given = f"χ² {statistic:.2f}, p {p:.2f}"
    why = (
        f"A1 is {100 * one / training:.0f} % of {training} against {100 * other / total:.0f} % of {total}: {given} "
        "(taken as independent; clustering by patient would weaken it)."
    )
    verdict, why = (WRONG, why) if p < 0.05 else (RIGHT, "")
    return Checked(
        "types_comparable", 4, "Results", "Types of both sets", "remained fit for comparison", given, verdict, why
    )


def discrepancies(paper: Paper) -> tuple[Checked, ...]:
    found = [
        checked
        for key, readers in (("seniors", paper.seniors), ("in_training", paper.in_training))
        for checked in _readers(key, readers, paper.vertebrae)
    ]
    if paper.vertebrae > paper.test_cases:
        why = f"{paper.vertebrae} are the vertebrae; the test set has {paper.test_cases} cases."
        found.append(
            Checked("unit", 5, "Results", "Discrepant “cases”", f"cases of {paper.vertebrae}", "vertebrae", WRONG, why)
        )
    return tuple(found)


def _readers(key: str, readers: Readers, total: int) -> tuple[Checked, Checked]:
    (one, other), different = readers.fractures, readers.discrepant
    least, most = abs(one - other), min(one + other, 2 * total - one - other)
    possible = least <= different <= most and (different - least) % 2 == 0
    what, printed = f"{readers.names[0]} and {readers.names[1]}", f"{one} and {other}, {different} discrepant"
    allowed = f"{least}, {least + 2}, {least + 4} …"
    why = (
        ""
        if possible
        else (
            f"{one} and {other} fractures differ by {least}: the number of discrepant vertebrae is {allowed}, "
            f"never {different}."
        )
    )
    nested = different == least and least > 0
    if nested:
        fewer, more = sorted(zip(readers.fractures, readers.names, strict=True))
        superset = more[1].removesuffix(".")
        why = f"{different} is the least possible: every fracture of {fewer[1]} would also be one of {superset}."
    verdict = IMPOSSIBLE if not possible else SHAKY if nested else RIGHT
    count = Checked(f"{key}_discrepant", 5, "Results", what, printed, allowed, verdict, why)
    kappa = kappa_of(one, other, different, total)
    fits = [d for d in range(least, most + 1, 2) if prints(readers.kappa, kappa_of(one, other, d, total))]
    right = prints(readers.kappa, kappa)
    needs = f"{readers.kappa} needs {' or '.join(map(str, fits))}" if fits else f"no count gives {readers.kappa}"
    why = "" if right else f"With {different} discrepant vertebrae kappa is {kappa:.3f}; {needs}."
    verdict = RIGHT if right else WRONG
    return count, Checked(f"{key}_kappa", 5, "Results", f"Kappa, {what}", readers.kappa, f"{kappa:.3f}", verdict, why)


def specificities_in_training(paper: Paper) -> tuple[Checked, ...]:
    read, segmented = paper.vertebrae - paper.truth, paper.true_negative + paper.false_positive
    found = []
    for n, name in enumerate(paper.in_training.names):
        hits = fitting(paper.in_training_sensitivity[n], paper.truth)
        found.append(_sensitivity_in_training(paper, n, name, hits))
        if not hits:
            continue
        alarms = paper.in_training.fractures[n] - hits[0]
        printed = paper.in_training_specificity[n]
        key = f"specificity_{name.replace('.', '').lower()}"
        checked = rate_checked(key, 6, "Results", f"Specificity, {name}", printed, read - alarms, read)
        if not checked.is_right:
            fewer = rate_checked(key, 6, "Results", "", printed, segmented - alarms, segmented)
            if fewer.verdict in (RIGHT, TRUNCATED):
                cut = "" if fewer.is_right else f" ({100 * (segmented - alarms) / segmented:.2f} %, truncated)"
                why = (
                    f"{printed} % is {segmented - alarms}/{segmented}{cut}, the negatives of the segmented vertebrae, "
                    f"though {name} read all {paper.vertebrae}: {read - alarms}/{read} = "
                    f"{100 * (read - alarms) / read:.1f} %."
                )
                checked = replace(checked, verdict=WRONG, why=why)
        found.append(checked)
    return tuple(found)


def _sensitivity_in_training(paper: Paper, n: int, name: str, hits: tuple[int, ...]) -> Checked:
    printed, what = paper.in_training_sensitivity[n], f"Sensitivity, {name}"
    key = f"sensitivity_{name.replace('.', '').lower()}"
    if hits:
        return Checked(key, None, "Results", what, f"{printed} %", f"{hits[0]}/{paper.truth}", RIGHT)
    why = f"No count out of {paper.truth} gives {printed} %: {nearest(printed, paper.truth)}."
    return Checked(key, None, "Results", what, f"{printed} %", nearest(printed, paper.truth), IMPOSSIBLE, why)


def inferior_specificity(paper: Paper) -> tuple[Checked, ...]:
    own = 100 * paper.true_negative / (paper.true_negative + paper.false_positive)
    readers = dict(zip(paper.in_training.names, (float(text) for text in paper.in_training_specificity), strict=True))
    beaten = [f"{name}’s {value:.1f} %" for name, value in readers.items() if own > value]
    why = f"{own:.2f} % is higher than {' and '.join(beaten)}." if beaten else ""
    what = "Specificity of the model against both readers in training"
    return (
        Checked(
            "inferior", 8, "Discussion", what, "slightly inferior", f"{own:.2f} %", WRONG if beaten else RIGHT, why
        ),
    )


def lost_vertebrae(paper: Paper) -> tuple[Checked, ...]:
    inside, lost = paper.true_positive + paper.false_negative, paper.vertebrae - paper.segmented
    what, printed = (
        "Fractures among the vertebrae not segmented",
        f"{paper.truth} of {paper.truth} in {paper.segmented}",
    )
    if inside > paper.truth:
        why = f"Table 2 holds {inside} fractures, the reference {paper.truth}."
        return (Checked("lost", 9, "Table 2", what, printed, str(paper.truth - inside), IMPOSSIBLE, why),)
    if inside < paper.truth or not lost:
        return (Checked("lost", 9, "Table 2", what, printed, str(paper.truth - inside), RIGHT),)
    two = 100 * paper.true_positive / (paper.truth + 2)
    why = (
        f"All {paper.truth} fractures lie in the {paper.segmented} segmented vertebrae, none in the {lost} lost, which "
        f"is not argued; with two there, sensitivity is {two:.1f} %."
    )
    return (Checked("lost", 9, "Table 2", what, printed, "0", UNARGUED, why),)


def failing_cases(paper: Paper) -> tuple[Checked, ...]:
    fail, lost, shifted = paper.test_cases - paper.correct_cases, paper.vertebrae - paper.segmented, paper.shifted_cases
    inside = lost + shifted - fail
    what, printed = "Cases that fail", f"{fail} ({lost} lost top vertebrae, {shifted} shifted cases)"
    if inside <= 0:
        return (Checked("failing", 10, "Results", what, printed, str(fail), RIGHT),)
    most = min(lost, shifted)
    if inside > most and lost <= fail:
        why = f"{lost} and {shifted} cases cannot be {fail} in all."
        return (Checked("failing", 10, "Results", what, printed, str(fail), IMPOSSIBLE, why),)
    why = (
        f"One lost top vertebra a case makes {lost} cases; with {shifted} shifted, {fail} fail only if {inside} of the "
        f"shifted lie inside the {lost}."
    )
    return (Checked("failing", 10, "Results", what, printed, str(fail), SHAKY, why),)


def slices(paper: Paper) -> tuple[Checked, ...]:
    vertebrae = paper.segmented_training * paper.vertebrae / paper.test_cases
    slice_share = paper.positive_slices / paper.slices
    vertebra_share = paper.fractures / vertebrae
    least = paper.fractures / slice_share / paper.segmented_training
    what = "Share of slices with a fracture"
    given = f"{100 * slice_share:.1f} % of slices, {100 * vertebra_share:.1f} % of vertebrae"
    total = paper.negative_slices + paper.positive_slices
    found = [
        Checked("slices_sum", 11, "Results", "Slices", f"{paper.slices:,}", f"{total:,}", RIGHT)
        if total == paper.slices
        else Checked(
            "slices_sum", 11, "Results", "Slices", f"{paper.slices:,}", f"{total:,}", IMPOSSIBLE, "Classes do not sum."
        )
    ]
    if slice_share <= vertebra_share:
        return (
            *found,
            Checked("slices", 11, "Results", what, f"{paper.positive_slices:,} of {paper.slices:,}", given, RIGHT),
        )
    per_fracture, per_vertebra = paper.positive_slices / paper.fractures, paper.slices / vertebrae
    why = (
        f"{per_fracture:.1f} positive slices a fracture, yet {per_vertebra:.0f} slices a vertebra at "
        f"{vertebrae / paper.segmented_training:.1f} vertebrae a case; the share of slices exceeds that of vertebrae, "
        f"impossible unless a case shows under {least:.1f} vertebrae."
    )
    printed = f"{paper.positive_slices:,} of {paper.slices:,}"
    return (*found, Checked("slices", 11, "Results", what, printed, given, IMPOSSIBLE, why))


def fractures_per_case(paper: Paper) -> tuple[Checked, ...]:
    training, test = paper.fractures / paper.segmented_training, paper.truth / paper.test_cases
    ratio = training / test
    z = log(ratio) / sqrt(1 / paper.fractures + 1 / paper.truth)
    given = f"{training:.2f} against {test:.2f}, ratio {ratio:.2f}, z = {z:.1f}"
    printed = f"{paper.fractures} in {paper.segmented_training}, {paper.truth} in {paper.test_cases}"
    what = "Fractures per case, training and test"
    if abs(z) < 1.96:
        return (Checked("per_case", 12, "Results", what, printed, given, RIGHT),)
    why = (
        f"{given} (Poisson, taken as independent). The split was not random, or the training labels, taken from "
        f"reports, miss about {100 * (1 - ratio):.0f} %."
        if ratio < 1
        else f"{given} (Poisson, taken as independent). The split was not random, or the test labels miss some."
    )
    return (Checked("per_case", 12, "Results", what, printed, given, UNARGUED, why),)


def training(paper: Paper) -> tuple[Checked, ...]:
    fires = paper.learning_rate_step < paper.epochs
    step = f"The learning rate falls every {paper.learning_rate_step} epochs, but training ends after {paper.epochs}."
    low, high = paper.in_plane_resolution
    slices = all(low <= thickness <= high for thickness in paper.slice_thickness)
    thick = " and ".join(f"{thickness:.2f}" for thickness in paper.slice_thickness)
    plane = (
        f"{low:g} to {high:g} mm holds the slice thickness of Table 1 ({thick} mm), not the resolution in the plane."
    )
    same = paper.discussed_training == paper.segmented_training == paper.training_cases - paper.unsegmentable
    size = f"{paper.training_cases} − {paper.unsegmentable} = {paper.training_cases - paper.unsegmentable} cases."
    where, results = "Material and methods", f"{paper.training_cases - paper.unsegmentable}"
    return (
        Checked(
            "schedule",
            13,
            where,
            "Learning rate",
            f"every {paper.learning_rate_step} epochs",
            f"{paper.epochs} epochs",
            RIGHT if fires else WRONG,
            "" if fires else step,
        ),
        Checked(
            "in_plane",
            13,
            where,
            "In-plane resolution",
            f"{low:g} to {high:g} mm",
            f"{thick} mm thick",
            WRONG if slices else RIGHT,
            plane if slices else "",
        ),
        Checked(
            "collective_size",
            13,
            "Discussion",
            "Cases trained on",
            str(paper.discussed_training),
            results,
            RIGHT if same else WRONG,
            "" if same else size,
        ),
    )
