#include "rewrite/batching/batcher.h"

#include <algorithm>
#include <array>

#include "ops/op.h"

namespace cycloid {
namespace {

constexpr std::int64_t kMostConstantTrips = 4096;  // beyond it, the iterations' numbers are made when the model runs

// Operators that may fail on values of the right types. Hoisted out of a loop that runs no iteration, they would fail
// where the loop did not.
constexpr std::array<std::string_view, 14> kMayFail = {
    "Compress", "Expand", "Gather",          "GatherElements", "GatherND",   "If",    "Loop",
    "OneHot",   "Range",  "ScatterElements", "ScatterND",      "SequenceAt", "Split", "TopK"};
static_assert(std::ranges::is_sorted(kMayFail));

// Operators whose handlers know what to do with a lane that does not exist.
constexpr std::array<std::string_view, 12> kTakeSelections = {"Gather",    "GatherND",   "ReduceMax", "ReduceMean",
                                                              "ReduceMin", "ReduceProd", "ReduceSum", "Reshape",
                                                              "Shape",     "Squeeze",    "Transpose", "Unsqueeze"};

std::vector<std::int64_t> counted(std::int64_t from, std::int64_t count) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(from + i);
  return values;
}

}  // namespace

Patch::Ref Batcher::ints(std::span<const std::int64_t> values) {
  const std::vector<std::int64_t> key(values.begin(), values.end());
  const auto at = ints_.find(key);
  return at != ints_.end() ? at->second : ints_.emplace(key, patch_.constant("ints", int64s(key))).first->second;
}

Patch::Ref Batcher::unsqueeze(const Patch::Ref& x, const std::vector<std::int64_t>& axes) {
  return axes.empty() ? x : op("Unsqueeze", {x, ints(axes)});
}

Patch::Ref Batcher::squeeze(const Patch::Ref& x, const std::vector<std::int64_t>& axes) {
  return axes.empty() ? x : op("Squeeze", {x, ints(axes)});
}

Patch::Ref Batcher::transpose(const Patch::Ref& x, std::vector<std::int64_t> permutation) {
  if (std::ranges::is_sorted(permutation)) return x;
  return op("Transpose", {x}, {{"perm", std::move(permutation)}});
}

Patch::Ref Batcher::to_front(const Patch::Ref& x, std::size_t axis, std::size_t rank) {
  std::vector<std::int64_t> permutation = counted(0, static_cast<std::int64_t>(rank));
  std::rotate(permutation.begin(), permutation.begin() + static_cast<std::ptrdiff_t>(axis),
              permutation.begin() + static_cast<std::ptrdiff_t>(axis) + 1);
  return transpose(x, std::move(permutation));
}

std::optional<Lane> Batcher::typed(ValueId id) const {
  const ValueType& type = body_.value(id).type;
  if (!type.is_tensor() || !type.shape || type.dtype == DType::kUndefined) return std::nullopt;
  Lane lane;
  lane.dtype = type.dtype;
  lane.shape = *type.shape;
  return lane;
}

std::optional<Lane> Batcher::uniform(ValueId outer) const {
  const ValueType& type = context_.graph.value(outer).type;
  if (!type.is_tensor() || !type.shape || type.dtype == DType::kUndefined) return std::nullopt;
  Lane lane;
  lane.ref = outer;
  lane.dtype = type.dtype;
  lane.shape = *type.shape;
  if (const Tensor* constant = context_.graph.constant(outer)) lane.constant = *constant;
  return lane;
}

Patch::Ref Batcher::iota() {
  if (!iota_) {
    if (trips_.count.is_known() && trips_.count.value() <= kMostConstantTrips) {
      iota_ = ints(counted(0, trips_.count.value()));
    } else {
      iota_ = op("Range", {patch_.constant("zero", Tensor::scalar<std::int64_t>(0)), trips_.scalar,
                           patch_.constant("one", Tensor::scalar<std::int64_t>(1))});
    }
  }
  return *iota_;
}

Patch::Ref Batcher::affine(const AffineIndex& index, DType dtype) {
  Patch::Ref ref = iota();
  const auto scalar = [&](std::int64_t value) { return patch_.constant("step", Tensor::scalar<std::int64_t>(value)); };
  if (index.step != 1) ref = op("Mul", {ref, scalar(index.step)});
  if (index.start != 0) ref = op("Add", {ref, scalar(index.start)});
  if (dtype != DType::kInt64) ref = op("Cast", {ref}, {{"to", static_cast<std::int64_t>(dtype)}});
  return ref;
}

