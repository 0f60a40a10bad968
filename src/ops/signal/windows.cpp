// HannWindow, HammingWindow, BlackmanWindow and MelWeightMatrix: what signals are weighted with.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/elementwise/cast.h"
#include "ops/signal/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

Result<DType> output_type(const Node& node) {
  CYCLOID_ASSIGN(const DType dtype, get_dtype(node, "output_datatype", DType::kFloat32));
  if (!kNumbers.contains(dtype)) return invalid_model("output_datatype {} is no number", to_string(dtype));
  return dtype;
}

Status infer_window(InferContext& context) {
  CYCLOID_ASSIGN(const DType dtype, output_type(context.node()));
  CYCLOID_TRY(get_int(context.node(), "periodic", 1));
  CYCLOID_TRY(input_type(context, 0, kIndexTypes));
  const auto size = context.shape_data(0);
  if (size && (size->size() != 1 || (size->front().is_known() && size->front().value() < 0)))
    return invalid_argument("size must be one number of 0 or more");
  context.set_output(0, ValueType::tensor(dtype, Shape{size ? size->front() : Dim::unknown()}));
  return {};
}

// w[n] = a[0] - a[1] cos(2 pi n / N) + a[2] cos(4 pi n / N), where N is the size, or for a symmetric window one less.
Result<std::vector<Datum>> evaluate_window(EvalContext& context, const double (&a)[3]) {
  CYCLOID_ASSIGN(const DType dtype, output_type(context.node()));
  CYCLOID_ASSIGN(const std::int64_t periodic, get_int(context.node(), "periodic", 1));
  CYCLOID_ASSIGN(const Tensor* size_tensor, tensor_input(context, 0, kIndexTypes));
  CYCLOID_ASSIGN(const auto size, load_scalar<std::int64_t>(*size_tensor, "size"));
  if (size < 0) return invalid_argument("a window of {} elements", size);
  CYCLOID_ASSIGN(Tensor y, context.allocate(dtype, {size}));
  const double period = static_cast<double>(periodic != 0 ? size : size - 1);
  // One element is a symmetric window's middle. w[N - n] = w[n], and cos(2 t) = 2 cos(t)^2 - 1.
  std::vector<double> values(static_cast<std::size_t>(size));
  for (std::int64_t n = 0; 2 * n <= static_cast<std::int64_t>(period); ++n) {
    const double cosine = period == 0 ? -1 : std::cos(2 * std::numbers::pi * static_cast<double>(n) / period);
    const double value = a[0] - a[1] * cosine + a[2] * (2 * cosine * cosine - 1);
    if (n < size) values[static_cast<std::size_t>(n)] = value;
    const std::int64_t mirrored = static_cast<std::int64_t>(period) - n;
    if (mirrored < size) values[static_cast<std::size_t>(mirrored)] = value;
  }
  store<double>(y, 0, values);
  return outputs(std::move(y));
}

Result<std::vector<Datum>> evaluate_hann(EvalContext& context) { return evaluate_window(context, {0.5, 0.5, 0}); }
Result<std::vector<Datum>> evaluate_hamming(EvalContext& context) {
  return evaluate_window(context, {25.0 / 46.0, 21.0 / 46.0, 0});
}
Result<std::vector<Datum>> evaluate_blackman(EvalContext& context) {
  return evaluate_window(context, {0.42, 0.5, 0.08});
}

Status infer_mel(InferContext& context) {
  CYCLOID_ASSIGN(const DType dtype, output_type(context.node()));
  for (std::size_t i = 0; i < 3; ++i) CYCLOID_TRY(input_type(context, i, kIndexTypes));
  for (std::size_t i = 3; i < 5; ++i) CYCLOID_TRY(input_type(context, i, kFloats));
  const auto bins = context.shape_data(0);
  const auto length = context.shape_data(1);
  Shape shape{Dim::unknown(), Dim::unknown()};
  if (length && length->size() == 1) shape[0] = Dim::floor_div(length->front(), 2) + 1;
  if (bins && bins->size() == 1) shape[1] = bins->front();
  context.set_output(0, ValueType::tensor(dtype, std::move(shape)));
  return {};
}

