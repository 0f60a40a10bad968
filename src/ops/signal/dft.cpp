// DFT and STFT: Fourier transforms along an axis, and of windows that slide over a signal.
#include <algorithm>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/lanes.h"
#include "ops/linalg/product.h"
#include "ops/signal/fourier.h"
#include "ops/signal/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

using Complex = Fourier::Complex;

constexpr std::int64_t kMostLength = std::int64_t{1} << 40;  // so that sums of lengths stay within int64

// Checks that a transform of `length` has a size, and fits the memory.
Status check_length(const EvalContext& context, std::int64_t length) {
  if (length < 1 || length > kMostLength) return invalid_argument("a transform of length {}", length);
  if (Fourier::bytes(length) <= context.bytes_left()) return {};
  return make_error(ErrorCode::kResourceExhausted, "a transform of length {} passes the limit of memory", length);
}

// The last size of a signal: 1 for real elements, 2 for complex ones.
Status check_signal(const Shape& x, std::size_t least_rank) {
  if (x.size() < least_rank || (x.back().is_known() && !x.back().is(1) && !x.back().is(2)))
    return invalid_argument("a signal must have 1 or 2 as its last size, but its shape is {}", to_string(x));
  return {};
}

struct DftAttributes {
  bool inverse = false;
  bool onesided = false;
  bool to_real() const { return inverse && onesided; }
  bool to_half() const { return !inverse && onesided; }

  static Result<DftAttributes> parse(const Node& node) {
    CYCLOID_ASSIGN(const std::int64_t inverse, get_int(node, "inverse", 0));
    CYCLOID_ASSIGN(const std::int64_t onesided, get_int(node, "onesided", 0));
    return DftAttributes{inverse != 0, onesided != 0};
  }
  // The axis of a signal of this rank, whose last axis is that of the complex numbers.
  static Result<std::size_t> axis_of(std::int64_t axis, std::size_t rank) {
    CYCLOID_ASSIGN(const std::int64_t normal, normalize_axis(axis, rank));
    if (normal + 1 == static_cast<std::int64_t>(rank))
      return invalid_argument("axis {} is that of the real and imaginary parts", axis);
    return static_cast<std::size_t>(normal);
  }
};

