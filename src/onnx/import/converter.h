// Converters: how one operator crosses one version boundary.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "onnx/import/known_types.h"

namespace cycloid::onnx {

// A node under conversion, with the edits that converters make.
class NodeEditor {
 public:
  NodeEditor(Graph& graph, NodeId id, KnownTypes& types, std::int64_t version)
      : graph_(graph), id_(id), types_(types), version_(version) {}

  Graph& graph() { return graph_; }
  NodeId id() const { return id_; }
  const Node& node() const { return graph_.node(id_); }
  std::int64_t version() const { return version_; }  // of the node's operator set, as the file says
  const KnownTypes& types() const { return types_; }
  bool erased() const { return !graph_.alive(id_); }

  bool has_input(std::size_t i) const { return i < node().inputs.size() && node().inputs[i].valid(); }
  ValueId input(std::size_t i) const { return has_input(i) ? node().inputs[i] : ValueId{}; }
  std::optional<std::int64_t> rank(std::size_t i) const { return types_.rank(input(i)); }
  DType dtype(std::size_t i) const { return types_.dtype(input(i)); }

  bool has(std::string_view attribute) const { return has_attribute(node(), attribute); }
  void drop(std::string_view attribute) { graph_.remove_attribute(id_, attribute); }
  void set(std::string name, Attribute attribute) { graph_.set_attribute(id_, std::move(name), std::move(attribute)); }
  // The attribute, which goes away; nullopt where absent.
  Result<std::optional<std::vector<std::int64_t>>> take_ints(std::string_view name);
  Result<std::optional<std::int64_t>> take_int(std::string_view name);
  Result<std::optional<float>> take_float(std::string_view name);

  // Puts `value` as input i; inputs between the present ones and i become absent.
  void set_input(std::size_t i, ValueId value);
  void set_inputs(std::vector<ValueId> inputs) { graph_.set_inputs(id_, std::move(inputs)); }
  // A new constant, named after the node's first output.
  ValueId constant(std::string_view what, Tensor tensor);
  ValueId ints(std::string_view what, std::span<const std::int64_t> values) { return constant(what, int64s(values)); }
  // A scalar of input i's element type (CastLike where that is not known).
  ValueId scalar_like(std::string_view what, double value, std::size_t i);
  // A new node of one output before this one, and what it computes.
  ValueId add(std::string op_type, std::vector<ValueId> inputs, Attributes attributes = {});
  // Makes `value` the node's output 0 and erases the node. Its other outputs must be dead.
  void replace_by(ValueId value);

 private:
  Graph& graph_;
  NodeId id_;
  KnownTypes& types_;
  std::int64_t version_;
};

struct Converter {
  std::string_view op;
  std::int64_t before;  // applies to nodes of versions below this
  Status (*convert)(NodeEditor&);
};

// Each family's table. A node goes through those that fit, in order of table position.
std::span<const Converter> elementwise_converters();
std::span<const Converter> tensor_converters();
std::span<const Converter> nn_converters();
std::span<const Converter> resize_converters();
std::span<const Converter> control_converters();
std::span<const Converter> ml_converters();  // of ai.onnx.ml; all others of ai.onnx

}  // namespace cycloid::onnx
