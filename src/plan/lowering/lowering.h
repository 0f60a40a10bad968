// Lowering: turns a graph with known shapes into steps, node by node.
//
// Each value that a step makes has a Place for each layout it is wanted in: read() adds the conversion the first time.
// A lowering of an operator looks at its node, says why it declines (a reason), or adds steps and defines the outputs.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plan/concat_places.h"
#include "plan/plan.h"

namespace cycloid {

// Empty: lowered. Otherwise why not, in a sentence without a full stop; nothing was added then.
using Declined = std::string;

class Lowering {
 public:
  Lowering(Plan& plan, const ModelIr& model, const PlanOptions& options);

  // --- The graph.
  const Graph& graph() const { return graph_; }
  const ModelIr& model() const { return model_; }
  const PlanOptions& options() const { return options_; }
  int threads() const { return plan_.threads; }
  // The dims of a plain tensor (not of strings) whose shape is known, or nullptr. Absent values have none, nor has what is
  // too large for any memory.
  const Dims* dims(ValueId id) const;
  bool has_elements(ValueId id) const;  // dims that are known, and none of them 0
  DType dtype(ValueId id) const;
  bool is_float(ValueId id) const { return dims(id) != nullptr && dtype(id) == DType::kFloat32; }
  const Tensor* constant(ValueId id) const { return id.valid() ? graph_.constant(id) : nullptr; }
  // The only user of a value that is no output of the graph, or an invalid id.
  NodeId only_user(ValueId id) const;
  // Whether the value can be read now: its producer was lowered, or it has none.
  bool available(ValueId id) const;

  // --- Nodes that wait: what they do, a user may do with its own work (waits_for_user()). read() lowers them after all.
  // The node that would make this value and waits, or nullptr.
  const Node* waiting(ValueId id) const;
  // The caller's step computes the node that waits: it is not lowered any more. Its id, for Draft::nodes.
  NodeId absorb(ValueId id);

  // --- Places.
  // The layout the value exists in; channels-last where it exists in both.
  Layout layout_of(ValueId id) const;
  // The value in this layout, converted if need be. The value must be available and have dims.
  Place read(ValueId id, Layout layout);
  Place read(ValueId id) { return read(id, layout_of(id)); }
  // The place of a value to be written: in a concatenation or the caller's memory where that is possible. Once a value.
  Place define(ValueId id, Layout layout);
  // The value lies where `place` says (a view of another one).
  void alias(ValueId id, const Place& place);
  // Memory of the step's own.
  Place temporary(DType dtype, Dims dims);
  // Constant memory for packed weights, zeroed; filled before the plan is used.
  std::byte* constant_memory(std::size_t bytes, BufferId& buffer);
  // A constant tensor as it is.
  Place constant_place(const Tensor& tensor);
  // A step that copies one place to another of the same layout.
  void copy(const Place& from, const Place& to);
  // The Datum slot of a value that has no dims.
  std::uint32_t slot(ValueId id);
  std::optional<std::uint32_t> find_slot(ValueId id) const;
  // The slot as a buffer, for uses.
  BufferId slot_buffer(std::uint32_t slot) const { return slot_buffers_[slot]; }

  // --- Steps.
  // Nodes that the step computes: the one being lowered is first; others are not lowered again.
  struct Draft {
    std::vector<NodeId> nodes;
    std::string op;  // empty: the nodes' operators
    std::string kernel;
    std::string reason;
    std::vector<Place> reads;
    std::vector<Place> writes;
    std::vector<BufferUse> uses;  // more than those of reads and writes
    std::int64_t units = 1;
    std::size_t scratch_bytes = 0;
    double flops = 0;
    double arithmetic = 0;  // what the kernel's algorithm needs; 0: flops
    double bytes = 0;       // beside reads and writes (packed weights)
    double speed = 1;       // of the machine's peak that the kernel reaches, for the cost estimate
    double range_ns = 0;    // of cost_ns: what each range of units costs beside the units
    double cost_ns = 0;     // the kernel's own estimate for one thread; 0: from flops, speed and bytes
  };
  void add(std::unique_ptr<const Step> step, Draft draft);

  // Lowers all nodes and defines the outputs.
  Status run();

 private:
  struct Places {
    std::optional<Place> row_major, channels_last;
  };

  Status lower(NodeId id);
  Status lower_now(NodeId id);
  Status give_outputs();
  Status lower_constant_output(ValueId id);
  Place place_for(ValueId id, Layout layout);
  BufferId new_buffer(Buffer buffer);
  void convert(const Place& from, const Place& to);

  Plan& plan_;
  const ModelIr& model_;
  const Graph& graph_;
  const PlanOptions& options_;
  ConcatPlaces concats_;
  std::map<ValueId, Places> places_;
  std::map<ValueId, NodeId> waiting_;
  std::map<ValueId, BufferId> concat_buffers_;  // by root
  std::map<ValueId, std::uint32_t> slots_;
  std::vector<BufferId> slot_buffers_;
  std::map<ValueId, std::uint32_t> output_of_;  // which graph output the value is, or is viewed by
  std::map<std::uint32_t, BufferId> output_buffers_;
  mutable std::map<ValueId, std::optional<Dims>> dims_;
  std::vector<bool> done_;  // by node: computed by a step of an earlier node
  std::size_t largest_buffer_ = 0;
};

// Lowers one operator.
using Lower = Declined (*)(Lowering&, NodeId);
// The lowering of an operator of ai.onnx or com.microsoft, or nullptr.
Lower find_lowering(std::string_view domain, std::string_view op_type);

// Whether the node's only user may compute it too, such as a sum that reads an operand in another order: it is lowered
// when it turns out that the user does not. The user's lowering looks for it with Lowering::waiting().
bool waits_for_user(const Lowering& lowering, NodeId id);

// A step that puts a constant into a slot, for outputs that are constants without a plain form (strings).
void add_constant_slot(Lowering& lowering, const Tensor& tensor, std::uint32_t slot);

// Runs a node by the reference evaluation; takes every operator and every kind of value.
Status lower_reference(Lowering& lowering, NodeId id, std::string reason);

// "[5, 64, 15, 15]" of logical sizes, "channels-last in a concatenation" and the like.
std::string describe_layout(const Place& place);

}  // namespace cycloid
