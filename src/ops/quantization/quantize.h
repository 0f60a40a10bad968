// QuantizeLinear, DequantizeLinear (also under com.microsoft) and DynamicQuantizeLinear.
#pragma once

#include "ops/op_list.h"

namespace cycloid {

struct QuantizeAttributes {
  std::int64_t axis = 1;
  std::int64_t block_size = 0;  // 0: not blocked
  DType output_dtype = DType::kUndefined;
  DType precision = DType::kUndefined;  // of the division
  bool saturate = true;                 // to float8

  static Result<QuantizeAttributes> parse(const Node& node);
};

// The scale, zero point and bytes of DynamicQuantizeLinear.
struct DynamicQuantization {
  float scale = 1;
  double zero_point = 0;
  std::vector<double> values;

  static DynamicQuantization of(const std::vector<double>& x);
};

extern const Op kQuantizeLinear;
extern const Op kDequantizeLinear;
extern const Op kDynamicQuantizeLinear;

void add_quantize_ops(OpList& list);

}  // namespace cycloid
