// Attention of ai.onnx, and GroupQueryAttention of com.microsoft.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_attention(Lowering& lowering, NodeId id);
Declined lower_group_query_attention(Lowering& lowering, NodeId id);

}  // namespace cycloid
