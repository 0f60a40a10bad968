// Operators that give elements another place or shape.
#include <algorithm>
#include <array>

#include "rewrite/batching/batcher.h"

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;

// Of a value with one element; such a value keeps what is known of it whatever its shape.
void keep_notes(BatchNode& node) {
  const auto is_one = [](const Dim& dim) { return dim.is(1); };
  const bool one = std::ranges::all_of(node.in(0).shape, is_one) && std::ranges::all_of(node.outputs[0].shape, is_one);
  if (one) node.outputs[0].index = node.in(0).index;
}

// NonZero's result in another shape is still that list of places.
bool keep_places(BatchNode& node) {
  if (node.in(0).exists) return false;
  if (node.in(0).places == nullptr) return false;
  node.outputs[0] = Lane{.batched = true,
                         .exists = false,
                         .dtype = node.in(0).dtype,
                         .shape = node.outputs[0].shape,
                         .places = node.in(0).places};
  return true;
}

bool reshape(BatchNode& node) {
  if (keep_places(node)) return true;
  if (!node.only_batched(0)) return false;
  const auto allow_zero = get_int(node.node, "allowzero", 0);
  if (!allow_zero || *allow_zero != 0) return false;
  Batcher& b = node.batcher;
  const auto constant = node.ints(1);
  const auto known = known_dims(node.outputs[0].shape);
  if (known && std::ranges::count(*known, 0) == 0) {
    Ints sizes = *known;
    sizes.insert(sizes.begin(), 0);  // copies the number of iterations
    node.emit({node.in(0).ref, b.ints(sizes)}, {});
    keep_notes(node);
    return true;
  }
  // 0 copies the size at its own place: the new first axis, and every other one moved by one like the data's.
  if (!constant) {
    // A -1 cannot be resolved where there are no iterations.
    if (!b.trips().at_least(1)) return false;
    node.emit({node.in(0).ref, b.op("Concat", {b.ints({0}), node.in(1).ref}, {{"axis", std::int64_t{0}}})}, {});
    keep_notes(node);
    return true;
  }
  Ints sizes = *constant;
  const Shape& shape = node.outputs[0].shape;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1 && shape[i].is_known() && shape[i].value() > 0) sizes[i] = shape[i].value();
  }
  if (std::ranges::count(sizes, -1) != 0 && !b.trips().at_least(1)) return false;
  sizes.insert(sizes.begin(), 0);
  node.emit({node.in(0).ref, b.ints(sizes)}, {});
  keep_notes(node);
  return true;
}

bool flatten(BatchNode& node) {
  const auto dims = known_dims(node.outputs[0].shape);
  if (!dims || std::ranges::count(*dims, 0) != 0) return false;
  Ints sizes = *dims;
  sizes.insert(sizes.begin(), 0);
  node.outputs[0].ref = node.batcher.op("Reshape", {node.in(0).ref, node.batcher.ints(sizes)});
  return true;
}

bool transpose(BatchNode& node) {
  if (keep_places(node)) return true;
  if (!node.in(0).exists) return false;
  auto permutation = get_ints(node.node, "perm");
  if (!permutation) return false;
  const std::int64_t rank = node.rank(0);
  if (permutation->empty()) {
    for (std::int64_t i = rank; i-- > 0;) permutation->push_back(i);
  }
  Ints moved{0};
  for (const std::int64_t axis : *permutation) moved.push_back(axis + 1);
  node.outputs[0].ref = node.batcher.transpose(node.in(0).ref, std::move(moved));
  return true;
}

bool squeeze(BatchNode& node) {
  if (keep_places(node)) return true;
  if (!node.only_batched(0)) return false;
  Ints axes;
  if (node.has(1)) {
    const auto given = node.ints(1);
    if (!given) return false;
    axes = *given;
    for (std::int64_t& axis : axes) axis = axis < 0 ? axis : axis + 1;
  } else {
    for (std::size_t i = 0; i < node.in(0).shape.size(); ++i) {
      if (!node.in(0).shape[i].is_known()) return false;
      if (node.in(0).shape[i].is(1)) axes.push_back(static_cast<std::int64_t>(i) + 1);
    }
  }
  node.outputs[0].ref = node.batcher.squeeze(node.in(0).ref, axes);
  keep_notes(node);
  return true;
}

