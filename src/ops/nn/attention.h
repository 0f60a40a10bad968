// Attention: scaled dot-product attention with grouped heads, masks, windows and a key/value cache.
#pragma once

#include <optional>

#include "ops/op.h"

namespace cycloid {

struct AttentionAttributes {
  bool is_causal = false;
  std::int64_t left_window = -1;  // -1: unbounded
  std::int64_t right_window = -1;
  std::int64_t q_heads = 0;  // 0: not given; of rank-3 inputs
  std::int64_t kv_heads = 0;
  std::int64_t qk_output = 0;   // what output 3 is: 0 QK, 1 after softcap, 2 with bias, 3 after softmax
  std::optional<double> scale;  // of QK; 1 / sqrt(head size) where not given
  double softcap = 0;           // 0: none

  static Result<AttentionAttributes> parse(const Node& node);
};

// The sizes of one attention.
struct AttentionSizes {
  Dim batch, q_heads, kv_heads, q_length, kv_length, head_size, v_head_size;
};
// From the shapes of Q, K and V, all of rank 3 or all of rank 4.
Result<AttentionSizes> attention_sizes(const AttentionAttributes& attributes, const Shape& q, const Shape& k,
                                       const Shape& v);

extern const Op kAttention;

}  // namespace cycloid
