#include <algorithm>

#include "kernels/lookup/lookup.h"
#include "ops/ml/label_map.h"
#include "plan/lowering/features.h"

namespace cycloid {
namespace {

using kernels::LookupKey;
using kernels::LookupTable;

std::optional<LookupKey> lookup_key(DType dtype) {
  switch (dtype) {
    case DType::kInt16: return LookupKey::kInt16;
    case DType::kInt32: return LookupKey::kInt32;
    case DType::kInt64: return LookupKey::kInt64;
    case DType::kFloat32: return LookupKey::kFloat32;
    case DType::kFloat64: return LookupKey::kFloat64;
    default: return {};
  }
}

// A unit is some elements.
class LabelStep final : public Step {
 public:
  static constexpr std::int64_t kElements = 4096;  // of a unit
  LabelStep(LookupTable table, Place x, Place y) : table_(std::move(table)), x_(std::move(x)), y_(std::move(y)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    table_.run(context.at<const void>(x_), context.at<void>(y_), begin * kElements,
               std::min(end * kElements, x_.count()));
  }

 private:
  LookupTable table_;
  Place x_, y_;
};

}  // namespace

Declined lower_label_encoder(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto map = LabelMap::parse(node);
  if (!map) return map.error().message();
  const auto key = lookup_key(map->keys.dtype());
  if (!key || map->values.dtype() == DType::kString) return "labels that are strings";
  if (lowering.dtype(node.inputs[0]) != map->keys.dtype()) return "elements of another type than the keys";
  const auto bytes = static_cast<std::int64_t>(size_of(map->values.dtype()));
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return "an element size that the kernel has not";
  LookupTable table(*key, map->keys.bytes(), bytes, map->values.bytes(), map->fallback.bytes(),
                    map->keys.element_count());
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  Lowering::Draft draft{.nodes = {id}, .kernel = "lookup", .reads = {x}, .writes = {y}};
  draft.units = (x.count() + LabelStep::kElements - 1) / LabelStep::kElements;
  draft.cost_ns = (table.is_dense() ? 0.7 : 2) * static_cast<double>(x.count());
  lowering.add(std::make_unique<LabelStep>(std::move(table), x, y), std::move(draft));
  return {};
}

}  // namespace cycloid
