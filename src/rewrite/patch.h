// Patch: a proposed change of a graph, which only the driver carries out.
//
// A rule builds new nodes and constants on top of existing values and says which existing values they stand for. What
// nothing uses afterwards is removed by the driver. A patch names values of the graph it was made for, and must be
// applied before that graph changes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graph/graph.h"

namespace cycloid {

class Patch {
 public:
  // A value of the graph (existing), or one that the patch makes: output `output` of new node `node`, or new constant.
  class Ref {
   public:
    Ref(ValueId existing) : state_(existing) {}  // NOLINT(google-explicit-constructor): an existing value is a Ref
    static Ref none() { return ValueId{}; }      // an absent optional input

    // Whether it is an absent input.
    bool absent() const {
      const auto* existing = std::get_if<ValueId>(&state_);
      return existing != nullptr && !existing->valid();
    }
    // The existing value, or none for one that the patch makes.
    ValueId existing() const {
      const auto* existing = std::get_if<ValueId>(&state_);
      return existing != nullptr ? *existing : ValueId{};
    }

   private:
    friend class Patch;
    struct NewOutput {
      std::size_t node;
      std::uint32_t output;
    };
    struct NewConstant {
      std::size_t index;
    };
    template <class T>
    explicit Ref(std::in_place_t, T state) : state_(state) {}
    std::variant<ValueId, NewOutput, NewConstant> state_;
  };

  Ref constant(std::string name_hint, Tensor tensor);
  // A node with one output.
  Ref node(std::string op_type, std::vector<Ref> inputs, Attributes attributes = {}, std::string domain = {});
  std::vector<Ref> node_with_outputs(std::size_t outputs, std::string op_type, std::vector<Ref> inputs,
                                     Attributes attributes = {}, std::string domain = {});
  // What the subgraph `attribute` of a new node (any of its outputs) captures, in the order of its captures(). Without this,
  // a subgraph captures the existing values it names.
  void set_captures(const Ref& node_output, const std::string& attribute, std::vector<Ref> outers);
  // Copies the nodes of `body`, whose captures name values of the graph this patch is for; `arguments` stand for its
  // inputs in order. The refs its outputs have become; nullopt where a node holds a list of graphs (no standard operator
  // does).
  std::optional<std::vector<Ref>> inline_body(const Graph& body, std::span<const Ref> arguments);
  // The tensor of a constant that this patch makes, else nullptr.
  const Tensor* new_constant(const Ref& ref) const;

  // All uses of `from` become uses of `to`, which must have the same dtype and no contradicting shape.
  void replace(ValueId from, Ref to) { replacements_.emplace_back(from, to); }

  // Whether nothing would change.
  bool empty() const { return replacements_.empty(); }

  // What the change did to the graph; what the ledger needs.
  struct Applied {
    std::vector<NodeId> added;
    std::vector<std::string> removed;  // descriptions of nodes that went
  };

  // What applying needs to know of operators: gives the new node's outputs their types.
  using InferNode = std::function<Status(Graph&, NodeId)>;

  // What a patch is about to do: its new nodes stand in the graph, nothing has been replaced yet.
  struct Proposal {
    std::span<const NodeId> added;
    std::span<const NodeId> dying;                              // nodes that nothing will use
    std::span<const std::pair<ValueId, ValueId>> replacements;  // (old value, its replacement)
  };
  // The last chance to refuse.
  using Approve = std::function<Status(const Graph&, const Proposal&)>;

  // Nodes and constants that no replacement needs are left out, so a rule may make what it may not use.
  //
  // Carries the change out, or leaves the graph as it was and says why: inference declined a new node, types contradict
  // each other, the change would make a cycle, or `approve` refused.
  // A graph output keeps its name: where `to` cannot take it (it is an input, a constant, a capture or another output),
  // the output stays with `from` and only the uses by nodes move.
  Result<Applied> apply(Graph& graph, const InferNode& infer, const Approve& approve) const;

 private:
  struct NewNode {
    std::string op_type;
    std::string domain;
    std::vector<Ref> inputs;
    Attributes attributes;
    std::size_t outputs;
    std::map<std::string, std::vector<Ref>> captures = {};  // by attribute
  };
  class Application;

  std::vector<NewNode> nodes_;
  std::vector<std::pair<std::string, Tensor>> constants_;
  std::vector<std::pair<ValueId, Ref>> replacements_;
};

}  // namespace cycloid
