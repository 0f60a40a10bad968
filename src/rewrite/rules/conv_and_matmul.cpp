// transpose(matmul(transpose(x, channels last), w) + b, channels first) => conv(x, w as 1x1, b)
// transpose(conv(transpose(x, channels first), w, b), channels last)    => matmul(x, w') + b for a 1x1 convolution
// reshape(conv(reshape(x), w, b)) => gemm(x, w, b) for a 1x1 convolution of 1x1 images
//
// A 1x1 convolution is a product of matrices; which of the two it should be depends on where its neighbours have the
// channels.
#include <algorithm>
#include <array>

#include "ops/tensor/movement.h"
#include "rewrite/match.h"
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kTranspose[] = {"Transpose"};
constexpr std::string_view kReshapes[] = {"Flatten", "Reshape", "Squeeze", "Transpose"};

// [0, 2, ..., n - 1, 1]
Permutation channels_last(std::size_t rank) {
  Permutation p = {0};
  for (std::size_t i = 2; i < rank; ++i) p.push_back(static_cast<std::int64_t>(i));
  p.push_back(1);
  return p;
}
Permutation channels_first(std::size_t rank) { return inverse(channels_last(rank)); }

// x of transpose(x, p), where nothing else uses the result.
ValueId transposed_by(const RuleContext& context, ValueId id, const Permutation& p) {
  const Node* transpose = context.producer(id, "Transpose");
  if (transpose == nullptr || !only_user(context, id).valid()) return {};
  return permutation_of(context, *transpose) == p ? transpose->inputs[0] : ValueId{};
}

// The elements of a constant that is, but for axes of size 1, a vector along the last axis.
bool is_row(const Tensor& tensor) { return tensor.rank() > 0 && tensor.element_count() == tensor.dims().back(); }

std::optional<Patch> to_conv(const RuleContext& context, NodeId root) {
  const Node& last = context.graph.node(root);
  const Shape* shape = context.shape(last.outputs[0]);
  if (shape == nullptr || shape->size() < 3 || shape->size() > 5) return std::nullopt;
  if (permutation_of(context, last) != channels_first(shape->size())) return std::nullopt;
  // A convolution has no empty images, where a product may have no rows.
  if (std::any_of(shape->begin() + 2, shape->end(), may_be_zero)) return std::nullopt;
  ValueId product = last.inputs[0];
  const Tensor* bias = nullptr;
  ValueId bias_id;
  if (const Node* add = context.producer(product, "Add"); add != nullptr && only_user(context, product) == root) {
    for (const std::size_t i : {0U, 1U}) {
      const Tensor* constant = context.constant(add->inputs[i]);
      if (constant == nullptr || !is_row(*constant) || constant->rank() > shape->size()) continue;
      bias = constant;
      bias_id = add->inputs[i];
      product = add->inputs[1 - i];
      break;
    }
    if (bias == nullptr) return std::nullopt;
  }
  const Node* matmul = context.producer(product, "MatMul");
  if (matmul == nullptr || !only_user(context, product).valid()) return std::nullopt;
  const Tensor* weights = context.constant(matmul->inputs[1]);
  const ValueId x = transposed_by(context, matmul->inputs[0], channels_last(shape->size()));
  if (weights == nullptr || weights->rank() != 2 || !x.valid() || context.dtype(x) != DType::kFloat32)
    return std::nullopt;
  if (bias != nullptr && bias->element_count() != weights->dim(1)) return std::nullopt;
  Dims dims = {weights->dim(1), weights->dim(0)};
  dims.resize(shape->size(), 1);
  Patch patch;
  const Tensor turned = transposed(*weights, {1, 0}).value().reshaped(dims);
  std::vector<Patch::Ref> inputs = {x, patch.constant(context.value(matmul->inputs[1]).name, turned)};
  if (bias != nullptr)
    inputs.push_back(patch.constant(context.value(bias_id).name, bias->reshaped({bias->element_count()})));
  patch.replace(last.outputs[0], patch.node("Conv", std::move(inputs)));
  return patch;
}

// A convolution that computes each pixel from itself alone.
bool is_pointwise(const RuleContext& context, const Node& conv, const Tensor& weights) {
  const auto group = get_int(conv, "group", 1);
  const auto strides = get_ints(conv, "strides", {});
  const auto pads = get_ints(conv, "pads", {});
  const auto pad = get_string(conv, "auto_pad", "NOTSET");
  const bool plain = group && *group == 1 && strides && pads && pad && weights.rank() >= 3 &&
                     context.dtype(conv.outputs[0]) == DType::kFloat32;
  const auto is_one = [](std::int64_t size) { return size == 1; };
  // Of a kernel of one pixel every auto_pad pads nothing.
  return plain && std::all_of(weights.dims().begin() + 2, weights.dims().end(), is_one) &&
         std::ranges::all_of(*strides, is_one) && std::ranges::count(*pads, 0) == std::ssize(*pads);
}

