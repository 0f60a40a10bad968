// Col2Im: the columns that im2col cut out of an image, summed back to where they came from.
#include "base/error.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/nn/window.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"
#include "ops/vision/list.h"

namespace cycloid {
namespace {

constexpr DTypeSet kTypes = kNumbers | kBools;

Status infer(InferContext& context) {
  CYCLOID_TRY(WindowAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kTypes));
  CYCLOID_ASSIGN(const ValueType image_type, input_type(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const ValueType block_type, input_type(context, 2, kInt64Type));
  CYCLOID_TRY(check_rank(x, 3, "input"));
  CYCLOID_TRY(check_rank(image_type, 1, "image_shape"));
  CYCLOID_TRY(check_rank(block_type, 1, "block_shape"));
  const auto image = context.shape_data(1);
  const auto block = context.shape_data(2);
  if (image && block && image->size() != block->size())
    return invalid_model("image_shape and block_shape have {} and {} sizes", image->size(), block->size());
  ValueType y = ValueType::tensor(x.dtype);
  if (x.shape && image) {
    y.shape = Shape{(*x.shape)[0], block ? Dim::floor_div((*x.shape)[1], element_count(*block)) : Dim::unknown()};
    y.shape->insert(y.shape->end(), image->begin(), image->end());
  }
  context.set_output(0, std::move(y));
  return {};
}

// The window that cut the columns, whose output counts them.
Result<Window> window_of(const EvalContext& context, const Tensor& x, const Dims& image, const Dims& block) {
  CYCLOID_ASSIGN(const WindowAttributes attributes, WindowAttributes::parse(context.node()));
  CYCLOID_TRY(check_sizes(image, 1, "image_shape"));
  CYCLOID_TRY(check_sizes(block, 1, "block_shape"));
  if (image.empty() || image.size() != block.size())
    return invalid_argument("image_shape {} and block_shape {} do not fit", to_string(image), to_string(block));
  CYCLOID_TRY(attributes.check_rank(image.size()));
  CYCLOID_ASSIGN(const Window window, attributes.resolve(image, block));
  const auto columns = element_count(window.output);
  const auto elements = element_count(block);
  if (!columns || !elements || x.rank() != 3 || x.dim(2) != *columns || x.dim(1) % *elements != 0) {
    return invalid_argument("an input of {} does not hold the blocks {} of an image {}", to_string(x.dims()),
                            to_string(block), to_string(image));
  }
  return window;
}

template <class T>
void sum_columns(const Tensor& x, const Dims& image, const Window& window, std::vector<T>& y) {
  const std::vector<T> values = load_all<T>(x);
  const std::int64_t size = product(image, 0, image.size());
  const Dims strides = strides_of(image);
  const std::int64_t images = x.dim(0) * x.dim(1) / product(window.kernel, 0, window.kernel.size());
  std::size_t from = 0;
  for (std::int64_t n = 0; n < images; ++n) {
    for_each_index(window.kernel, [&](const Dims& k) {
      for_each_index(window.output, [&](const Dims& at) {
        const T value = values[from++];
        std::int64_t to = n * size;
        for (std::size_t i = 0; i < at.size(); ++i) {
          const std::int64_t place = at[i] * window.strides[i] + k[i] * window.dilations[i] - window.pads_begin[i];
          if (place < 0 || place >= image[i]) return;
          to += place * strides[i];
        }
        y[static_cast<std::size_t>(to)] += value;
      });
    });
  }
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Tensor* image_tensor, tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const Tensor* block_tensor, tensor_input(context, 2, kInt64Type));
  CYCLOID_ASSIGN(const Dims image, integers(*image_tensor, "image_shape"));
  CYCLOID_ASSIGN(const Dims block, integers(*block_tensor, "block_shape"));
  CYCLOID_ASSIGN(const Window window, window_of(context, *x, image, block));
  Dims dims{x->dim(0), x->dim(1) / product(block, 0, block.size())};
  dims.insert(dims.end(), image.begin(), image.end());
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  const auto count = static_cast<std::size_t>(product(dims, 0, dims.size()));
  if (wide_of(x->dtype()) == Wide::kDouble) {
    std::vector<double> y(count);
    sum_columns(*x, image, window, y);
    CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, x->dtype(), dims, y));
    return outputs(std::move(result));
  }
  std::vector<std::uint64_t> y(count);  // sums of signed integers wrap to the same bits
  sum_columns(*x, image, window, y);
  CYCLOID_ASSIGN(Tensor result, make_tensor<std::uint64_t>(context, x->dtype(), dims, y));
  return outputs(std::move(result));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* x = input_shape(graph, node, 0);
  return cost_with_flops(graph, node, x != nullptr ? element_count(*x) : Dim::unknown());
}

}  // namespace

const Op kCol2Im = {.domain = "",
                    .name = "Col2Im",
                    .since = 18,
                    .min_inputs = 3,
                    .max_inputs = 3,
                    .infer = infer,
                    .evaluate = evaluate,
                    .cost = cost};

}  // namespace cycloid
