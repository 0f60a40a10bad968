// Batcher: all iterations of a loop's body at once, along a new first axis.
//
// Each value of the body becomes a Lane: uniform (the same in every iteration) or batched. Handlers, one a family of
// operators, say how a node works on lanes; a node without one cannot be batched.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "rewrite/batching/lane.h"
#include "rewrite/rule.h"

namespace cycloid {

// How often the body runs: T.
struct Trips {
  Dim count = Dim::unknown();
  Patch::Ref scalar = Patch::Ref::none();  // int64, rank 0, never negative
  Patch::Ref vector = Patch::Ref::none();  // the same, [1]

  bool at_least(std::int64_t n) const { return count.is_known() && count.value() >= n; }
};

class Batcher {
 public:
  Batcher(const RuleContext& context, Patch& patch, const Graph& body, Trips trips)
      : context_(context), patch_(patch), body_(body), trips_(std::move(trips)) {}

  // What is known before: the body's inputs. Nodes behind a value that is set are not looked at.
  void set(ValueId id, Lane lane) { lanes_.insert_or_assign(id, std::move(lane)); }
  // Batches what these values need. False: something cannot be; why() says what.
  bool run(std::span<const ValueId> wanted);
  const Lane& lane(ValueId id) const { return lanes_.at(id); }
  const std::string& why() const { return why_; }
  bool found_segments() const { return found_segments_; }

  // --- For handlers and those who use the lanes.
  Patch& patch() { return patch_; }
  const RuleContext& context() const { return context_; }
  const Graph& body() const { return body_; }
  const Trips& trips() const { return trips_; }
  // A lane for the body's value with nothing but its type; nullopt where its rank or dtype is not known.
  std::optional<Lane> typed(ValueId id) const;
  // The outer graph's value, the same in every iteration.
  std::optional<Lane> uniform(ValueId outer) const;
  // 0, 1, ..., T - 1 as int64 [T].
  Patch::Ref iota();
  // start + step * i as [T] of this dtype (int32 or int64).
  Patch::Ref affine(const AffineIndex& index, DType dtype);
  // All iterations' values [T, ...]; repeats a uniform one.
  Patch::Ref stacked(const Lane& lane);
  // The same, with axes of size 1 put in after the first up to this rank of one iteration's value. A uniform lane is
  // returned as it is: it broadcasts.
  Patch::Ref aligned(const Lane& lane, std::size_t rank);
  void note_segments() { found_segments_ = true; }

  Patch::Ref ints(std::span<const std::int64_t> values);
  Patch::Ref ints(std::initializer_list<std::int64_t> values) { return ints(std::vector<std::int64_t>(values)); }
  Patch::Ref ints(const std::vector<std::int64_t>& values) { return ints(std::span<const std::int64_t>(values)); }
  Patch::Ref unsqueeze(const Patch::Ref& x, const std::vector<std::int64_t>& axes);
  Patch::Ref squeeze(const Patch::Ref& x, const std::vector<std::int64_t>& axes);
  Patch::Ref transpose(const Patch::Ref& x, std::vector<std::int64_t> permutation);
  // Moves the axis of a tensor of this rank to the front.
  Patch::Ref to_front(const Patch::Ref& x, std::size_t axis, std::size_t rank);
  Patch::Ref op(std::string type, std::vector<Patch::Ref> inputs, Attributes attributes = {}) {
    return patch_.node(std::move(type), std::move(inputs), std::move(attributes));
  }

 private:
  bool batch(const Node& node);
  bool batch_uniform(const Node& node);
  bool mark_missing(const Node& node);
  bool is_safe_without_iterations(const Node& node) const;
  bool provide(ValueId id);
  bool decline(const Node& node, std::string_view why);

  const RuleContext& context_;
  Patch& patch_;
  const Graph& body_;
  Trips trips_;
  std::map<ValueId, Lane> lanes_;
  std::optional<Patch::Ref> iota_;
  std::map<std::vector<std::int64_t>, Patch::Ref> ints_;
  std::string why_;
  bool found_segments_ = false;
};

// One node over lanes: what a handler works with.
struct BatchNode {
  Batcher& batcher;
  const Node& node;
  std::vector<const Lane*> inputs;  // nullptr where absent
  std::vector<Lane> outputs;        // typed, batched; the handler sets `ref`

  bool has(std::size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
  const Lane& in(std::size_t i) const { return *inputs[i]; }
  std::int64_t rank(std::size_t i) const { return static_cast<std::int64_t>(inputs[i]->shape.size()); }
  // The elements of a uniform constant integer input.
  std::optional<std::vector<std::int64_t>> ints(std::size_t i) const;
  bool only_batched(std::size_t i) const;                                // input i is batched and no other one
  Patch::Ref emit(std::vector<Patch::Ref> refs, Attributes attributes);  // the same operator; sets every output
};

// False: this node cannot be batched. Nothing is emitted that a later failure would have to take back: what the patch's
// replacements do not need is left out.
using BatchHandler = bool (*)(BatchNode&);

// nullptr where there is none.
BatchHandler batch_handler(std::string_view op_type);

// The handlers by family; each returns nullptr for operators that are not its own.
BatchHandler elementwise_batch_handler(std::string_view op_type);
BatchHandler axis_batch_handler(std::string_view op_type);
BatchHandler movement_batch_handler(std::string_view op_type);
BatchHandler gather_batch_handler(std::string_view op_type);
BatchHandler product_batch_handler(std::string_view op_type);

}  // namespace cycloid