Patch::Ref Batcher::stacked(const Lane& lane) {
  if (lane.batched) return lane.ref;
  const std::vector<std::int64_t> ones(lane.shape.size(), 1);
  Patch::Ref shape = trips_.vector;
  if (trips_.count.is_known()) {
    std::vector<std::int64_t> sizes = ones;
    sizes.insert(sizes.begin(), trips_.count.value());
    shape = ints(sizes);
  } else if (!ones.empty()) {
    shape = op("Concat", {shape, ints(ones)}, {{"axis", std::int64_t{0}}});
  }
  return op("Expand", {unsqueeze(lane.ref, {0}), shape});
}

Patch::Ref Batcher::aligned(const Lane& lane, std::size_t rank) {
  if (!lane.batched || lane.shape.size() >= rank) return lane.ref;
  return unsqueeze(lane.ref, counted(1, static_cast<std::int64_t>(rank - lane.shape.size())));
}

bool Batcher::decline(const Node& node, std::string_view why) {
  why_ = describe(body_, node) + " " + std::string(why);
  return false;
}

// Constants and captures become lanes when they are first needed.
bool Batcher::provide(ValueId id) {
  if (!id.valid() || lanes_.contains(id)) return true;
  const Value& value = body_.value(id);
  if (value.kind == Value::Kind::kConstant) {
    auto lane = typed(id);
    if (!lane) return false;
    lane->ref = patch_.constant(value.name, value.constant);
    lane->constant = value.constant;
    lanes_.emplace(id, *std::move(lane));
    return true;
  }
  if (value.kind != Value::Kind::kCapture) return false;
  auto lane = uniform(value.outer);
  if (!lane) return false;
  lanes_.emplace(id, *std::move(lane));
  return true;
}

bool Batcher::run(std::span<const ValueId> wanted) {
  std::set<ValueId> needed(wanted.begin(), wanted.end());
  std::vector<NodeId> nodes;
  for (auto at = body_.nodes().rbegin(); at != body_.nodes().rend(); ++at) {
    const Node& node = body_.node(*at);
    const bool makes_needed = std::ranges::any_of(
        node.outputs, [&](ValueId id) { return id.valid() && needed.contains(id) && !lanes_.contains(id); });
    if (!makes_needed) continue;
    nodes.push_back(*at);
    for (const ValueId input : node.inputs) needed.insert(input);
  }
  for (auto at = nodes.rbegin(); at != nodes.rend(); ++at) {
    const Node& node = body_.node(*at);
    for (const ValueId input : node.inputs) {
      if (!provide(input))
        return decline(node, "has an input of unknown type or one that depends on another iteration");
    }
    if (!batch(node)) return false;
  }
  return std::ranges::all_of(wanted, [&](ValueId id) { return provide(id) && lanes_.contains(id); });
}

bool Batcher::batch(const Node& node) {
  const Op* op = find_op(node.domain, node.op_type);
  if (op == nullptr || op->random) return decline(node, "gives another value in every run");
  bool has_body = false;
  for_each_subgraph(node, [&](const std::string&, const Graph&) { has_body = true; });
  if (has_body) return decline(node, "holds a subgraph");
  const bool uniform = std::ranges::all_of(
      node.inputs, [&](ValueId id) { return !id.valid() || (!lanes_.at(id).batched && lanes_.at(id).exists); });
  if (uniform) return batch_uniform(node) || decline(node, "could fail where the loop would not have run it");
  const BatchHandler handler = node.domain.empty() ? batch_handler(node.op_type) : nullptr;
  if (handler == nullptr) return decline(node, "has no batched form");
  const bool takes_selections = std::ranges::find(kTakeSelections, node.op_type) != kTakeSelections.end();
  for (const ValueId id : node.inputs) {
    if (id.valid() && !lanes_.at(id).exists && !takes_selections) return mark_missing(node);
  }
  BatchNode batch_node{.batcher = *this, .node = node, .inputs = {}, .outputs = {}};
  for (const ValueId id : node.inputs) batch_node.inputs.push_back(id.valid() ? &lanes_.at(id) : nullptr);
  for (const ValueId id : node.outputs) {
    auto lane = id.valid() ? typed(id) : std::optional(Lane{});
    if (!lane) return decline(node, "has an output of unknown rank");
    lane->batched = true;
    batch_node.outputs.push_back(*std::move(lane));
  }
  if (!handler(batch_node)) {
    const auto missing = [](const Lane* lane) { return lane != nullptr && !lane->exists; };
    if (std::ranges::any_of(batch_node.inputs, missing)) return mark_missing(node);
    return decline(node, "cannot be batched here");
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].valid()) lanes_.insert_or_assign(node.outputs[i], std::move(batch_node.outputs[i]));
  }
  return true;
}

