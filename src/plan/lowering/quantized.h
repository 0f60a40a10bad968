// What the lowerings of quantised operators have in common.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "kernels/qgemm/qgemm.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

inline bool is_byte(DType dtype) { return dtype == DType::kInt8 || dtype == DType::kUInt8; }

// One number of a scale or zero point: known when the plan is made, or read in the run.
struct ScalarSource {
  double value = 0;
  std::optional<Place> place;

  double get(const StepContext& context) const {
    if (!place) return value;
    switch (place->dtype) {
      case DType::kInt8: return *context.at<const std::int8_t>(*place);
      case DType::kUInt8: return *context.at<const std::uint8_t>(*place);
      default: return static_cast<double>(*context.at<const float>(*place));
    }
  }
};

// Input i of the node as numbers where it is a constant; `fallback` alone where it is absent; nothing where it is computed.
std::optional<std::vector<double>> constant_numbers(const Lowering& lowering, const Node& node, std::size_t i,
                                                    double fallback);
// The same where it has one element; nothing where not.
std::optional<double> constant_number(const Lowering& lowering, const Node& node, std::size_t i, double fallback);
// Input i, of one element, from wherever it comes; nothing where it has several, or its type has no place here.
std::optional<ScalarSource> scalar_source(Lowering& lowering, const Node& node, std::size_t i, double fallback);

// The elements of a constant of bytes or int32.
std::vector<std::int32_t> to_int32s(const std::vector<double>& values);

// A product or convolution of bytes: what is made of its parts in the run.
struct QgemmPlaces {
  Place a, c;
  std::optional<Place> b;
  const void* packed = nullptr;
  ScalarSource a_zero, b_zero, factor{.value = 1, .place = {}};
  const std::int32_t* bias = nullptr;
  const float* scale = nullptr;
  const float* float_bias = nullptr;
  std::int32_t c_zero = 0;
};

// Adds the step; `draft` has its nodes.
void add_qgemm(Lowering& lowering, kernels::QgemmPlan plan, QgemmPlaces places, Lowering::Draft draft);

// Plan memory with these elements, whole vectors of it readable.
template <class T>
const T* constant_array(Lowering& lowering, const std::vector<T>& values) {
  BufferId buffer;
  auto* memory = reinterpret_cast<T*>(lowering.constant_memory((values.size() + 16) * sizeof(T), buffer));
  std::copy(values.begin(), values.end(), memory);
  return memory;
}

}  // namespace cycloid
