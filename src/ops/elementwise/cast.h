// Cast, CastLike and BitCast: the same values, or the same bits, under another element type.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kCast;
extern const Op kCastLike;
extern const Op kBitCast;

// The attribute `to` (or another that holds a TensorProto.DataType) as a dtype; an error where it is none.
Result<DType> get_dtype(const Node& node, std::string_view attribute, DType fallback = DType::kUndefined);

// How a cast treats what the target type has not: ONNX's attributes `saturate` and `round_mode`.
struct CastOptions {
  bool saturate = true;
  std::string round_mode = "up";
};
Result<Tensor> cast(const EvalContext& context, const Tensor& from, DType to, const CastOptions& options = {});

}  // namespace cycloid
