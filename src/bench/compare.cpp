#include "bench/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"

namespace cycloid {
namespace {

constexpr double kUnits = 4;  // see Tolerance

// Distance from 1 to the next value of the type; 0 for types whose values must be equal.
double epsilon_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
    case DType::kComplex128: return 0x1p-52;
    case DType::kFloat32:
    case DType::kComplex64: return 0x1p-23;
    case DType::kFloat16: return 0x1p-10;
    case DType::kBFloat16: return 0x1p-7;
    default: return 0;
  }
}

double magnitude(double value) { return std::isfinite(value) ? std::abs(value) : 0; }

// Elements as doubles; complex ones as two.
std::vector<double> as_doubles(const Tensor& tensor) {
  std::vector<double> values;
  const auto widen = [&]<class T>(T) {
    for (const auto& value : tensor.data<T>()) values.push_back(static_cast<double>(value));
  };
  const auto widen16 = [&]<class T>(T) {
    for (const auto& value : tensor.data<T>()) values.push_back(static_cast<double>(to_float(value)));
  };
  const auto split = [&]<class T>(T) {
    for (const auto& value : tensor.data<T>()) {
      values.push_back(value.real());
      values.push_back(value.imag());
    }
  };
  const DType dtype = tensor.dtype();
  dispatch<float, double, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
           std::uint32_t, std::uint64_t, bool>(dtype, widen) ||
      dispatch<Float16, BFloat16>(dtype, widen16) || dispatch<std::complex<float>, std::complex<double>>(dtype, split);
  return values;
}

std::string place(std::size_t flat, const Dims& dims) {
  std::vector<std::string> at(dims.size());
  for (std::size_t axis = dims.size(); axis-- > 0;) {
    const auto size = static_cast<std::size_t>(dims[axis]);
    at[axis] = std::to_string(flat % size);
    flat /= size;
  }
  return fmt::format("[{}]", fmt::join(at, ", "));
}

std::string describe(const Tensor& tensor) {
  return fmt::format("{} {}", to_string(tensor.dtype()), to_string(tensor.dims()));
}

// Of one output, whose rounding unit is `unit`.
void compare_numbers(const Tensor& reference, const Tensor& actual, const Tolerance& tolerance, double unit,
                     std::string_view name, OutputDifference& result) {
  const std::vector<double> x = as_doubles(reference);
  const std::vector<double> y = as_doubles(actual);
  double largest = 0;
  for (const double value : x) largest = std::max(largest, magnitude(value));
  const double scale = default_relative_tolerance(reference.dtype());
  const double rtol = tolerance.rtol.value_or(scale);
  const double atol = tolerance.atol.value_or(scale * largest + kUnits * epsilon_of(reference.dtype()) * unit);
  double max_error = 0;
  double worst = 0;  // the largest excess over what is allowed
  std::size_t worst_at = 0;
  std::size_t beyond = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool same = x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]));
    double error = same ? 0 : std::abs(y[i] - x[i]);
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    max_error = std::max(max_error, error);
    const double excess = error - (atol + rtol * magnitude(x[i]));
    if (excess > 0) {
      ++beyond;
      if (excess > worst) {
        worst = excess;
        worst_at = i;
      }
    }
  }
  result.max_abs = std::max(result.max_abs, max_error);
  if (max_error > 0) result.max_rel = std::max(result.max_rel, max_error / largest);
  if (beyond == 0 || !result.reason.empty()) return;
  const std::size_t parts = x.size() / std::max<std::size_t>(1, static_cast<std::size_t>(reference.element_count()));
  result.reason = fmt::format(
      "output '{}' is {:g} at {} where the reference has {:g}; {} of {} elements are outside atol {:.3g} + rtol {:.3g}",
      name, y[worst_at], place(worst_at / std::max<std::size_t>(1, parts), reference.dims()), x[worst_at], beyond,
      x.size(), atol, rtol);
}

}  // namespace

double default_relative_tolerance(DType dtype) {
  const bool half = dtype == DType::kFloat16 || dtype == DType::kBFloat16;
  return (half ? 0x1p4 : 0x1p10) * epsilon_of(dtype);
}

OutputDifference compare_outputs(const std::vector<WorkerOutput>& reference, const std::vector<WorkerOutput>& actual,
                                 const Tolerance& tolerance) {
  OutputDifference result;
  if (reference.size() != actual.size()) {
    result.reason = fmt::format("it gives {} outputs where the reference gives {}", actual.size(), reference.size());
    return result;
  }
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const Tensor& x = reference[i].tensor;
    const Tensor& y = actual[i].tensor;
    if (x.dtype() != y.dtype() || x.dims() != y.dims()) {
      if (result.reason.empty()) {
        result.reason =
            fmt::format("output '{}' is {} where the reference gives {}", actual[i].name, describe(y), describe(x));
      }
      continue;
    }
    if (identical(x, y)) continue;
    const bool numeric = x.dtype() != DType::kString &&
                         (size_of(x.dtype()) > 1 || is_integer(x.dtype()) || x.dtype() == DType::kBool) &&
                         x.dtype() != DType::kInt4 && x.dtype() != DType::kUInt4 && x.dtype() != DType::kInt2 &&
                         x.dtype() != DType::kUInt2;
    if (numeric) {
      compare_numbers(x, y, tolerance, i < tolerance.units.size() ? tolerance.units[i] : 0, actual[i].name, result);
      if (result.reason.empty() && is_integer(x.dtype()) && !tolerance.rtol &&
          !tolerance.atol) {  // beyond 2^53 doubles cannot tell
        result.reason = fmt::format("output '{}' has other integers than the reference", actual[i].name);
      }
    } else if (result.reason.empty()) {
      result.reason =
          fmt::format("output '{}' ({}) has other elements than the reference", actual[i].name, describe(y));
    }
  }
  return result;
}

}  // namespace cycloid
