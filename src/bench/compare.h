// Whether two sets of outputs are the same result.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backends/worker_client.h"
#include "tensor/tensor.h"

namespace cycloid {

// |actual - reference| <= atol + rtol * |reference| must hold for every element. What is not given is derived from the
// reference's dtype, its largest magnitude and the output's unit: rtol = k*eps (default_relative_tolerance) and
// atol = k*eps*max|reference| + 4*eps*unit. The 4: two implementations, each with up to 2 eps of the unit.
struct Tolerance {
  std::optional<double> rtol;
  std::optional<double> atol;
  std::vector<double> units;  // by output, see rounding_units(); those beyond the end are 0
};

// k*eps of a floating dtype; 0 for others, which must be equal.
//
// float32 and float64, k = 2^10: the rounding errors of a dot product of K terms add up like a random walk to about
// sqrt(K)*eps of its magnitude, those of L layers by another sqrt(L): sqrt(4608)*sqrt(26) = 346 for SqueezeNet, and
// Winograd F(4,3) has about 60 eps (7e-6) per layer, times sqrt(26) = 306; so 2^10 is about three standard deviations
// and still 1e-4, far from a wrong result. float16, bfloat16 and float8, k = 2^4: sums are kept in float32, so that
// each layer rounds once: sqrt(26) = 5, times three.
double default_relative_tolerance(DType dtype);

struct OutputDifference {
  double max_abs = 0;  // max |actual - reference| over elements and outputs
  double max_rel = 0;  // max over outputs of (max |actual - reference| / max |reference|); 0/0 is 0
  std::string reason;  // why they are not the same result; empty when they are

  bool agrees() const { return reason.empty(); }
};

// Outputs are matched by position, because forms of one model may name them differently. NaN agrees with NaN, an
// infinity with the same infinity. Where the number, shape or dtype of outputs differs, the errors stay 0.
OutputDifference compare_outputs(const std::vector<WorkerOutput>& reference, const std::vector<WorkerOutput>& actual,
                                 const Tolerance& tolerance);

}  // namespace cycloid
