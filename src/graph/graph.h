// Graph: a model's computation in static single assignment form.
//
// A graph owns Values and Nodes, named by ids that stay valid while it lives (ids of erased ones are never reused).
// Each Value is defined once: as an input, as a constant, as a capture of an outer graph's value (in a subgraph), or as
// the output of a node. Nodes are kept in an order in which every value is defined before it is used.
//
// A subgraph (the body of If, Loop, Scan) lives in an attribute of its node and sees the outer graph only through its
// captures: each names one value of the graph that holds the node. The node counts as a user of the captured values, so
// what a subgraph needs is never taken for dead.
//
// Reads may go on from several threads at once; changes need exclusive use.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cycloid/result.h"
#include "graph/attribute.h"
#include "graph/type.h"
#include "tensor/tensor.h"

namespace cycloid {

// An index that cannot be mistaken for another kind of index. A default one is "none".
template <class Tag>
struct Id {
  std::uint32_t index = UINT32_MAX;

  bool valid() const { return index != UINT32_MAX; }
  friend bool operator==(Id, Id) = default;
  friend auto operator<=>(Id, Id) = default;
};
using ValueId = Id<struct ValueTag>;
using NodeId = Id<struct NodeTag>;

// Where a value is used: as input `input` of `node`, or captured by one of its subgraphs (kCaptured).
struct Use {
  static constexpr std::uint32_t kCaptured = UINT32_MAX;
  NodeId node;
  std::uint32_t input = 0;
  friend bool operator==(Use, Use) = default;
};

struct Value {
  enum class Kind { kInput, kConstant, kCapture, kOutput };  // kOutput: of a node

