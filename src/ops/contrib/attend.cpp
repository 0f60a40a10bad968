#include "ops/contrib/attend.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {

Result<AttendOptions> AttendOptions::parse(const Node& node) {
  AttendOptions options;
  CYCLOID_ASSIGN(options.heads, get_int(node, "num_heads", 0));
  if (options.heads < 1) return invalid_model("num_heads must be 1 or more, but is {}", options.heads);
  CYCLOID_ASSIGN(const float scale, get_float(node, "scale", 0));
  if (scale != 0) options.scale = static_cast<double>(scale);
  CYCLOID_ASSIGN(const float filter, get_float(node, "mask_filter_value", -10000.0F));
  options.filter = static_cast<double>(filter);
  CYCLOID_ASSIGN(const std::int64_t causal, get_int(node, "unidirectional", 0));
  options.causal = causal != 0;
  for (const char* name : {"do_rotary", "past_present_share_buffer"}) {
    CYCLOID_ASSIGN(const std::int64_t given, get_int(node, name, 0));
    if (given != 0) return unsupported("the attribute {}", name);
  }
  return options;
}

Status read_mask(const Tensor* mask, const AttendOptions& options, const Heads& h, Scores& scores) {
  if (mask == nullptr) return {};
  const std::vector<std::int64_t> flags = to_int64s(*mask);
  const Dims& dims = mask->dims();
  const auto keep = [&](const auto& kept) {
    scores.mask.reserve(static_cast<std::size_t>(h.batch * h.queries * h.keys));
    for (std::int64_t b = 0; b < h.batch; ++b) {
      for (std::int64_t i = 0; i < h.queries; ++i) {
        for (std::int64_t j = 0; j < h.keys; ++j) scores.mask.push_back(kept(b, i, j) ? 0 : options.filter);
      }
    }
  };
  const auto flag = [&](std::int64_t at) { return flags[static_cast<std::size_t>(at)]; };
  if (dims == Dims{h.batch}) {
    keep([&](std::int64_t b, std::int64_t, std::int64_t j) { return j < flag(b); });
  } else if (dims == Dims{2 * h.batch}) {
    keep([&](std::int64_t b, std::int64_t, std::int64_t j) { return j < flag(b) && j >= flag(h.batch + b); });
  } else if (dims == Dims{h.batch, h.keys}) {
    keep([&](std::int64_t b, std::int64_t, std::int64_t j) { return flag(b * h.keys + j) > 0; });
  } else if (dims == Dims{h.batch, h.queries, h.keys}) {
    keep([&](std::int64_t b, std::int64_t i, std::int64_t j) { return flag((b * h.queries + i) * h.keys + j) > 0; });
  } else {
    return invalid_argument("a mask of shape {} does not fit {} x {} queries and {} keys", to_string(dims), h.batch,
                            h.queries, h.keys);
  }
  return {};
}

Status read_bias(const Tensor* bias, const Heads& h, Scores& scores) {
  if (bias == nullptr) return {};
  const Dims& dims = bias->dims();
  const bool fits = dims.size() == 4 && (dims[0] == 1 || dims[0] == h.batch) && (dims[1] == 1 || dims[1] == h.heads) &&
                    dims[2] == h.queries && dims[3] == h.keys;
  if (!fits)
    return invalid_argument("attention_bias {} does not fit {} queries and {} keys", to_string(dims), h.queries,
                            h.keys);
  CYCLOID_ASSIGN(scores.bias, doubles(*bias));
  scores.bias_batch = dims[0];
  scores.bias_heads = dims[1];
  return {};
}

Status check_attention(const EvalContext& context, const Heads& h) {
  const Dims y{h.batch, h.queries, h.heads, h.v_size};
  CYCLOID_TRY(concrete(to_shape(y)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, y));
  return check_fits(context, DType::kFloat64, {h.batch, h.queries, h.keys});
}

std::vector<double> attend(const AttendOptions& options, const Heads& h, const Scores& scores) {
  std::vector<double> y(static_cast<std::size_t>(h.batch * h.queries * h.heads * h.v_size));
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(h.size)));
  std::vector<double> row(static_cast<std::size_t>(h.keys));
  for (std::int64_t at = 0; at < h.batch * h.heads * h.queries && h.keys > 0; ++at) {
    if (stopping()) break;
    const std::int64_t i = at % h.queries;
    const std::int64_t head = at / h.queries % h.heads;
    const std::int64_t b = at / h.queries / h.heads;
    const double* q = h.q.data() + at * h.size;
    const double* k = h.k.data() + (b * h.heads + head) * h.keys * h.size;
    const double* v = h.v.data() + (b * h.heads + head) * h.keys * h.v_size;
    const double* mask = scores.mask.empty() ? nullptr : scores.mask.data() + (b * h.queries + i) * h.keys;
    const std::int64_t bias_row =
        ((scores.bias_batch == 1 ? 0 : b) * scores.bias_heads + (scores.bias_heads == 1 ? 0 : head)) * h.queries + i;
    const double* bias = scores.bias.empty() ? nullptr : scores.bias.data() + bias_row * h.keys;
    for (std::int64_t j = 0; j < h.keys; ++j) {
      double& score = row[static_cast<std::size_t>(j)];
      score = 0;
      for (std::int64_t d = 0; d < h.size; ++d) score += q[d] * k[j * h.size + d];
      score *= scale;
      if (options.softcap != 0) score = options.softcap * std::tanh(score / options.softcap);
      score += (mask != nullptr ? mask[j] : 0) + (bias != nullptr ? bias[j] : 0);
      if (options.causal && j > h.past + i) score = -std::numeric_limits<double>::infinity();
    }
    const double most = *std::ranges::max_element(row);
    double sum = 0;
    for (double& score : row) sum += score = std::exp(score - most);
    double* to = y.data() + ((b * h.queries + i) * h.heads + head) * h.v_size;
    for (std::int64_t j = 0; j < h.keys; ++j) {
      for (std::int64_t d = 0; d < h.v_size; ++d) to[d] += row[static_cast<std::size_t>(j)] / sum * v[j * h.v_size + d];
    }
  }
  return y;
}

std::vector<double> split_heads(const std::vector<double>& x, std::int64_t batch, std::int64_t length,
                                std::int64_t heads, std::int64_t size) {
  std::vector<double> y;
  y.reserve(x.size());
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t t = 0; t < length; ++t) {
        const double* from = x.data() + ((b * length + t) * heads + h) * size;
        y.insert(y.end(), from, from + size);
      }
    }
  }
  return y;
}

std::vector<double> join_past(const double* past, std::int64_t past_length, const std::vector<double>& now,
                              std::int64_t now_length, std::int64_t heads, std::int64_t size) {
  std::vector<double> y;
  y.reserve(static_cast<std::size_t>(heads * (past_length + now_length) * size));
  for (std::int64_t h = 0; h < heads; ++h) {
    const double* before = past + h * past_length * size;
    const double* after = now.data() + h * now_length * size;
    y.insert(y.end(), before, before + past_length * size);
    y.insert(y.end(), after, after + now_length * size);
  }
  return y;
}

}  // namespace cycloid
