#include "rewrite/elementwise.h"

#include <algorithm>
#include <string_view>

namespace cycloid {
namespace {

constexpr std::string_view kElementwise[] = {"Abs",
                                             "Acos",
                                             "Acosh",
                                             "Add",
                                             "And",
                                             "Asin",
                                             "Asinh",
                                             "Atan",
                                             "Atanh",
                                             "BitShift",
                                             "BitwiseAnd",
                                             "BitwiseNot",
                                             "BitwiseOr",
                                             "BitwiseXor",
                                             "Cast",
                                             "Ceil",
                                             "Celu",
                                             "Cos",
                                             "Cosh",
                                             "Div",
                                             "Elu",
                                             "Equal",
                                             "Erf",
                                             "Exp",
                                             "Floor",
                                             "Gelu",
                                             "Greater",
                                             "GreaterOrEqual",
                                             "HardSigmoid",
                                             "HardSwish",
                                             "IsInf",
                                             "IsNaN",
                                             "LeakyRelu",
                                             "Less",
                                             "LessOrEqual",
                                             "Log",
                                             "Max",
                                             "Mean",
                                             "Min",
                                             "Mish",
                                             "Mod",
                                             "Mul",
                                             "Neg",
                                             "Not",
                                             "Or",
                                             "PRelu",
                                             "Pow",
                                             "Reciprocal",
                                             "Relu",
                                             "Round",
                                             "Selu",
                                             "Shrink",
                                             "Sigmoid",
                                             "Sign",
                                             "Sin",
                                             "Sinh",
                                             "Softplus",
                                             "Softsign",
                                             "Sqrt",
                                             "Sub",
                                             "Sum",
                                             "Swish",
                                             "Tan",
                                             "Tanh",
                                             "ThresholdedRelu",
                                             "Where",
                                             "Xor"};
static_assert(std::ranges::is_sorted(kElementwise));

}  // namespace

bool is_elementwise(std::string_view op_type) { return std::ranges::binary_search(kElementwise, op_type); }

bool is_elementwise(const Node& node) {
  return node.domain.empty() && node.outputs.size() == 1 && is_elementwise(node.op_type);
}

}  // namespace cycloid