  std::string name;  // unique in its graph, never empty
  Kind kind = Kind::kInput;
  ValueType type;
  Tensor constant;           // kConstant
  ValueId outer;             // kCapture: the value of the graph that holds this subgraph's node
  NodeId producer;           // kOutput
  std::uint32_t output = 0;  // kOutput: which output of the producer
  std::vector<Use> uses;     // by nodes of this graph; graph outputs are not uses
};

struct Node {
  std::string name;    // as in the model; may be empty
  std::string domain;  // "" is ai.onnx
  std::string op_type;
  std::vector<ValueId> inputs;   // invalid where an optional input is absent
  std::vector<ValueId> outputs;  // invalid where an optional output is not wanted
  Attributes attributes;
  std::string overload;  // of the model's function that this node calls; mostly empty
};

class Graph {
 public:
  Graph() = default;
  explicit Graph(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  // --- Reading.
  const Value& value(ValueId id) const;
  const Node& node(NodeId id) const;
  bool alive(NodeId id) const;
  bool alive(ValueId id) const;
  std::span<const ValueId> inputs() const { return inputs_; }
  std::span<const ValueId> outputs() const { return outputs_; }
  std::span<const ValueId> captures() const { return captures_; }
  // Live nodes in a topological order. Invalidated by changes; copy it to change the graph while walking.
  std::span<const NodeId> nodes() const { return order_; }
  std::vector<ValueId> values() const;  // live ones, in order of creation
  std::size_t node_count() const { return order_.size(); }
  std::optional<ValueId> find_value(std::string_view name) const;
  bool is_output(ValueId id) const;
  // Not used by any node or subgraph, and no output.
  bool is_dead(ValueId id) const { return value(id).uses.empty() && !is_output(id); }
  // The constant's tensor, or nullptr when the value is absent or no constant.
  const Tensor* constant(ValueId id) const;
  // The node that makes the value, or nullptr.
  const Node* producer(ValueId id) const;

  // --- Building and changing. A name that is taken gets a suffix ("x_1"); read it back from the value.
  ValueId add_input(std::string name, ValueType type);
  ValueId add_constant(std::string name, Tensor tensor);
  // The capture of `outer`, a value of the graph that will hold this subgraph; the existing one if there is one.
  ValueId add_capture(std::string name, ValueType type, ValueId outer);

  // A node's output to be made. An empty name with an unknown type is an optional output that is not wanted.
  struct Output {
    std::string name;
    ValueType type;
  };
  // Adds a node after all others, or before `before`. Inputs, and the captured values of its subgraphs, must be live
  // values of this graph; an invalid id is an absent optional input. `node.outputs` is ignored.
  NodeId add_node(Node node, std::vector<Output> outputs, NodeId before = {});

  void set_outputs(std::vector<ValueId> outputs);
  void set_type(ValueId id, ValueType type);
  // Gives the value this name; whoever had it gets a suffixed one.
  void rename(ValueId id, std::string name);
  void set_attribute(NodeId id, std::string name, Attribute attribute);
  void remove_attribute(NodeId id, std::string_view name);
  void set_input(NodeId id, std::size_t input, ValueId value);
  // Replaces the whole list of inputs.
  void set_inputs(NodeId id, std::vector<ValueId> inputs);
  void set_operator(NodeId id, std::string domain, std::string op_type);
  // Drops the node's outputs from `count` on, which must be dead.
  void drop_outputs(NodeId id, std::size_t count);
  // All uses (also by subgraphs and as graph output) of `from` become uses of `to`.
  void replace_uses(ValueId from, ValueId to);
  // Points a capture of this subgraph at another value of the outer graph.
  void set_capture_outer(ValueId capture, ValueId outer);
  // The outputs must be dead. Values that only this node used stay; see remove_dead().
  void erase_node(NodeId id);
  // Removes an input, constant or capture, which must be dead.
  void erase_value(ValueId id);
  // Removes nodes whose outputs are all dead, and unused constants and captures. Returns how many nodes went.
  std::size_t remove_dead();
  // Restores the topological order after set_input() or replace_uses() broke it. Error: a cycle, with a node in it.
  Status sort();

  // A name that no value of the graph has yet: `hint`, or `hint` with a number.
  std::string fresh_name(std::string_view hint) const;

 private:
  ValueId new_value(Value value);
  void add_use(ValueId id, Use use);
  void remove_use(ValueId id, Use use);
  std::vector<ValueId> captured_by(const Node& node) const;

  struct ValueSlot {
    Value value;
    bool alive = true;
  };
  struct NodeSlot {
    Node node;
    bool alive = true;
  };

  std::string name_;
  std::vector<ValueSlot> values_;
  std::vector<NodeSlot> nodes_;
  std::vector<NodeId> order_;
  std::vector<ValueId> inputs_;
  std::vector<ValueId> outputs_;
  std::vector<ValueId> captures_;
  std::map<std::string, ValueId, std::less<>> by_name_;
};

// A function of the model: a body whose attributes may refer to those of the call.
struct Function {
  std::string domain;
  std::string name;
  std::string overload;
  std::vector<std::string> attributes;  // names without a default
  Attributes default_attributes;
  std::map<std::string, std::int64_t, std::less<>> opsets;
  Graph body;
};

// A model: the main graph, the operator sets it is written in, and what its author said of it. What library users hold is
// the class Model of cycloid/model.h, which keeps one of these.
struct ModelIr {
  Graph graph;
  std::map<std::string, std::int64_t, std::less<>> opsets;  // domain -> version
  std::vector<Function> functions;
  std::int64_t ir_version = 0;
  std::string producer_name;
  std::string producer_version;
  std::string domain;
  std::int64_t model_version = 0;
  std::string doc;
  std::map<std::string, std::string, std::less<>> metadata;
};

// "node 'conv1' (Conv)" or, for a nameless node, "node 'out' (Conv)" by its first output: how messages name a node.
std::string describe(const Graph& graph, const Node& node);

// Calls `visit` for each subgraph attribute of the node.
void for_each_subgraph(const Node& node, const std::function<void(const std::string& attribute, const Graph&)>& visit);

// The number of nodes in the graph and in all subgraphs.
std::size_t count_nodes(const Graph& graph);

// Every invariant of the class comment and of the links between values and nodes, in the graph and its subgraphs.
Status verify(const Graph& graph);

// --- Typed access to attributes: the default where the attribute is absent, an error where it has another type.
bool has_attribute(const Node& node, std::string_view name);
Result<std::int64_t> get_int(const Node& node, std::string_view name, std::int64_t fallback);
Result<float> get_float(const Node& node, std::string_view name, float fallback);
Result<std::string> get_string(const Node& node, std::string_view name, std::string_view fallback);
Result<std::vector<std::int64_t>> get_ints(const Node& node, std::string_view name,
                                           std::vector<std::int64_t> fallback = {});
Result<std::vector<float>> get_floats(const Node& node, std::string_view name, std::vector<float> fallback = {});
Result<std::vector<std::string>> get_strings(const Node& node, std::string_view name,
                                             std::vector<std::string> fallback = {});
Result<const Tensor*> get_tensor(const Node& node, std::string_view name);  // nullptr where absent
Result<GraphPtr> get_graph(const Node& node, std::string_view name);        // an error where absent

}  // namespace cycloid