Status infer_dft(InferContext& context) {
  CYCLOID_ASSIGN(const DftAttributes a, DftAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const auto length_type, optional_input_type(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const auto axis_type, optional_input_type(context, 2, kInt64Type));
  if (x.shape) {
    CYCLOID_TRY(check_signal(*x.shape, 2));
    if (a.to_half() && x.shape->back().is(2)) return invalid_argument("a one-sided transform needs a real signal");
    x.shape->back() = a.to_real() ? 1 : 2;
    const auto given = axis_type ? known_integers(context, 2) : std::vector<std::int64_t>{-2};
    if (given && given->size() == 1) {
      CYCLOID_ASSIGN(const std::size_t axis, DftAttributes::axis_of(given->front(), x.shape->size()));
      Dim& dim = (*x.shape)[axis];
      if (length_type) {
        const auto length = context.shape_data(1);
        dim = length && length->size() == 1 ? length->front() : Dim::unknown();
      } else if (a.to_real()) {
        dim = (dim - 1) * 2;
      }
      if (a.to_half()) dim = Dim::floor_div(dim, 2) + 1;
    } else {
      for (std::size_t i = 0; i + 1 < x.shape->size(); ++i) (*x.shape)[i] = Dim::unknown();
    }
  }
  context.set_output(0, std::move(x));
  return {};
}

// Fills the upper half of a spectrum of which the lower one, of a real signal, is given.
void complete(std::vector<Complex>& spectrum) {
  const std::size_t n = spectrum.size();
  spectrum[0] = spectrum[0].real();
  for (std::size_t k = n / 2 + 1; k < n; ++k) spectrum[k] = std::conj(spectrum[n - k]);
  if (n % 2 == 0) spectrum[n / 2] = spectrum[n / 2].real();
}

struct DftPlan {
  DftAttributes attributes;
  std::size_t axis = 0;
  std::int64_t length = 0;
  Dims dims;  // of the output

  static Result<DftPlan> make(const EvalContext& context, const Tensor& x) {
    DftPlan plan;
    CYCLOID_ASSIGN(plan.attributes, DftAttributes::parse(context.node()));
    CYCLOID_ASSIGN(const Tensor* length, optional_tensor_input(context, 1, kIndexTypes));
    CYCLOID_ASSIGN(const Tensor* axis, optional_tensor_input(context, 2, kInt64Type));
    CYCLOID_TRY(check_signal(to_shape(x.dims()), 2));
    const DftAttributes& a = plan.attributes;
    if (a.to_half() && x.dims().back() == 2) return invalid_argument("a one-sided transform needs a real signal");
    std::int64_t given = -2;
    if (axis != nullptr) {
      CYCLOID_ASSIGN(given, load_scalar<std::int64_t>(*axis, "axis"));
    }
    CYCLOID_ASSIGN(plan.axis, DftAttributes::axis_of(given, x.rank()));
    plan.length = a.to_real() ? 2 * (x.dim(plan.axis) - 1) : x.dim(plan.axis);
    if (length != nullptr) {
      CYCLOID_ASSIGN(plan.length, load_scalar<std::int64_t>(*length, "dft_length"));
    }
    CYCLOID_TRY(check_length(context, plan.length));
    plan.dims = x.dims();
    plan.dims[plan.axis] = a.to_half() ? plan.length / 2 + 1 : plan.length;
    plan.dims.back() = a.to_real() ? 1 : 2;
    CYCLOID_TRY(concrete(to_shape(plan.dims)));
    CYCLOID_TRY(check_fits(context, DType::kFloat64, plan.dims));
    return plan;
  }
};

Result<std::vector<Datum>> evaluate_dft(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const DftPlan plan, DftPlan::make(context, *x));
  CYCLOID_ASSIGN(const std::vector<double> values, doubles(*x));
  const std::int64_t parts = x->dims().back();
  const std::int64_t parts_out = plan.dims.back();
  // Lanes of complex numbers: the last axis is not one of them.
  const Lanes lanes(Dims(x->dims().begin(), x->dims().end() - 1), static_cast<std::int64_t>(plan.axis));
  const std::int64_t bins = plan.dims[plan.axis];
  const std::int64_t given =
      plan.attributes.to_real() ? std::min(lanes.length, plan.length / 2 + 1) : std::min(lanes.length, plan.length);
  const Fourier fourier(plan.length);
  std::vector<Complex> lane(static_cast<std::size_t>(plan.length));
  std::vector<double> y(static_cast<std::size_t>(*element_count(plan.dims)));
  for (std::int64_t i = 0; i < (parts == 0 ? 0 : lanes.count()); ++i) {
    CYCLOID_TRY(check_stop());
    std::ranges::fill(lane, Complex());
    for (std::int64_t k = 0; k < given; ++k) {
      const double* from = values.data() + (lanes.start(i) + k * lanes.inner) * parts;
      lane[static_cast<std::size_t>(k)] = {from[0], parts == 2 ? from[1] : 0};
    }
    if (plan.attributes.to_real()) complete(lane);
    fourier.transform(lane, plan.attributes.inverse);
    for (std::int64_t k = 0; k < bins; ++k) {
      double* to = y.data() + (lanes.start(i, bins) + k * lanes.inner) * parts_out;
      to[0] = lane[static_cast<std::size_t>(k)].real();
      if (parts_out == 2) to[1] = lane[static_cast<std::size_t>(k)].imag();
    }
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, x->dtype(), plan.dims, y));
  return outputs(std::move(result));
}

Status infer_stft(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t onesided, get_int(context.node(), "onesided", 1));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kFloats));
  CYCLOID_TRY(input_type(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const auto window, optional_input_type(context, 2, kFloats));
  CYCLOID_ASSIGN(const auto length_type, optional_input_type(context, 3, kIndexTypes));
  if (window) CYCLOID_TRY(check_rank(*window, 1, "window"));
  CYCLOID_TRY(check_rank(x, 3, "signal"));
  Dim length = Dim::unknown();
  if (length_type) {
    const auto given = context.shape_data(3);
    if (given && given->size() == 1) length = given->front();
  } else if (window) {
    if (window->shape) length = (*window->shape)[0];
  } else if (x.shape) {
    length = (*x.shape)[1];
  }
  Shape y{Dim::unknown(), Dim::unknown(), onesided != 0 ? Dim::floor_div(length, 2) + 1 : length, 2};
  if (x.shape) {
    CYCLOID_TRY(check_signal(*x.shape, 3));
    y[0] = (*x.shape)[0];
    const auto step = known_integers(context, 1);
    if (step && step->size() == 1) {
      if (step->front() < 1) return invalid_argument("frame_step must be 1 or more, but is {}", step->front());
      y[1] = Dim::floor_div((*x.shape)[1] - length, step->front()) + 1;
    }
  }
  context.set_output(0, ValueType::tensor(x.dtype, std::move(y)));
  return {};
}