// What follows from a value that cannot be made cannot be made either; somebody may still ask for its shape.
bool Batcher::mark_missing(const Node& node) {
  for (const ValueId id : node.outputs) {
    if (!id.valid()) continue;
    auto lane = typed(id);
    if (!lane) return decline(node, "has an output of unknown rank");
    lane->batched = true;
    lane->exists = false;
    lanes_.insert_or_assign(id, *std::move(lane));
  }
  return true;
}

bool Batcher::is_safe_without_iterations(const Node& node) const {
  if (trips_.at_least(1)) return true;
  if (node.op_type == "Gather") {  // a constant index in a known size
    const Lane& data = lanes_.at(node.inputs[0]);
    const Lane& index = lanes_.at(node.inputs[1]);
    const auto axis = get_int(node, "axis", 0);
    const auto rank = static_cast<std::int64_t>(data.shape.size());
    if (!axis || *axis < -rank || *axis >= rank || !index.constant) return false;
    const Dim& size = data.shape[static_cast<std::size_t>(*axis < 0 ? *axis + rank : *axis)];
    if (!size.is_known()) return false;
    return std::ranges::all_of(to_int64s(*index.constant),
                               [&](std::int64_t i) { return i >= -size.value() && i < size.value(); });
  }
  const bool integer_division =
      (node.op_type == "Div" || node.op_type == "Mod") && is_integer(lanes_.at(node.inputs[0]).dtype);
  return !integer_division && !std::ranges::binary_search(kMayFail, std::string_view(node.op_type));
}

bool Batcher::batch_uniform(const Node& node) {
  if (!is_safe_without_iterations(node)) return false;
  if (node.op_type == "Identity" && node.domain.empty()) {
    lanes_.insert_or_assign(node.outputs[0], lanes_.at(node.inputs[0]));
    return true;
  }
  std::vector<Patch::Ref> inputs;
  for (const ValueId id : node.inputs) inputs.push_back(id.valid() ? lanes_.at(id).ref : Patch::Ref::none());
  const auto refs =
      patch_.node_with_outputs(node.outputs.size(), node.op_type, std::move(inputs), node.attributes, node.domain);
  for (std::size_t i = 0; i < refs.size(); ++i) {
    if (!node.outputs[i].valid()) continue;
    auto lane = typed(node.outputs[i]);
    if (!lane) return false;
    lane->ref = refs[i];
    lanes_.insert_or_assign(node.outputs[i], *std::move(lane));
  }
  return true;
}

std::optional<std::vector<std::int64_t>> BatchNode::ints(std::size_t i) const {
  if (!has(i) || !in(i).constant) return std::nullopt;
  const DType dtype = in(i).constant->dtype();
  if (dtype != DType::kInt64 && dtype != DType::kInt32) return std::nullopt;
  return to_int64s(*in(i).constant);
}

bool BatchNode::only_batched(std::size_t i) const {
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (has(k) && (in(k).batched != (k == i) || !in(k).exists)) return false;
  }
  return has(i);
}

Patch::Ref BatchNode::emit(std::vector<Patch::Ref> refs, Attributes attributes) {
  const auto made =
      batcher.patch().node_with_outputs(outputs.size(), node.op_type, std::move(refs), std::move(attributes));
  for (std::size_t i = 0; i < made.size(); ++i) outputs[i].ref = made[i];
  return made[0];
}

BatchHandler batch_handler(std::string_view op_type) {
  for (const auto family : {elementwise_batch_handler, axis_batch_handler, movement_batch_handler, gather_batch_handler,
                            product_batch_handler}) {
    if (const BatchHandler handler = family(op_type)) return handler;
  }
  return nullptr;
}

}  // namespace cycloid
