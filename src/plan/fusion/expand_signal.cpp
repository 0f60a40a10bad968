// STFT  =>  Gather of the frames, MatMul with the transform's matrix, into which a constant window is multiplied
// DFT   =>  MatMul with the transform's matrix
//
// for lengths of which the matrix stays small. At those of audio (400 and 512) the product is a few microseconds a frame.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

constexpr std::int64_t kMostLength = 2048;                     // a one-sided matrix of 16 MB
constexpr std::int64_t kMostElements = std::int64_t{1} << 24;  // of a matrix, and of the frames' indices

// Of `parts` (1: real, 2: complex) times `length` rows, and a real and an imaginary column for each bin.
Tensor transform_matrix(std::int64_t length, std::int64_t bins, std::int64_t parts, bool inverse,
                        const std::vector<float>& window) {
  Tensor matrix = Tensor::zeros(DType::kFloat32, {length * parts, 2 * bins}).value();
  const std::span<float> to = matrix.mutable_data<float>();
  std::vector<double> cosines(static_cast<std::size_t>(length)), sines(cosines.size());
  for (std::size_t i = 0; i < cosines.size(); ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(length);
    cosines[i] = std::cos(angle);
    sines[i] = std::sin(angle);
  }
  for (std::int64_t k = 0; k < length; ++k) {
    const double weight = (window.empty() ? 1.0 : static_cast<double>(window[static_cast<std::size_t>(k)])) /
                          (inverse ? static_cast<double>(length) : 1.0);
    for (std::int64_t j = 0; j < bins; ++j) {
      const auto turn = static_cast<std::size_t>(j * k % length);
      const double real = weight * cosines[turn], imaginary = weight * (inverse ? sines[turn] : -sines[turn]);
      const auto at = static_cast<std::size_t>(k * parts * 2 * bins + 2 * j);
      to[at] = static_cast<float>(real);
      to[at + 1] = static_cast<float>(imaginary);
      if (parts == 1) continue;
      const auto below = at + static_cast<std::size_t>(2 * bins);
      to[below] = static_cast<float>(-imaginary);
      to[below + 1] = static_cast<float>(real);
    }
  }
  return matrix;
}

std::optional<std::int64_t> integer(Expanding& e, std::size_t i) {
  const Tensor* tensor = e.input(i).valid() ? e.graph().constant(e.input(i)) : nullptr;
  if (tensor == nullptr || tensor->element_count() != 1) return {};
  if (tensor->dtype() == DType::kInt64) return tensor->data<std::int64_t>()[0];
  if (tensor->dtype() == DType::kInt32) return tensor->data<std::int32_t>()[0];
  return {};
}

bool has_zero(const Dims& dims) { return std::ranges::find(dims, 0) != dims.end(); }

}  // namespace

void expand_stft(Expanding& e) {
  const Node& node = e.node();
  const auto x = e.dims(e.input(0)), y = e.dims(node.outputs[0]), window_dims = e.dims(e.input(2));
  const auto step = integer(e, 1);
  if (!x || !y || !step || *step < 1 || e.dtype(e.input(0)) != DType::kFloat32 || has_zero(*y)) return;
  if (x->size() != 3 || (*x)[2] != 1 || y->size() != 4) return;
  const bool windowed = e.input(2).valid();
  if (windowed && (!window_dims || window_dims->size() != 1 || e.dtype(e.input(2)) != DType::kFloat32)) return;
  const auto given = integer(e, 3);
  if (e.input(3).valid() && !given) return;
  const std::int64_t length = given ? *given : windowed ? (*window_dims)[0] : (*x)[1];
  const std::int64_t frames = (*y)[1], bins = (*y)[2];
  if (length < 1 || length > kMostLength || (windowed && (*window_dims)[0] != length)) return;
  if (bins != length && bins != length / 2 + 1) return;
  if (frames > kMostElements / length || (frames - 1) * *step + length > (*x)[1]) return;
  std::vector<float> window;
  const Tensor* constant = windowed ? e.graph().constant(e.input(2)) : nullptr;
  if (constant != nullptr) window.assign(constant->data<float>().begin(), constant->data<float>().end());

  const Dims framed = {(*x)[0], frames, length};
  std::vector<std::int64_t> places;
  places.reserve(static_cast<std::size_t>(frames * length));
  for (std::int64_t f = 0; f < frames; ++f) {
    for (std::int64_t k = 0; k < length; ++k) places.push_back(f * *step + k);
  }
  const ValueId indices = e.graph().add_constant(
      "frames", Tensor::of<std::int64_t>({frames, length}, std::span<const std::int64_t>(places)));
  const ValueId signal = e.reshaped(e.input(0), {(*x)[0], (*x)[1]});
  ValueId rows = e.add("Gather", {signal, indices}, framed, {{"axis", std::int64_t{1}}});
  if (windowed && constant == nullptr) rows = e.add("Mul", {rows, e.input(2)}, framed);
  const ValueId matrix = e.graph().add_constant("transform", transform_matrix(length, bins, 1, false, window));
  const Dims flat = {(*x)[0], frames, 2 * bins};
  e.give(0, e.add("Reshape", {e.add("MatMul", {rows, matrix}, flat), e.sizes(*y)}, *y));
  e.done();
}

void expand_dft(Expanding& e) {
  const Node& node = e.node();
  const Result<std::int64_t> inverse = get_int(node, "inverse", 0), onesided = get_int(node, "onesided", 0);
  const auto x = e.dims(e.input(0)), y = e.dims(node.outputs[0]);
  if (!inverse || !onesided || !x || !y || e.dtype(e.input(0)) != DType::kFloat32 || has_zero(*y) || has_zero(*x))
    return;
  if (*inverse != 0 && *onesided != 0) return;  // of half a spectrum
  const auto rank = static_cast<std::int64_t>(x->size());
  if (rank < 2 || y->back() != 2 || (x->back() != 1 && x->back() != 2)) return;
  std::int64_t axis = -2;
  if (e.input(2).valid()) {
    const auto given = integer(e, 2);
    if (!given) return;
    axis = *given;
  }
  if (axis != -2 && axis != rank - 2) return;
  const std::int64_t length = (*x)[x->size() - 2], parts = x->back(), bins = (*y)[y->size() - 2];
  const auto asked = integer(e, 1);
  if (e.input(1).valid() && (!asked || *asked != length)) return;
  if (bins != length && bins != length / 2 + 1) return;
  if (length > kMostLength || length * parts > kMostElements / (2 * bins)) return;
  Dims rows(x->begin(), x->end() - 2), products = rows;
  rows.push_back(length * parts);
  products.push_back(2 * bins);
  const ValueId matrix = e.graph().add_constant("transform", transform_matrix(length, bins, parts, *inverse != 0, {}));
  const ValueId product = e.add("MatMul", {e.reshaped(e.input(0), rows), matrix}, products);
  e.give(0, e.add("Reshape", {product, e.sizes(*y)}, *y));
  e.done();
}

}  // namespace cycloid
