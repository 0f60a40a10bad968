// Convolutions, normalisations and poolings of forms that have no kernel of their own:
//
// ConvTranspose of float64, or of three and more dimensions  =>  Col2Im(MatMul(weights transposed, x)) + bias
// BatchNormalization of these, and of rows of float64        =>  x * s + (bias - mean * s), s = scale / Sqrt(variance + epsilon)
// GlobalAveragePool, GlobalMaxPool of these                  =>  ReduceMean, ReduceMax
#include <algorithm>
#include <numeric>

#include "ops/nn/conv_transpose.h"
#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

bool has_no_elements(const Dims& dims) { return std::ranges::find(dims, 0) != dims.end(); }

// Of a type that kernels compute with, and in a form that those of images do not take.
bool is_other(const Expanding& e, ValueId x) {
  const auto dims = e.dims(x);
  if (!dims || dims->size() < 3 || has_no_elements(*dims)) return false;
  return e.dtype(x) == DType::kFloat64 || (e.dtype(x) == DType::kFloat32 && dims->size() > 4);
}

std::int64_t product_of(const Dims& dims, std::size_t first) {
  return std::accumulate(dims.begin() + static_cast<std::ptrdiff_t>(first), dims.end(), std::int64_t{1},
                         std::multiplies<>());
}

// Of one element a channel, for operands of this rank.
Dims channel_shape(std::int64_t channels, std::size_t rank) {
  Dims shape(rank, 1);
  shape[1] = channels;
  return shape;
}

}  // namespace

void expand_conv_transpose(Expanding& e) {
  const Node& node = e.node();
  const ValueId x = node.inputs[0], w = node.inputs[1], b = e.input(2);
  const auto weights = e.dims(w);
  const auto attributes = ConvTransposeAttributes::parse(node);
  if (!is_other(e, x) || !weights || has_no_elements(*weights) || !attributes) return;
  if (e.dtype(w) != e.dtype(x) || (b.valid() && !e.dims(b))) return;
  const Dims from = *e.dims(x);
  const auto window = attributes->resolve(from, *weights);
  if (!window || has_no_elements(window->output)) return;
  const std::size_t rank = from.size() - 2;
  Dims pads;
  for (std::size_t i = 0; i < rank; ++i) {
    // Col2Im counts the positions of the window in the padded image: where padding of the output makes room for more, or pads
    // are negative, it is another operator.
    const std::int64_t room = window->output[i] + window->pads_begin[i] + window->pads_end[i] - window->extent(i);
    if (window->pads_begin[i] < 0 || window->pads_end[i] < 0 || room < 0 ||
        room / window->strides[i] + 1 != from[i + 2])
      return;
  }
  for (const Dims* list : {&window->pads_begin, &window->pads_end}) pads.insert(pads.end(), list->begin(), list->end());
  const std::int64_t groups = attributes->group, each = from[1] / groups, positions = product_of(from, 2);
  const std::int64_t columns = product_of(*weights, 1), channels = (*weights)[1] * groups;
  const ValueId rows = e.reshaped(w, {groups, each, columns});
  const ValueId images = e.reshaped(x, {from[0], groups, each, positions});
  const ValueId cut = e.add("MatMul", {e.transposed(rows), images}, {from[0], groups, columns, positions});
  Dims to = {from[0], channels};
  to.insert(to.end(), window->output.begin(), window->output.end());
  const Attributes folding = {{"pads", pads}, {"strides", window->strides}, {"dilations", window->dilations}};
  ValueId y =
      e.add("Col2Im",
            {e.reshaped(cut, {from[0], groups * columns, positions}), e.sizes(window->output), e.sizes(window->kernel)},
            to, folding);
  if (b.valid()) y = e.add("Add", {y, e.reshaped(b, channel_shape(channels, from.size()))}, to);
  e.give(0, y);
  e.done();
}

void expand_batch_normalization(Expanding& e) {
  const Node& node = e.node();
  const ValueId x = node.inputs[0];
  const Result<float> epsilon = get_float(node, "epsilon", 1e-5F);
  const Result<std::int64_t> training = get_int(node, "training_mode", 0);
  const auto dims = e.dims(x);
  const bool rows = dims && dims->size() == 2 && e.dtype(x) == DType::kFloat64 && !has_no_elements(*dims);
  if ((!rows && !is_other(e, x)) || !epsilon || !training || *training != 0 || !e.only_first_output()) return;
  const Dims shape = *e.dims(x), each = {shape[1]};
  for (std::size_t i = 1; i < 5; ++i) {
    if (e.dims(e.input(i)) != each || e.dtype(e.input(i)) != e.dtype(x)) return;
  }
  const ValueId shifted = e.add("Add", {e.input(4), e.number(static_cast<double>(*epsilon), e.dtype(x))}, each);
  const ValueId scale = e.add("Div", {e.input(1), e.add("Sqrt", {shifted}, each)}, each);
  const ValueId shift = e.add("Sub", {e.input(2), e.add("Mul", {e.input(3), scale}, each)}, each);
  const Dims broadcast = channel_shape(shape[1], shape.size());
  const ValueId scaled = e.add("Mul", {x, e.reshaped(scale, broadcast)}, shape);
  e.give(0, e.add("Add", {scaled, e.reshaped(shift, broadcast)}, shape));
  e.done();
}

void expand_global_pool(Expanding& e) {
  const Node& node = e.node();
  const ValueId x = node.inputs[0];
  if (!is_other(e, x)) return;
  const Dims shape = *e.dims(x);
  Dims axes(shape.size() - 2), kept(shape.size(), 1);
  std::iota(axes.begin(), axes.end(), std::int64_t{2});
  std::copy_n(shape.begin(), 2, kept.begin());
  const char* const op = node.op_type == "GlobalMaxPool" ? "ReduceMax" : "ReduceMean";
  e.give(0, e.add(op, {x, e.sizes(axes)}, kept));
  e.done();
}

}  // namespace cycloid