bool unsqueeze(BatchNode& node) {
  if (keep_places(node)) return true;
  auto axes = node.ints(1);
  if (!axes || !node.only_batched(0)) return false;
  const auto rank = static_cast<std::int64_t>(node.outputs[0].shape.size());
  bool behind_first = true;
  for (std::int64_t& axis : *axes) {
    axis = axis < 0 ? axis + rank : axis;
    behind_first = behind_first && axis > 0;
    ++axis;
  }
  node.outputs[0].ref = node.batcher.unsqueeze(node.in(0).ref, *axes);
  keep_notes(node);
  if (behind_first) {
    node.outputs[0].mask = node.in(0).mask;
    node.outputs[0].weight = node.in(0).weight;
  }
  return true;
}

bool expand(BatchNode& node) {
  if (!node.only_batched(0)) return false;
  Batcher& b = node.batcher;
  const auto sizes = node.ints(1);
  Patch::Ref shape = Patch::Ref::none();
  if (sizes) {
    Ints wider = *sizes;
    wider.insert(wider.begin(), 1);
    shape = b.ints(wider);
  } else {
    shape = b.op("Concat", {b.ints({1}), node.in(1).ref}, {{"axis", std::int64_t{0}}});
  }
  // Where the shape has fewer axes than the value, its sizes belong to the last ones.
  if (node.in(1).shape.size() != 1 ||
      !node.in(1).shape[0].is(static_cast<std::int64_t>(node.outputs[0].shape.size()))) {
    return false;
  }
  node.outputs[0].ref = b.op("Expand", {b.aligned(node.in(0), node.outputs[0].shape.size()), shape});
  // Expanding a mask to the size it has leaves it as it was.
  if (node.in(0).mask && node.outputs[0].shape == node.in(0).shape) node.outputs[0].mask = node.in(0).mask;
  keep_notes(node);
  return true;
}

bool tile(BatchNode& node) {
  if (!node.only_batched(0)) return false;
  Batcher& b = node.batcher;
  const auto repeats = node.ints(1);
  Ints wider = repeats.value_or(Ints());
  wider.insert(wider.begin(), 1);
  const auto ref = repeats ? b.ints(wider) : b.op("Concat", {b.ints({1}), node.in(1).ref}, {{"axis", std::int64_t{0}}});
  node.emit({node.in(0).ref, ref}, {});
  return true;
}

// The shape of a value is the same in every iteration.
bool shape(BatchNode& node) {
  const auto start = get_int(node.node, "start", 0);
  if (!start || *start != 0 || has_attribute(node.node, "end")) return false;
  Lane& out = node.outputs[0];
  out.batched = false;
  if (const auto dims = known_dims(node.in(0).shape)) {
    out.constant = int64s(*dims);
    out.ref = node.batcher.patch().constant("shape", *out.constant);
  } else if (node.in(0).shape_of.valid()) {
    out.ref = node.batcher.op("Shape", {node.in(0).shape_of});
  } else if (!node.in(0).exists) {
    return false;
  } else {
    out.ref = node.batcher.op("Shape", {node.in(0).ref}, {{"start", std::int64_t{1}}});
  }
  return true;
}

struct Entry {
  std::string_view op_type;
  BatchHandler handler;
};
constexpr std::array kHandlers = std::to_array<Entry>({{"Expand", expand},
                                                       {"Flatten", flatten},
                                                       {"Reshape", reshape},
                                                       {"Shape", shape},
                                                       {"Squeeze", squeeze},
                                                       {"Tile", tile},
                                                       {"Transpose", transpose},
                                                       {"Unsqueeze", unsqueeze}});

}  // namespace

BatchHandler movement_batch_handler(std::string_view op_type) {
  const auto* at = std::ranges::find(kHandlers, op_type, &Entry::op_type);
  return at != kHandlers.end() ? at->handler : nullptr;
}

}  // namespace cycloid
