"""Tests between methods, as tables and sentences of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from scipy import stats

__all__ = ["anova", "holm", "pairwise_tests", "sentence", "stats_table", "tukey"]

Groups = Mapping[str, Sequence[float]]
Alternative = Literal["two-sided", "less", "greater"]


def anova(groups: Groups, title: str = "One-way ANOVA") -> dict[str, str]:
    """Returns a sentence with F, its degrees of freedom and p of a one-way analysis of variance.

    Args:
        groups: Values of each method, one per seed or pair; two of each at least.
        title: What the sentence is called.

    Raises:
        ValueError: If there are fewer than two groups, or a group has fewer than two values.

    Example:
        >>> anova({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})["text"]
        'F(1, 4) = 13.50, p = 0.0213 (a: n = 3; b: n = 3).'
    """
    values = _checked(groups)
    found = stats.f_oneway(*values.values())
    within = sum(map(len, values.values())) - len(values)
    counts = "; ".join(f"{name}: n = {len(group)}" for name, group in values.items())
    return sentence(
        title,
        f"F({len(values) - 1}, {within}) = {found.statistic:.2f}, {p_text(found.pvalue)} "
        f"({counts}).",
    )


def tukey(groups: Groups, title: str = "Tukey's HSD") -> dict[str, Any]:
    """Returns a table of all pairs: difference of means, its 95 % interval, adjusted p.

    Args:
        groups: Values of each method, two of each at least.
        title: What the table is called.

    Raises:
        ValueError: If there are fewer than two groups, or a group has fewer than two values.
    """
    values = _checked(groups)
    found = stats.tukey_hsd(*values.values())
    interval = found.confidence_interval(0.95)
    names, rows = list(values), []
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            rows.append(
                [
                    names[i], names[j], float(found.statistic[i, j]),
                    float(interval.low[i, j]), float(interval.high[i, j]),
                    float(found.pvalue[i, j]),
                ]
            )  # fmt: skip
    header = ["method", "other", "difference of means", "95 % from", "to", "p (adjusted)"]
    return stats_table(title, header, rows)


def pairwise_tests(
    groups: Groups,
    pairs: Sequence[tuple[str, str]],
    test: Literal["paired t", "Wilcoxon", "Welch"] = "Welch",
    alternative: Alternative = "two-sided",
    title: str | None = None,
) -> dict[str, Any]:
    """Returns a table of tests between chosen pairs, with p values corrected by Holm's method.

    Args:
        groups: Values of each method. For paired tests those at one place belong together.
        pairs: What to compare with what.
        test: `"Welch"` for independent samples, or a paired test.
        alternative: Of the first against the second of a pair.
        title: What the table is called.

    References:
        Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian
        Journal of Statistics 6, 65-70.
    """
    values, rows = _checked(groups), []
    for one, other in pairs:
        a, b = values[one], values[other]
        if test == "Welch":
            found = stats.ttest_ind(a, b, equal_var=False, alternative=alternative)
        elif test == "paired t":
            found = stats.ttest_rel(a, b, alternative=alternative)
        else:
            found = stats.wilcoxon(a, b, alternative=alternative)
        difference = float(a.mean() - b.mean())
        n = f"{len(a)}, {len(b)}" if test == "Welch" else str(len(a))
        rows.append([one, other, n, difference, float(found.statistic), float(found.pvalue)])
    corrected = holm([row[-1] for row in rows])
    rows = [[*row, p] for row, p in zip(rows, corrected, strict=True)]
    header = ["method", "other", "n", "difference of means", "statistic", "p", "p (Holm)"]
    return stats_table(title or f"{test} test, {alternative}", header, rows)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p values corrected for their number, in the order given.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    raised = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(raised, 1.0)
    return [float(value) for value in corrected]


def sentence(title: str, text: str) -> dict[str, str]:
    """Returns a statistic that is a sentence."""
    return {"title": title, "text": text}


def stats_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[Any]], note: str = ""
) -> dict[str, Any]:
    """Returns a statistic that is a table; any table that a report should show."""
    wrong = [row for row in rows if len(row) != len(header)]
    if wrong:
        raise ValueError(
            f"a row must have a cell for each of {len(header)} columns; got {wrong[0]!r}."
        )
    return {"title": title, "header": [*header], "rows": [[*row] for row in rows], "note": note}


def p_text(p: float) -> str:
    """Returns `p = 0.031`, or its power of ten where it is small.

    Example:
        >>> p_text(0.0312), p_text(3.2e-12)
        ('p = 0.0312', 'p = 3.2e-12')
    """
    return f"p = {p:.2g}" if p < 1e-3 else f"p = {p:.3g}"


def _checked(groups: Groups) -> dict[str, np.ndarray]:
    values = {name: np.asarray(group, dtype=np.float64) for name, group in groups.items()}
    if len(values) < 2 or min(map(len, values.values())) < 2:
        raise ValueError(
            "a test needs two groups of two values each; got "
            f"{ {name: len(group) for name, group in values.items()} }. Run more seeds."
        )
    return values
