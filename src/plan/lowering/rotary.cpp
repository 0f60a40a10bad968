// RotaryEmbedding of ai.onnx and of com.microsoft.
#include "plan/lowering/rotary.h"

#include <algorithm>

#include "base/error.h"

namespace cycloid {

void rotate_head(const float* x, float* y, std::int64_t half, bool interleaved, const float* cosines,
                 const float* sines) {
  if (interleaved) {
    for (std::int64_t i = 0; i < half; ++i) {
      const float first = x[2 * i], second = x[2 * i + 1];
      y[2 * i] = cosines[i] * first - sines[i] * second;
      y[2 * i + 1] = sines[i] * first + cosines[i] * second;
    }
    return;
  }
  for (std::int64_t i = 0; i < half; ++i) {
    const float first = x[i], second = x[half + i];
    y[i] = cosines[i] * first - sines[i] * second;
    y[half + i] = sines[i] * first + cosines[i] * second;
  }
}

namespace {

struct Rotary {
  Place x, y, cosines, sines;
  std::optional<Place>
      positions;  // (batch, length), or one that is the first; without: the tables are by (batch, length)
  bool first_position = false;
  HeadSteps at;
  std::int64_t batch = 0, heads = 0, length = 0, size = 0;
  std::int64_t half = 0, table_rows = 0;
  bool interleaved = false;
};

// A unit is the heads of one position.
class RotaryStep final : public Step {
 public:
  explicit RotaryStep(Rotary r) : r_(std::move(r)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const auto* x = context.at<const float>(r_.x);
    auto* y = context.at<float>(r_.y);
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t b = unit / r_.length, i = unit % r_.length;
      std::int64_t row = unit;
      if (r_.positions) {
        const auto* positions = context.at<const std::int64_t>(*r_.positions);
        const std::int64_t given = positions[r_.first_position ? 0 : unit];
        row = given < 0 || given >= r_.table_rows ? -1 : given + (r_.first_position ? i : 0);
        if (row < 0 || row >= r_.table_rows) {
          context.run->fail(invalid_argument("position {} is outside a table of {}", given, r_.table_rows));
          return;
        }
      }
      const float* const cosines = context.at<const float>(r_.cosines) + row * r_.half;
      const float* const sines = context.at<const float>(r_.sines) + row * r_.half;
      for (std::int64_t h = 0; h < r_.heads; ++h) {
        const std::int64_t at = r_.at.at(b, h, i);
        rotate_head(x + at, y + at, r_.half, r_.interleaved, cosines, sines);
        std::copy_n(x + at + 2 * r_.half, r_.size - 2 * r_.half, y + at + 2 * r_.half);
      }
    }
  }

 private:
  Rotary r_;
};

struct Inputs {
  ValueId x, cosines, sines, positions;
};

Declined lower_rotary(Lowering& lowering, NodeId id, const Inputs& in, bool microsoft) {
  const Node& node = lowering.graph().node(id);
  const Result<std::int64_t> heads = get_int(node, "num_heads", 0), rotated = get_int(node, "rotary_embedding_dim", 0),
                             interleaved = get_int(node, "interleaved", 0);
  if (!heads || !rotated || !interleaved) return "an attribute of another type";
  if (!lowering.is_float(in.x) || !lowering.is_float(in.cosines) || !lowering.is_float(in.sines))
    return "only float32 is native";
  const Dims x = *lowering.dims(in.x), table = *lowering.dims(in.cosines);
  if (table.empty() || *lowering.dims(in.sines) != table) return "tables of different shapes";
  Rotary r;
  r.half = table.back();
  r.interleaved = *interleaved != 0;
  if (r.half < 1) return "tables without elements";
  if (x.size() == 3) {
    const std::int64_t count = *heads > 0 ? *heads : microsoft ? x[2] / (2 * r.half) : 0;
    if (count < 1 || x[2] % count != 0) return "a width that is no number of heads";
    r.heads = count;
    r.length = x[1];
    r.size = x[2] / count;
    r.at = HeadSteps::by_rows(r.length, x[2], r.size);
  } else if (x.size() == 4) {
    r.heads = x[1];
    r.length = x[2];
    r.size = x[3];
    r.at = HeadSteps::by_heads(r.heads, r.length, r.size);
  } else {
    return "an input whose rank is neither 3 nor 4";
  }
  r.batch = x[0];
  const std::int64_t wanted = microsoft ? 2 * r.half : *rotated == 0 ? r.size : *rotated;
  if (wanted != 2 * r.half || wanted > r.size) return "tables that do not fit the heads";
  if (in.positions.valid()) {
    const Dims positions = *lowering.dims(in.positions);
    r.first_position = microsoft && positions.size() <= 1 && element_count(positions) == 1;
    if (table.size() != 2 || lowering.dtype(in.positions) != DType::kInt64 ||
        (!r.first_position && positions != Dims{r.batch, r.length}))
      return "positions that do not fit the input";
    r.table_rows = table[0];
    r.positions = lowering.read(in.positions, Layout::kRowMajor);
  } else if (table != Dims{r.batch, r.length, r.half}) {
    return "tables that do not fit the input";
  }
  r.x = lowering.read(in.x, Layout::kRowMajor);
  r.cosines = lowering.read(in.cosines, Layout::kRowMajor);
  r.sines = lowering.read(in.sines, Layout::kRowMajor);
  r.y = lowering.define(node.outputs[0], Layout::kRowMajor);
  Lowering::Draft draft{.nodes = {id}, .kernel = "rotary", .reads = {r.x, r.cosines, r.sines}, .writes = {r.y}};
  if (r.positions) draft.reads.push_back(*r.positions);
  draft.units = r.batch * r.length;
  draft.flops = 3 * static_cast<double>(r.y.count());
  draft.speed = 0.1;
  lowering.add(std::make_unique<RotaryStep>(std::move(r)), std::move(draft));
  return {};
}

}  // namespace

Declined lower_rotary_embedding(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId positions = node.inputs.size() > 3 ? node.inputs[3] : ValueId{};
  return lower_rotary(lowering, id, {node.inputs[0], node.inputs[1], node.inputs[2], positions}, false);
}

Declined lower_microsoft_rotary_embedding(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<std::int64_t> packed = get_int(node, "is_packed_batching", 0);
  const Result<float> scale = get_float(node, "scale", 1);
  if (!packed || *packed != 0 || !scale || *scale != 1) return "packed batches, or a scale";
  return lower_rotary(lowering, id, {node.inputs[0], node.inputs[2], node.inputs[3], node.inputs[1]}, true);
}

}  // namespace cycloid
