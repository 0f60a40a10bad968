#include "ops/logical/logical.h"

#include <functional>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

template <class F>
Outputs evaluate_compare(EvalContext& context) {
  ElementKernel kernel;
  kernel.f64 = binary_chunk<double>(F());
  kernel.i64 = binary_chunk<std::int64_t>(F());
  kernel.u64 = binary_chunk<std::uint64_t>(F());
  return map_inputs(context, kernel, DType::kBool);
}

Outputs evaluate_equal(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* a, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* b, context.tensor(1));
  if (a->dtype() != DType::kString || b->dtype() != DType::kString) return evaluate_compare<std::equal_to<>>(context);
  CYCLOID_ASSIGN(const Dims dims, broadcast(a->dims(), b->dims()));
  CYCLOID_ASSIGN(Tensor result, context.allocate(DType::kBool, dims));
  BroadcastWalk walk_a(a->dims(), dims);
  BroadcastWalk walk_b(b->dims(), dims);
  const auto strings_a = a->data<std::string>();
  const auto strings_b = b->data<std::string>();
  for (bool& to : result.mutable_data<bool>()) {
    std::int64_t i = 0;
    std::int64_t j = 0;
    walk_a.next(std::span(&i, 1));
    walk_b.next(std::span(&j, 1));
    to = strings_a[static_cast<std::size_t>(i)] == strings_b[static_cast<std::size_t>(j)];
  }
  return std::vector<Datum>{std::move(result)};
}

// Bits of integers or bools; the result is of the inputs' type.
template <class F>
Outputs evaluate_bits(EvalContext& context) {
  ElementKernel kernel;
  kernel.i64 = binary_chunk<std::int64_t>(F());
  kernel.u64 = binary_chunk<std::uint64_t>(F());
  return map_inputs(context, kernel);
}

Outputs evaluate_not(EvalContext& context) {
  ElementKernel kernel;
  kernel.i64 = unary_chunk<std::int64_t>([](std::int64_t x) { return x == 0; });
  return map_inputs(context, kernel);
}

Result<bool> shifts_left(const Node& node) {
  CYCLOID_ASSIGN(const std::string direction, get_string(node, "direction", ""));
  if (direction != "LEFT" && direction != "RIGHT")
    return invalid_model("attribute 'direction' is '{}', but must be LEFT or RIGHT", direction);
  return direction == "LEFT";
}

Status infer_shift(InferContext& context) {
  CYCLOID_TRY(shifts_left(context.node()));
  return infer_broadcast(context);
}

// Shifts of the type's width or more give 0, or the sign to the right.
Outputs evaluate_shift(EvalContext& context) {
  CYCLOID_ASSIGN(const bool left, shifts_left(context.node()));
  ElementKernel kernel;
  kernel.u64 = binary_chunk<std::uint64_t>([left](std::uint64_t x, std::uint64_t n) -> std::uint64_t {
    if (n >= 64) return 0;
    return left ? x << n : x >> n;
  });
  kernel.i64 = binary_chunk<std::int64_t>([left](std::int64_t x, std::int64_t n) -> std::int64_t {
    if (n < 0 || n >= 64) return left || x >= 0 ? 0 : -1;
    return left ? static_cast<std::int64_t>(static_cast<std::uint64_t>(x) << n) : x >> n;
  });
  return map_inputs(context, kernel);
}

constexpr Op binary(std::string_view name, std::int64_t since, Status (*infer)(InferContext&),
                    Outputs (*evaluate)(EvalContext&), DTypeSet dtypes) {
  return {
      .name = name,
      .since = since,
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = infer,
      .evaluate = evaluate,
      .dtypes = dtypes,
  };
}

constexpr Op kOps[] = {
    binary("Greater", 13, infer_compare, evaluate_compare<std::greater<>>, kNumbers),
    binary("GreaterOrEqual", 16, infer_compare, evaluate_compare<std::greater_equal<>>, kNumbers),
    binary("Less", 13, infer_compare, evaluate_compare<std::less<>>, kNumbers),
    binary("LessOrEqual", 16, infer_compare, evaluate_compare<std::less_equal<>>, kNumbers),
    binary("And", 7, infer_broadcast, evaluate_bits<std::bit_and<>>, kBools),
    binary("Or", 7, infer_broadcast, evaluate_bits<std::bit_or<>>, kBools),
    binary("Xor", 7, infer_broadcast, evaluate_bits<std::bit_xor<>>, kBools),
    binary("BitwiseAnd", 18, infer_broadcast, evaluate_bits<std::bit_and<>>, kInts),
    binary("BitwiseOr", 18, infer_broadcast, evaluate_bits<std::bit_or<>>, kInts),
    binary("BitwiseXor", 18, infer_broadcast, evaluate_bits<std::bit_xor<>>, kInts),
    binary("BitShift", 28, infer_shift, evaluate_shift, kInts),
    {.name = "Not",
     .since = 1,
     .min_inputs = 1,
     .max_inputs = 1,
     .infer = infer_same,
     .evaluate = evaluate_not,
     .dtypes = kBools},
};

}  // namespace

constinit const Op kEqual = binary("Equal", 19, infer_compare, evaluate_equal, kNumbers | kBools | kStrings);

void add_comparison_ops(OpList& list) {
  list.push_back(&kEqual);
  for (const Op& op : kOps) list.push_back(&op);
}

}  // namespace cycloid
