// What the versions of the standard's operators take: attributes, inputs, element types.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "graph/graph.h"

namespace cycloid::onnx {

struct OpSchema {
  std::string_view op;  // "Conv", "ai.onnx.ml.Scaler": its domain before it where that is not ai.onnx
  std::int64_t since = 1;
  int min_inputs = 0;
  int max_inputs = 0;                           // -1: any number; the last of `inputs` repeats
  std::string_view attributes;                  // each with a space before and after it
  std::initializer_list<std::uint32_t> inputs;  // element types: bit i is the DType i; 0: no tensor
  std::initializer_list<std::uint32_t> outputs;

  bool withdrawn() const { return min_inputs < 0; }
  bool has_attribute(std::string_view name) const;
};

// All versions, those of an operator side by side.
std::span<const OpSchema> all_schemas();

// The operator as the operator set `opset` has it; nullptr where it has none (or no longer).
const OpSchema* find_schema(std::string_view op, std::int64_t opset);

// The first operator set with the operator; nullopt where no operator is called so.
std::optional<std::int64_t> first_opset(std::string_view op);

}  // namespace cycloid::onnx
