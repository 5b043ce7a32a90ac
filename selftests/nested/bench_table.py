# SPDX-License-Identifier: GPL-2.0
"""Rows of figures, as a table."""

COLUMNS = ("row", "ours", "other", "ratio", "target", "met")


def row(name, ours, other, target="", met=None, ratio=None):
    """ratio: if it is not that of the two figures, as the median of several is not."""
    if ratio is None and other:
        ratio = ours / other
    return {"row": name, "ours": ours, "other": other, "ratio": ratio and round(ratio, 3),
            "target": target, "met": met}


def words(entry):
    met = {None: "", True: "yes", False: "NO"}[entry["met"]]
    figures = ["" if entry[name] is None else f"{entry[name]:.6g}" for name in ("ours", "other", "ratio")]
    return [entry["row"], *figures, entry["target"], met]


def table(entries):
    """Lines: the names on the left, figures on the right."""
    lines = [list(COLUMNS), *(words(entry) for entry in entries)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    return ["  ".join(text.ljust(width) if i in (0, 4) else text.rjust(width)
                      for i, (text, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