struct Pointwise {
  const Node* conv;
  const Tensor* weights;
};
std::optional<Pointwise> pointwise(const RuleContext& context, ValueId id) {
  const Node* conv = context.producer(id, "Conv");
  const Tensor* weights = conv != nullptr ? context.constant(conv->inputs[1]) : nullptr;
  if (weights == nullptr || !only_user(context, id).valid() || !is_pointwise(context, *conv, *weights))
    return std::nullopt;
  if (has_input(*conv, 2) && context.constant(conv->inputs[2]) == nullptr) return std::nullopt;
  return Pointwise{conv, weights};
}

// Between two Transposes.
std::optional<Patch> to_matmul(const RuleContext& context, const Node& last) {
  const Shape* shape = context.shape(last.outputs[0]);
  const auto found = pointwise(context, last.inputs[0]);
  if (!found || shape == nullptr || permutation_of(context, last) != channels_last(shape->size())) return std::nullopt;
  const ValueId x = transposed_by(context, found->conv->inputs[0], channels_first(shape->size()));
  if (!x.valid()) return std::nullopt;
  Patch patch;
  const Tensor matrix = found->weights->reshaped({found->weights->dim(0), found->weights->dim(1)});
  const auto weights = patch.constant(context.value(found->conv->inputs[1]).name, transposed(matrix, {1, 0}).value());
  auto result = patch.node("MatMul", {x, weights});
  if (has_input(*found->conv, 2)) result = patch.node("Add", {result, found->conv->inputs[2]});
  patch.replace(last.outputs[0], result);
  return patch;
}

// Of images of one pixel, which are rows with other shapes.
std::optional<Patch> to_gemm(const RuleContext& context, const Node& last) {
  const auto found = pointwise(context, last.inputs[0]);
  const Node* first = found ? context.graph.producer(found->conv->inputs[0]) : nullptr;
  if (first == nullptr || !is_one_of(*first, std::array<std::string_view, 2>{"Reshape", "Unsqueeze"}))
    return std::nullopt;
  if (!only_user(context, found->conv->inputs[0]).valid()) return std::nullopt;
  const Shape* x = context.shape(first->inputs[0]);
  const Shape* image = context.shape(found->conv->inputs[0]);
  const Shape* y = context.shape(last.outputs[0]);
  if (x == nullptr || image == nullptr || y == nullptr || x->size() != 2 || y->size() != 2) return std::nullopt;
  if (!std::equal(x->begin(), x->end(), image->begin()) || !((*y)[0] == (*x)[0])) return std::nullopt;
  if (!(*x)[1].is(found->weights->dim(1)) || !(*y)[1].is(found->weights->dim(0))) return std::nullopt;
  if (!one_element(Shape(image->begin() + 2, image->end()))) return std::nullopt;
  Patch patch;
  const Tensor matrix = found->weights->reshaped({found->weights->dim(0), found->weights->dim(1)});
  std::vector<Patch::Ref> inputs = {first->inputs[0],
                                    patch.constant(context.value(found->conv->inputs[1]).name, matrix)};
  if (has_input(*found->conv, 2)) inputs.emplace_back(found->conv->inputs[2]);
  patch.replace(last.outputs[0], patch.node("Gemm", std::move(inputs), {{"transB", std::int64_t{1}}}));
  return patch;
}

std::optional<Patch> from_conv(const RuleContext& context, NodeId root) {
  const Node& last = context.graph.node(root);
  return last.op_type == "Transpose" ? to_matmul(context, last) : to_gemm(context, last);
}

}  // namespace

const Rule kMatMulToConv = {
    .name = "matmul-to-conv",
    .law =
        "transpose(matmul(transpose(x), w) + b) => conv(x, w, b) where the transposes move the channels last and back",
    .why = "A convolution of one pixel is the product of its channels with a matrix, and has the channels first.",
    .kind = RuleKind::kFewerNodes,
    .exact = false,
    .roots = kTranspose,
    .propose = to_conv,
};

const Rule kConvToMatMul = {
    .name = "conv-to-matmul",
    .law =
        "transpose(conv(transpose(x), w, b)) => matmul(x, w) + b; reshape(conv(reshape(x), w, b)) => gemm(x, w, b); w "
        "1x1",
    .why = "A convolution of one pixel is the product of its channels with a matrix, and a product has them last.",
    .kind = RuleKind::kFewerNodes,
    .exact = false,
    .roots = kReshapes,
    .propose = from_conv,
};

}  // namespace cycloid
