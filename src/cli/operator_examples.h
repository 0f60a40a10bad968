// A model of one node for each operator that kernels take: by planning them, `cycloid operators` finds out which element types
// run by kernels.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "ops/dtype_set.h"

namespace cycloid {

struct OperatorExample {
  // In the text form, with $ for the element type that varies, ~ for the number of another of as many bits. Inputs in capitals are constants of ones (of zeros in types of fewer bits than 8 and float8).
  std::string text;
  // The node's input that has the element type, if one has: what an If returns has it, but no input.
  std::optional<std::size_t> input;
};

// Nothing for operators that only the reference evaluation takes.
std::optional<OperatorExample> operator_example(std::string_view domain, std::string_view name);

// Its model with this element type. An error where the operator does not take it.
Result<ModelIr> example_model(const OperatorExample& example, DType dtype);

// Of `dtypes`, those that run without the reference evaluation, and those that need it. By the plan for plain C++, which every
// machine can make. Types that the operator does not take are in neither.
struct TriedTypes {
  DTypeSet kernels, reference;
};
TriedTypes try_types(const OperatorExample& example, DTypeSet dtypes);

}  // namespace cycloid
