#include "plan/lowering/attend_steps.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/aligned.h"
#include "base/error.h"

namespace cycloid {

std::optional<Lengths::Range> Lengths::get(const StepContext& context, std::int64_t b) const {
  if (kind == Kind::kValid) {
    const std::int64_t valid = context.at<const std::int64_t>(place)[b];
    if (valid >= 0 && valid <= keys) return Range{valid, valid - queries};
    context.run->fail(invalid_argument("nonpad_kv_seqlen has {}, but there are {} keys", valid, keys));
    return {};
  }
  const std::int64_t valid = std::int64_t{context.at<const std::int32_t>(place)[b]} + 1;
  const std::int64_t before = prompt ? 0 : valid - queries;
  if (valid >= (prompt ? 0 : queries) && valid <= keys && before <= past) return Range{before + queries, before};
  context.run->fail(
      invalid_argument("seqlens_k has {} for {} queries, {} keys and a cache of {}", valid - 1, queries, keys, past));
  return {};
}

namespace {

// A unit is a head.
class CachingStep final : public Step {
 public:
  explicit CachingStep(Caching c) : c_(std::move(c)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t b = unit / c_.heads, h = unit % c_.heads;
      std::int64_t before = c_.past_length;
      if (c_.lengths) {
        const auto range = c_.lengths->get(context, b);
        if (!range) return;
        before = range->before;
      }
      const bool keeps = c_.room > c_.length;
      float* to = context.at<float>(c_.to) + unit * c_.room * c_.size;
      if (keeps && c_.past) {
        const float* past = context.at<const float>(*c_.past) + unit * c_.past_length * c_.size;
        std::copy_n(past, before * c_.size, to);
        to += before * c_.size;
      }
      if (!add_rows(context, b, h, before, to)) return;
      to += c_.length * c_.size;
      if (keeps) std::fill_n(to, (c_.room - before - c_.length) * c_.size, 0.0F);
    }
  }

 private:
  bool add_rows(const StepContext& context, std::int64_t b, std::int64_t h, std::int64_t before, float* to) const {
    const auto* now = context.at<const float>(c_.now);
    for (std::int64_t i = 0; i < c_.length; ++i, to += c_.size) {
      const float* from = now + c_.now_at.at(b, h, i);
      if (!c_.cosines) {
        std::copy_n(from, c_.size, to);
        continue;
      }
      const std::int64_t row = before + i;
      if (row >= c_.table_rows) {
        context.run->fail(invalid_argument("position {} is outside a table of {}", row, c_.table_rows));
        return false;
      }
      rotate_head(from, to, c_.half, c_.interleaved, context.at<const float>(*c_.cosines) + row * c_.half,
                  context.at<const float>(*c_.sines) + row * c_.half);
      std::copy_n(from + 2 * c_.half, c_.size - 2 * c_.half, to + 2 * c_.half);
    }
    return true;
  }

  Caching c_;
};

// A unit is a block of queries of one head; of one query a head, all heads that share their keys.
class AttendStep final : public Step {
 public:
  AttendStep(Attending a, Isa isa) : a_(std::move(a)) {
    constexpr std::int64_t kFar = std::int64_t{1} << 40;  // positions plus a window stay within int64
    a_.left_window = std::min(a_.left_window, kFar);
    a_.right_window = std::min(a_.right_window, kFar);
    group_ = a_.heads / a_.kv_heads;
    joined_ = a_.queries == 1;
    rows_ = joined_ ? group_ : kernels::attend_block(a_.queries, a_.keys);
    blocks_ = joined_ ? 1 : (a_.queries + rows_ - 1) / rows_;
    plan_ = kernels::plan_attend({.rows = rows_, .keys = a_.keys, .size = a_.size, .v_size = a_.v_size}, isa);
  }

