// The expansions of Attention and RotaryEmbedding.
#pragma once

#include "cycloid/result.h"
#include "onnx/import/converter.h"

namespace cycloid::onnx {

// softmax(Q K' scale + mask) V, of heads or of rows that hold all heads, with as many heads of keys as of queries.
Status expand_attention(NodeEditor& edit);
// (x1 cos - x2 sin, x1 sin + x2 cos) of the pairs of each head.
Status expand_rotary_embedding(NodeEditor& edit);

}  // namespace cycloid::onnx
