#include "ops/linalg/gemm.h"

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<GemmAttributes> GemmAttributes::parse(const Node& node) {
  GemmAttributes attributes;
  CYCLOID_ASSIGN(attributes.alpha, get_float(node, "alpha", 1));
  CYCLOID_ASSIGN(attributes.beta, get_float(node, "beta", 1));
  CYCLOID_ASSIGN(const std::int64_t trans_a, get_int(node, "transA", 0));
  CYCLOID_ASSIGN(const std::int64_t trans_b, get_int(node, "transB", 0));
  attributes.trans_a = trans_a != 0;
  attributes.trans_b = trans_b != 0;
  return attributes;
}

Result<Shape> GemmAttributes::output_shape(const Shape& a, const Shape& b) const {
  if (a.size() != 2 || b.size() != 2) {
    return invalid_argument("A {} and B {} must have rank 2", to_string(a), to_string(b));
  }
  CYCLOID_TRY(check_equal(a[trans_a ? 0 : 1], b[trans_b ? 1 : 0], "the depths of A and B"));
  return Shape{a[trans_a ? 1 : 0], b[trans_b ? 0 : 1]};
}

namespace {

constexpr DTypeSet kTypes = kFloats | DTypeSet{DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64};

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const GemmAttributes attributes, GemmAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType a, input_type(context, 0, kTypes));
  CYCLOID_ASSIGN(const ValueType b, input_type(context, 1, kTypes));
  CYCLOID_ASSIGN(const auto c, optional_input_type(context, 2, kTypes));
  CYCLOID_TRY(common_dtype(context));
  ValueType y = ValueType::tensor(a.dtype != DType::kUndefined ? a.dtype : b.dtype);
  if (a.shape && b.shape) {
    CYCLOID_ASSIGN(y.shape, attributes.output_shape(*a.shape, *b.shape));
    if (c && c->shape && !broadcasts_to(*c->shape, *y.shape)) {
      return invalid_argument("C {} cannot be broadcast to {}", to_string(*c->shape), to_string(*y.shape));
    }
  } else {
    CYCLOID_TRY(check_rank(a, 2, "A"));
    CYCLOID_TRY(check_rank(b, 2, "B"));
    y.shape = Shape{a.shape ? (*a.shape)[attributes.trans_a ? 1 : 0] : Dim::unknown(),
                    b.shape ? (*b.shape)[attributes.trans_b ? 0 : 1] : Dim::unknown()};
  }
  context.set_output(0, std::move(y));
  return {};
}

template <class T>
MatrixView<T> view(const Tensor& matrix, bool transpose) {
  const std::int64_t columns = matrix.dim(1);
  return transpose ? MatrixView<T>{matrix.data<T>().data(), 1, columns}
                   : MatrixView<T>{matrix.data<T>().data(), columns, 1};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const GemmAttributes attributes, GemmAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* a_input, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Tensor* b_input, tensor_input(context, 1, kTypes));
  CYCLOID_ASSIGN(const Tensor* c_input, optional_tensor_input(context, 2, kTypes));
  CYCLOID_TRY(check_same_dtype(*a_input, *b_input, "A and B"));
  CYCLOID_ASSIGN(const Shape shape, attributes.output_shape(to_shape(a_input->dims()), to_shape(b_input->dims())));
  CYCLOID_ASSIGN(const Dims dims, concrete(shape));
  CYCLOID_ASSIGN(const Tensor a, widened(*a_input));
  CYCLOID_ASSIGN(const Tensor b, widened(*b_input));
  Tensor c;
  if (c_input != nullptr) {
    CYCLOID_TRY(check_same_dtype(*a_input, *c_input, "A and C"));
    CYCLOID_ASSIGN(c, widened(*c_input));
    CYCLOID_ASSIGN(c, broadcast_to(c, dims));
  }
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(a.dtype(), dims));
  const std::int64_t depth = a.dim(attributes.trans_a ? 0 : 1);
  dispatch<float, double, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t>(a.dtype(), [&]<class T>(T) {
    T* to = y.mutable_data<T>().data();
    const T* add = c_input != nullptr ? c.data<T>().data() : nullptr;
    matrix_product(dims[0], dims[1], depth, view<T>(a, attributes.trans_a), view<T>(b, attributes.trans_b),
                   [&](std::int64_t i, std::int64_t j, Accumulator<T> sum) {
                     const std::int64_t at = i * dims[1] + j;
                     if constexpr (std::is_floating_point_v<T>) {
                       double value = static_cast<double>(attributes.alpha) * sum;
                       if (add != nullptr) value += static_cast<double>(attributes.beta) * static_cast<double>(add[at]);
                       to[at] = static_cast<T>(value);
                     } else {
                       // Integer products are exact; a factor that is no integer acts on the exact value.
                       const auto scaled = [](float factor, Accumulator<T> value) {
                         if (factor == 1.0F) return value;
                         const double product =
                             static_cast<double>(factor) * static_cast<double>(static_cast<T>(value));
                         if (!(product > -9.2e18 && product < 9.2e18)) return Accumulator<T>{0};
                         return static_cast<Accumulator<T>>(static_cast<std::int64_t>(product));
                       };
                       Accumulator<T> value = scaled(attributes.alpha, sum);
                       if (add != nullptr) value += scaled(attributes.beta, static_cast<Accumulator<T>>(add[at]));
                       to[at] = static_cast<T>(value);
                     }
                   });
  });
  CYCLOID_ASSIGN(Tensor result, narrowed(std::move(y), a_input->dtype()));
  return outputs(std::move(result));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const GemmAttributes attributes, GemmAttributes::parse(node));
  const Shape* a = input_shape(graph, node, 0);
  const Shape* y = output_shape(graph, node, 0);
  if (a == nullptr || a->size() != 2 || y == nullptr) return cost_with_flops(graph, node, Dim::unknown());
  const Dim bias = node.inputs.size() > 2 && node.inputs[2].valid() ? Dim(1) : Dim(0);
  return cost_with_flops(graph, node, element_count(*y) * ((*a)[attributes.trans_a ? 0 : 1] * 2 + bias));
}

}  // namespace

const Op kGemm = {.domain = "",
                  .name = "Gemm",
                  .since = 11,
                  .min_inputs = 2,
                  .max_inputs = 3,
                  .infer = infer,
                  .evaluate = evaluate,
                  .cost = cost};

}  // namespace cycloid
