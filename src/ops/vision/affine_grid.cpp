// AffineGrid: the positions of an image's elements, from -1 to 1 along each axis, under affine maps; GridSample's grid.
#include "base/error.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"
#include "ops/vision/list.h"

namespace cycloid {
namespace {

// theta (N, r, r + 1) for images of r axes, 2 or 3.
Status check_theta(const Shape& theta) {
  if (theta.size() != 3) return invalid_argument("theta must have rank 3, but its shape is {}", to_string(theta));
  const bool known = theta[1].is_known() && theta[2].is_known();
  if (known && !(theta[1].is(2) && theta[2].is(3)) && !(theta[1].is(3) && theta[2].is(4)))
    return invalid_argument("theta must have shape [N, 2, 3] or [N, 3, 4], not {}", to_string(theta));
  return {};
}

Status infer(InferContext& context) {
  CYCLOID_TRY(get_int(context.node(), "align_corners", 0));
  CYCLOID_ASSIGN(const ValueType theta, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType size, input_type(context, 1, kInt64Type));
  CYCLOID_TRY(check_rank(size, 1, "size"));
  ValueType grid = ValueType::tensor(theta.dtype);
  if (theta.shape) CYCLOID_TRY(check_theta(*theta.shape));
  if (const auto sizes = context.shape_data(1)) {
    if (sizes->size() != 4 && sizes->size() != 5) return invalid_model("size must have 4 or 5 elements");
    grid.shape = Shape{(*sizes)[0]};
    grid.shape->insert(grid.shape->end(), sizes->begin() + 2, sizes->end());
    grid.shape->push_back(static_cast<std::int64_t>(sizes->size() - 2));
  } else if (theta.shape && (*theta.shape)[1].is_known()) {
    grid.shape = Shape{(*theta.shape)[0]};
    for (std::int64_t i = 0; i < (*theta.shape)[1].value(); ++i) grid.shape->push_back(Dim::unknown());
    grid.shape->push_back((*theta.shape)[1]);
  }
  context.set_output(0, std::move(grid));
  return {};
}

// Where element `i` of `size` lies in [-1, 1].
double position(std::int64_t i, std::int64_t size, bool align_corners) {
  const auto n = static_cast<double>(size);
  if (!align_corners) return (2 * static_cast<double>(i) + 1) / n - 1;
  return size > 1 ? 2 * static_cast<double>(i) / (n - 1) - 1 : 0;  // one element is both corners: their middle
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t align, get_int(context.node(), "align_corners", 0));
  CYCLOID_ASSIGN(const Tensor* theta, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* size_tensor, tensor_input(context, 1, kInt64Type));
  CYCLOID_TRY(check_theta(to_shape(theta->dims())));
  const std::vector<std::int64_t> sizes = to_int64s(*size_tensor);
  const auto axes = static_cast<std::size_t>(theta->dim(1));
  if (sizes.size() != axes + 2 || sizes[0] != theta->dim(0))
    return invalid_argument("size {} does not fit theta {}", to_string(Dims(sizes)), to_string(theta->dims()));
  Dims image(sizes.begin() + 2, sizes.end());
  Dims dims{sizes[0]};
  dims.insert(dims.end(), image.begin(), image.end());
  dims.push_back(theta->dim(1));
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  CYCLOID_ASSIGN(const std::vector<double> maps, doubles(*theta));
  std::vector<double> grid;
  grid.reserve(static_cast<std::size_t>(product(dims, 0, dims.size())));
  for (std::int64_t n = 0; n < sizes[0]; ++n) {
    for_each_index(image, [&](const Dims& index) {
      for (std::size_t row = 0; row < axes; ++row) {
        const double* map = maps.data() + (static_cast<std::size_t>(n) * axes + row) * (axes + 1);
        double value = map[axes];
        for (std::size_t i = 0; i < axes; ++i)  // coordinates name the last axis first
          value += map[i] * position(index[axes - 1 - i], image[axes - 1 - i], align != 0);
        grid.push_back(value);
      }
    });
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, theta->dtype(), dims, grid));
  return outputs(std::move(result));
}

Result<Cost> cost(const Graph& graph, const Node& node) { return cost_per_output(graph, node, 6); }

}  // namespace

const Op kAffineGrid = {.domain = "",
                        .name = "AffineGrid",
                        .since = 20,
                        .min_inputs = 2,
                        .max_inputs = 2,
                        .infer = infer,
                        .evaluate = evaluate,
                        .cost = cost};

}  // namespace cycloid
