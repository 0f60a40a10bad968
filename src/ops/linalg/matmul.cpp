#include "ops/linalg/matmul.h"

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<Shape> matmul_shape(const Shape& a, const Shape& b) {
  if (a.empty() || b.empty())
    return invalid_argument("operands {} and {} must have rank 1 or more", to_string(a), to_string(b));
  const Dim& depth_b = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (auto status = check_equal(a.back(), depth_b, "the depths of the operands"); !status) {
    return status.error().in(fmt::format("{} times {}", to_string(a), to_string(b)));
  }
  const Shape batch_a(a.begin(), a.end() - static_cast<std::ptrdiff_t>(std::min<std::size_t>(a.size(), 2)));
  const Shape batch_b(b.begin(), b.end() - static_cast<std::ptrdiff_t>(std::min<std::size_t>(b.size(), 2)));
  CYCLOID_ASSIGN(Shape shape, broadcast(batch_a, batch_b));
  if (a.size() > 1) shape.push_back(a[a.size() - 2]);
  if (b.size() > 1) shape.push_back(b.back());
  return shape;
}

Result<MatMulPlan> MatMulPlan::make(const Dims& a, const Dims& b) {
  CYCLOID_ASSIGN(const Shape shape, matmul_shape(to_shape(a), to_shape(b)));
  MatMulPlan plan;
  CYCLOID_ASSIGN(plan.dims, concrete(shape));
  plan.m = a.size() > 1 ? a[a.size() - 2] : 1;
  plan.n = b.size() > 1 ? b.back() : 1;
  plan.k = a.back();
  Dims batch = plan.dims;
  batch.resize(batch.size() - (a.size() > 1 ? 1 : 0) - (b.size() > 1 ? 1 : 0));
  const auto offsets = [&](const Dims& dims) {
    const Dims strides = strides_of(dims);
    const std::size_t own = dims.size() > 2 ? dims.size() - 2 : 0;
    std::vector<std::int64_t> firsts;
    for_each_index(batch, [&](const Dims& index) {
      std::int64_t first = 0;
      for (std::size_t i = 0; i < own; ++i) {
        if (dims[i] != 1) first += index[batch.size() - own + i] * strides[i];
      }
      firsts.push_back(first);
    });
    return firsts;
  };
  if (element_count(plan.dims).value_or(0) == 0) return plan;
  plan.a_offsets = offsets(a);
  plan.b_offsets = offsets(b);
  return plan;
}

namespace {

constexpr DTypeSet kTypes = kFloats | DTypeSet{DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64};

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType a, input_type(context, 0, kTypes));
  CYCLOID_ASSIGN(const ValueType b, input_type(context, 1, kTypes));
  CYCLOID_TRY(check_same_dtype(a, b, "A and B"));
  ValueType y = ValueType::tensor(a.dtype != DType::kUndefined ? a.dtype : b.dtype);
  if (a.shape && b.shape) {
    CYCLOID_ASSIGN(y.shape, matmul_shape(*a.shape, *b.shape));
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* a_input, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Tensor* b_input, tensor_input(context, 1, kTypes));
  CYCLOID_TRY(check_same_dtype(*a_input, *b_input, "A and B"));
  CYCLOID_ASSIGN(const MatMulPlan plan, MatMulPlan::make(a_input->dims(), b_input->dims()));
  CYCLOID_ASSIGN(const Tensor a, widened(*a_input));
  CYCLOID_ASSIGN(const Tensor b, widened(*b_input));
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(a.dtype(), plan.dims));
  dispatch<float, double, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t>(a.dtype(), [&]<class T>(T) {
    T* to = y.mutable_data<T>().data();
    for (std::size_t p = 0; p < plan.a_offsets.size(); ++p, to += plan.m * plan.n) {
      const MatrixView<T> left{a.data<T>().data() + plan.a_offsets[p], plan.k, 1};
      const MatrixView<T> right{b.data<T>().data() + plan.b_offsets[p], plan.n, 1};
      matrix_product(plan.m, plan.n, plan.k, left, right, [&](std::int64_t i, std::int64_t j, Accumulator<T> sum) {
        to[i * plan.n + j] = static_cast<T>(sum);
      });
    }
  });
  CYCLOID_ASSIGN(Tensor result, narrowed(std::move(y), a_input->dtype()));
  return outputs(std::move(result));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* a = input_shape(graph, node, 0);
  if (a == nullptr || a->empty()) return cost_with_flops(graph, node, Dim::unknown());
  return cost_per_output(graph, node, a->back() * 2);
}

}  // namespace

const Op kMatMul = {.domain = "",
                    .name = "MatMul",
                    .since = 9,
                    .min_inputs = 2,
                    .max_inputs = 2,
                    .infer = infer,
                    .evaluate = evaluate,
                    .cost = cost};

}  // namespace cycloid
