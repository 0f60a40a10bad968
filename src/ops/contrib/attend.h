// What the attention operators of com.microsoft have in common: masks, and the attention itself, over heads in rows.
#pragma once

#include <optional>
#include <vector>

#include "ops/op.h"

namespace cycloid {

// Queries, keys and values by (batch, head, position, element).
struct Heads {
  std::int64_t batch = 0, heads = 0, queries = 0, keys = 0;
  std::int64_t size = 0;    // of a query and a key
  std::int64_t v_size = 0;  // of a value
  std::int64_t past = 0;    // keys before the first query
  std::vector<double> q, k, v;
};

struct AttendOptions {
  std::int64_t heads = 0;
  std::optional<double> scale;  // 1 / sqrt(size) where not given
  double filter = -10000;       // what is added to the score of a masked key
  double softcap = 0;           // scores become softcap * tanh(score / softcap); 0: they stay
  bool causal = false;

  // num_heads, scale, mask_filter_value and unidirectional.
  static Result<AttendOptions> parse(const Node& node);
};

// What is added to the scores: a mask of the keys and a bias.
struct Scores {
  std::vector<double> mask;  // by (batch, query, key), 0 or the filter; empty: none
  std::vector<double> bias;  // by (batch or 1, head or 1, query, key); empty: none
  std::int64_t bias_batch = 1;
  std::int64_t bias_heads = 1;
};

// Reads ONNX Runtime's mask input for `heads`: the valid keys of each sequence (batch), their ends and starts (2 * batch),
// or flags that are 0 for a masked key, by (batch, key) or (batch, query, key).
Status read_mask(const Tensor* mask, const AttendOptions& options, const Heads& heads, Scores& scores);
// Reads the bias input, (batch or 1, heads or 1, query, key).
Status read_bias(const Tensor* bias, const Heads& heads, Scores& scores);

// An error where the attention does not fit the memory.
Status check_attention(const EvalContext& context, const Heads& heads);
// The result by (batch, query, head, element of a value).
std::vector<double> attend(const AttendOptions& options, const Heads& heads, const Scores& scores);

// (batch, position, head * element) as (batch, head, position, element).
std::vector<double> split_heads(const std::vector<double>& x, std::int64_t batch, std::int64_t length,
                                std::int64_t heads, std::int64_t size);
// (batch * head, past + now, element): the past of each head put before what is there now.
std::vector<double> join_past(const double* past, std::int64_t past_length, const std::vector<double>& now,
                              std::int64_t now_length, std::int64_t heads, std::int64_t size);

}  // namespace cycloid
