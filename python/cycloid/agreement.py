"""Whether an exported form computes what eager computes."""

import copy
import math

# Slack for another order of summation: its error is of the same kind and size as eager's own, not the same.
SLACK = 8


class Reference:
    """Eager's outputs, and for each the error that any correct fp32 implementation may have.

    The limit is SLACK times (eager's own error, measured against the same module in double) plus SLACK * sqrt(K) * eps
    * max|y|: a sum of K products that rounds at random has an error of about sqrt(K) eps, and K is the largest fan-in.
    """

    def __init__(self, module, arguments):
        import torch

        from cycloid.tensors import flatten_outputs, to_numpy

        with torch.inference_mode():
            outputs = flatten_outputs(module(*[a.clone() for a in arguments]))
        self.names = [name for name, _ in outputs]
        self.arrays = [to_numpy(t) for _, t in outputs]
        fan_in = max((p[0].numel() for p in module.parameters() if p.dim() > 1), default=1)
        own_errors = errors_beside_double(module, arguments, self.arrays)
        self.limits = [
            SLACK * (own + math.sqrt(fan_in) * epsilon(y) * largest(y))
            for own, y in zip(own_errors, self.arrays, strict=True)
        ]

    def disagreement(self, arrays):
        """Why `arrays` are not these outputs; None where they are."""
        import numpy as np

        if len(arrays) != len(self.arrays):
            return f"it has {len(arrays)} outputs, eager has {len(self.arrays)}"
        for name, got, expected, limit in zip(self.names, arrays, self.arrays, self.limits, strict=True):
            if got.shape != expected.shape:
                return f"'{name}' has the shape {list(got.shape)}, in eager {list(expected.shape)}"
            if got.dtype.kind != "f" or expected.dtype.kind != "f":
                if not np.array_equal(got, expected):
                    return f"'{name}' differs in {np.count_nonzero(got != expected)} of {expected.size} elements"
                continue
            if not np.array_equal(np.isnan(got), np.isnan(expected)):
                return f"'{name}' has NaN at other places"
            with np.errstate(invalid="ignore"):  # inf - inf
                difference = np.abs(got.astype(np.float64) - expected.astype(np.float64))
            error = np.where(got == expected, 0, difference)  # the same infinities
            worst = float(np.nanmax(error, initial=0))
            if worst > limit:
                return f"'{name}' differs by {worst:.3g} from eager; rounding explains {limit:.3g}"
        return None


def largest(array):
    import numpy as np

    finite = np.abs(array[np.isfinite(array)].astype(np.float64)) if array.dtype.kind == "f" else np.zeros(0)
    return float(finite.max(initial=0))


def epsilon(array):
    import numpy as np

    return float(np.finfo(array.dtype).eps) if array.dtype.kind == "f" else 0.0


def errors_beside_double(module, arguments, arrays):
    """max|fp32 - double| of each output; 0 where the module does not run in double."""
    import numpy as np
    import torch

    from cycloid.tensors import flatten_outputs, to_numpy

    try:
        double = copy.deepcopy(module).double()
        with torch.inference_mode():
            exact = flatten_outputs(double(*[a.double() if a.is_floating_point() else a.clone() for a in arguments]))
        errors = []
        for array, (_, tensor) in zip(arrays, exact, strict=True):
            error = np.zeros(1)
            if array.dtype.kind == "f":
                error = np.atleast_1d(np.abs(array.astype(np.float64) - to_numpy(tensor)))
            errors.append(float(np.max(error[np.isfinite(error)], initial=0)))
        return errors
    except Exception:  # a dtype written into the code, an operator without a double kernel: the other term remains
        return [0.0] * len(arrays)