double hertz_to_mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double mel_to_hertz(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

// Row j, column i: the weight of spectrum bin j in the triangle between edges i and i + 2, whose peak is edge i + 1.
void fill_triangle(Tensor& weights, std::int64_t i, std::span<const std::int64_t> edges, std::vector<double>& run) {
  const std::int64_t low = edges[0], center = edges[1], high = edges[2];
  run.clear();
  for (std::int64_t j = low; j < center; ++j)
    run.push_back(static_cast<double>(j - low) / static_cast<double>(center - low));
  run.push_back(1);
  for (std::int64_t j = center + 1; j < high; ++j)
    run.push_back(static_cast<double>(high - j) / static_cast<double>(high - center));
  const std::int64_t columns = weights.dim(1);
  store<double>(weights, low * columns + i, run, columns);
}

Result<std::vector<Datum>> evaluate_mel(EvalContext& context) {
  CYCLOID_ASSIGN(const DType dtype, output_type(context.node()));
  std::int64_t integer[3] = {};  // mel bins, length of the transform, sample rate
  for (std::size_t i = 0; i < 3; ++i) {
    CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, i, kIndexTypes));
    CYCLOID_ASSIGN(integer[i], load_scalar<std::int64_t>(*tensor, "num_mel_bins, dft_length or sample_rate"));
  }
  double hertz[2] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, 3 + i, kFloats));
    CYCLOID_ASSIGN(hertz[i], load_scalar<double>(*tensor, "lower_edge_hertz or upper_edge_hertz"));
  }
  const auto [columns, length, rate] = integer;
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (columns < 0 || columns > kMost || length < 1 || length > kMost || rate < 1)
    return invalid_argument("{} mel bins of a transform of length {} at rate {}", columns, length, rate);
  if (!(hertz[0] >= 0 && hertz[0] <= hertz[1] && std::isfinite(hertz[1])))
    return invalid_argument("edges from {} to {} hertz", hertz[0], hertz[1]);
  const Dims dims{length / 2 + 1, columns};
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  const double first = hertz_to_mel(hertz[0]);
  const double step = (hertz_to_mel(hertz[1]) - first) / static_cast<double>(columns + 2);
  std::vector<std::int64_t> edges;
  for (std::int64_t i = 0; i < columns + 2; ++i) {
    const double edge = std::floor(static_cast<double>(length + 1) *
                                   mel_to_hertz(first + static_cast<double>(i) * step) / static_cast<double>(rate));
    if (!(edge >= 0 && edge <= static_cast<double>(length / 2)))
      return invalid_argument("{} hertz lie outside the spectrum of a signal of rate {}", hertz[1], rate);
    edges.push_back(static_cast<std::int64_t>(edge));
  }
  CYCLOID_ASSIGN(Tensor y, context.allocate(dtype, dims));
  if (y.byte_count() > 0) std::memset(y.mutable_bytes(), 0, y.byte_count());
  std::vector<double> run;
  for (std::int64_t i = 0; i < columns; ++i)
    fill_triangle(y, i, std::span(edges).subspan(static_cast<std::size_t>(i), 3), run);
  return outputs(std::move(y));
}

}  // namespace

const Op kHannWindow = {.domain = "",
                        .name = "HannWindow",
                        .since = 17,
                        .min_inputs = 1,
                        .max_inputs = 1,
                        .infer = infer_window,
                        .evaluate = evaluate_hann};
const Op kHammingWindow = {.domain = "",
                           .name = "HammingWindow",
                           .since = 17,
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .infer = infer_window,
                           .evaluate = evaluate_hamming};
const Op kBlackmanWindow = {.domain = "",
                            .name = "BlackmanWindow",
                            .since = 17,
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .infer = infer_window,
                            .evaluate = evaluate_blackman};
const Op kMelWeightMatrix = {.domain = "",
                             .name = "MelWeightMatrix",
                             .since = 17,
                             .min_inputs = 5,
                             .max_inputs = 5,
                             .infer = infer_mel,
                             .evaluate = evaluate_mel};

}  // namespace cycloid