  std::int64_t units() const { return a_.batch * (joined_ ? a_.kv_heads : a_.heads) * blocks_; }
  // The kernel's, the rows, and a row of bias each where the mask has truth values.
  std::size_t scratch_bytes() const { return bias_offset() + (chooses() ? bias_bytes() : 0); }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t block = unit % blocks_, of = unit / blocks_;
      const std::int64_t heads = joined_ ? a_.kv_heads : a_.heads;
      const std::int64_t b = of / heads, first_head = joined_ ? of % heads * group_ : of % heads;
      const std::int64_t first = block * rows_, count = joined_ ? group_ : std::min(rows_, a_.queries - first);
      if (count <= 0) continue;
      auto* const rows = reinterpret_cast<kernels::AttendRow*>(context.scratch + rows_offset());
      if (!describe(context, b, first_head, first, count, rows)) return;
      const std::int64_t kv = first_head / group_;
      plan_.run({.q = context.at<const float>(a_.q) + a_.q_at.at(b, first_head, first),
                 .q_step = joined_ ? a_.q_at.head : a_.q_at.row,
                 .rows = rows,
                 .row_count = count,
                 .k = context.at<const float>(a_.k) + a_.k_at.at(b, kv, 0),
                 .k_step = a_.k_at.row,
                 .v = context.at<const float>(a_.v) + a_.v_at.at(b, kv, 0),
                 .v_step = a_.v_at.row,
                 .scale = a_.scale,
                 .softcap = a_.softcap,
                 .y = context.at<float>(a_.y) + a_.y_at.at(b, first_head, first),
                 .y_step = joined_ ? a_.y_at.head : a_.y_at.row,
                 .scratch = context.scratch});
    }
  }

 private:
  bool chooses() const { return a_.mask && a_.mask->dtype == DType::kBool; }
  std::size_t rows_offset() const { return plan_.scratch_bytes; }
  std::size_t bias_offset() const {
    return rows_offset() + align_up(static_cast<std::size_t>(rows_) * sizeof(kernels::AttendRow));
  }
  std::size_t bias_bytes() const { return static_cast<std::size_t>(rows_ * a_.mask_keys) * sizeof(float); }

  // What each row of the block sees.
  bool describe(const StepContext& context, std::int64_t b, std::int64_t head, std::int64_t first, std::int64_t count,
                kernels::AttendRow* rows) const {
    std::int64_t valid = a_.keys, before = a_.before;
    if (a_.lengths) {
      const auto range = a_.lengths->get(context, b);
      if (!range) return false;
      valid = range->valid;
      if (a_.lengths->kind == Lengths::Kind::kLast || a_.before == 0) before = range->before;
    }
    if (a_.mask) valid = std::min(valid, a_.mask_keys);
    for (std::int64_t r = 0; r < count; ++r) {
      const std::int64_t i = joined_ ? 0 : first + r, position = before + i;
      kernels::AttendRow row{.bias = nullptr, .first = 0, .last = valid};
      if (a_.causal) row.last = std::min(row.last, position + 1);
      if (a_.right_window >= 0) row.last = std::min(row.last, position + a_.right_window + 1);
      if (a_.left_window >= 0) row.first = std::max(row.first, position - a_.left_window);
      row.last = std::max<std::int64_t>(row.last, 0);
      row.first = std::clamp<std::int64_t>(row.first, 0, row.last);
      if (a_.mask) row.bias = bias_of(context, a_.mask_at.at(b, joined_ ? head + r : head, i), r);
      rows[r] = row;
    }
    return true;
  }

  const float* bias_of(const StepContext& context, std::int64_t at, std::int64_t r) const {
    if (!chooses()) return context.at<const float>(*a_.mask) + at;
    const auto* kept = context.at<const std::uint8_t>(*a_.mask) + at;
    auto* bias = reinterpret_cast<float*>(context.scratch + bias_offset()) + r * a_.mask_keys;
    for (std::int64_t j = 0; j < a_.mask_keys; ++j)
      bias[j] = kept[j] != 0 ? 0.0F : -std::numeric_limits<float>::infinity();
    return bias;
  }

  Attending a_;
  std::int64_t group_ = 1, rows_ = 1, blocks_ = 1;
  bool joined_ = false;
  kernels::AttendPlan plan_;
};

}  // namespace

void add_caching(Lowering& lowering, NodeId id, Caching c) {
  Lowering::Draft draft{.nodes = {id}, .kernel = "attention.cache", .reads = {c.now}, .writes = {c.to}};
  for (const std::optional<Place>& place : {c.past, c.cosines, c.sines}) {
    if (place) draft.reads.push_back(*place);
  }
  if (c.lengths) draft.reads.push_back(c.lengths->place);
  draft.units = c.batch * c.heads;
  draft.flops = c.cosines ? 3 * static_cast<double>(c.batch * c.heads * c.length * c.size) : 0;
  draft.speed = 0.1;
  lowering.add(std::make_unique<CachingStep>(std::move(c)), std::move(draft));
}

void add_attending(Lowering& lowering, NodeId id, Attending a) {
  Lowering::Draft draft{.nodes = {id}, .kernel = "attention", .reads = {a.q, a.k, a.v}, .writes = {a.y}};
  if (a.mask) draft.reads.push_back(*a.mask);
  if (a.lengths) draft.reads.push_back(a.lengths->place);
  const double scores = static_cast<double>(a.batch * a.heads * a.queries) * static_cast<double>(a.keys) *
                        (a.causal && a.queries > 1 && a.queries == a.keys ? 0.5 : 1.0);
  draft.flops = scores * static_cast<double>(2 * a.size + 2 * a.v_size + 5);
  draft.speed = 0.6;
  auto step = std::make_unique<AttendStep>(std::move(a), lowering.options().isa);
  draft.units = step->units();
  draft.scratch_bytes = step->scratch_bytes();
  lowering.add(std::move(step), std::move(draft));
}

}  // namespace cycloid
