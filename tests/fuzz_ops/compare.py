"""Whether two engines' outputs agree within a case's tolerance."""

import numpy as np


def difference(actual, expected, tolerance):
    """What is different, in words; "" where nothing is. Lists of outputs; `tolerance` by output."""
    for i, (a, e, t) in enumerate(zip(actual, expected, tolerance, strict=True)):
        found = value_difference(a, e, t)
        if found:
            return f"output {i}: {found}"
    return ""


def value_difference(actual, expected, tolerance):
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return "another number of items"
        for a, e in zip(actual, expected, strict=True):
            if a.dtype != e.dtype or a.shape != e.shape:
                return f"an item is {a.dtype}{list(a.shape)}, not {e.dtype}{list(e.shape)}"
        return ""  # their values are compared where the model uses them
    actual = np.asarray(actual)
    if expected.dtype.kind in "OUS":
        same = actual.shape == expected.shape and all(
            str(a) == str(e) for a, e in zip(actual.flat, expected.flat, strict=True)
        )
        return "" if same else f"strings: {actual.tolist()!r:.80}, not {expected.tolist()!r:.80}"
    if actual.dtype != expected.dtype:
        return f"its type is {actual.dtype}, not {expected.dtype}"
    if actual.shape != expected.shape:
        if tolerance is not None and np.isinf(tolerance).any():
            return ""
        return f"its shape is {list(actual.shape)}, not {list(expected.shape)}"
    if actual.size == 0:
        return ""
    if tolerance is not None and tolerance.shape != expected.shape:  # a reference of another shape
        tolerance = np.full(expected.shape, tolerance.max(initial=0))
    with np.errstate(all="ignore"):
        a, e = actual.astype(np.float64), expected.astype(np.float64)
        exact = (actual == expected) | (np.isnan(a) & np.isnan(e))
        near = exact if tolerance is None else exact | (np.abs(a - e) <= tolerance) | np.isinf(tolerance)
    if near.all():
        return ""
    wrong = np.argwhere(~near)
    at = tuple(wrong[0])
    allowed = 0 if tolerance is None else tolerance[at]
    place = [int(i) for i in at]
    return f"{len(wrong)} of {a.size} elements, first at {place}: {actual[at]!r}, not {expected[at]!r} (tolerance {allowed:.3g})"


def loosened(tolerance, values):
    """At least 64 units in the last place of the largest element of each output."""
    result = []
    for t, v in zip(tolerance, values, strict=True):
        v = np.asarray(v) if not isinstance(v, list) else None
        if t is None or v is None or v.dtype.kind != "f":
            result.append(t)
            continue
        finite = np.abs(v[np.isfinite(v)].astype(np.float64)).max(initial=0)
        floor = 64 * float(np.finfo(v.dtype).eps) * finite
        result.append(np.full(v.shape, max(floor, t.max(initial=0, where=np.isfinite(t)))))
    return result