struct Frames {
  std::int64_t step = 0;
  std::int64_t length = 0;
  std::int64_t count = 0;
  std::vector<double> window;

  static Result<Frames> read(const EvalContext& context, const Tensor& x) {
    CYCLOID_ASSIGN(const Tensor* step, tensor_input(context, 1, kIndexTypes));
    CYCLOID_ASSIGN(const Tensor* window, optional_tensor_input(context, 2, kFloats));
    CYCLOID_ASSIGN(const Tensor* length, optional_tensor_input(context, 3, kIndexTypes));
    Frames frames;
    CYCLOID_ASSIGN(frames.step, load_scalar<std::int64_t>(*step, "frame_step"));
    frames.length = window != nullptr ? window->element_count() : x.dim(1);
    if (length != nullptr) {
      CYCLOID_ASSIGN(frames.length, load_scalar<std::int64_t>(*length, "frame_length"));
    }
    if (frames.step < 1) return invalid_argument("frame_step must be 1 or more, but is {}", frames.step);
    if (frames.length < 1 || frames.length > x.dim(1))
      return invalid_argument("frames of {} do not fit a signal of {}", frames.length, x.dim(1));
    if (window != nullptr && window->dims() != Dims{frames.length})
      return invalid_argument("a window of shape {} for frames of {}", to_string(window->dims()), frames.length);
    CYCLOID_TRY(check_length(context, frames.length));
    frames.count = (x.dim(1) - frames.length) / frames.step + 1;
    frames.window.assign(window != nullptr ? 0 : static_cast<std::size_t>(frames.length), 1.0);
    if (window != nullptr) {
      CYCLOID_ASSIGN(frames.window, doubles(*window));
    }
    return frames;
  }
};

Result<std::vector<Datum>> evaluate_stft(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t onesided, get_int(context.node(), "onesided", 1));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_TRY(check_rank(*x, 3, "signal"));
  CYCLOID_TRY(check_signal(to_shape(x->dims()), 3));
  CYCLOID_ASSIGN(const Frames frames, Frames::read(context, *x));
  const std::int64_t bins = onesided != 0 ? frames.length / 2 + 1 : frames.length;
  const Dims dims{x->dim(0), frames.count, bins, 2};
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  CYCLOID_ASSIGN(const std::vector<double> values, doubles(*x));
  const std::int64_t parts = x->dim(2);
  const Fourier fourier(frames.length);
  std::vector<Complex> frame(static_cast<std::size_t>(frames.length));
  std::vector<double> y;
  y.reserve(static_cast<std::size_t>(*element_count(dims)));
  for (std::int64_t i = 0; i < x->dim(0) * frames.count; ++i) {
    CYCLOID_TRY(check_stop());
    const std::int64_t first = i / frames.count * x->dim(1) + i % frames.count * frames.step;
    for (std::int64_t k = 0; k < frames.length; ++k) {
      const double* from = values.data() + (first + k) * parts;
      const double weight = frames.window[static_cast<std::size_t>(k)];
      frame[static_cast<std::size_t>(k)] = {from[0] * weight, parts == 2 ? from[1] * weight : 0};
    }
    fourier.transform(frame, false);
    for (std::int64_t k = 0; k < bins; ++k) {
      y.push_back(frame[static_cast<std::size_t>(k)].real());
      y.push_back(frame[static_cast<std::size_t>(k)].imag());
    }
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, x->dtype(), dims, y));
  return outputs(std::move(result));
}

}  // namespace

const Op kDft = {.domain = "",
                 .name = "DFT",
                 .since = 20,
                 .min_inputs = 1,
                 .max_inputs = 3,
                 .infer = infer_dft,
                 .evaluate = evaluate_dft};
const Op kStft = {.domain = "",
                  .name = "STFT",
                  .since = 17,
                  .min_inputs = 2,
                  .max_inputs = 4,
                  .infer = infer_stft,
                  .evaluate = evaluate_stft};

}  // namespace cycloid
