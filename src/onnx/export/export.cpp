#include "onnx/export/export.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/error.h"
#include "onnx/export/down_converter.h"
#include "onnx/export/schema.h"
#include "onnx/writer.h"
#include "ops/op.h"

namespace cycloid::onnx {
namespace {

constexpr std::int64_t kFirstScan = 9;  // Scan of 8 has a batch axis
// Constants that subgraphs capture and older versions need as attributes: axes, sizes, pads.
constexpr std::int64_t kSmallConstant = 64;

// The IR version that came with each operator set (ONNX's versioning table), from 7 on.
std::int64_t ir_version_of(std::int64_t opset) {
  constexpr std::array<std::int64_t, 22> kVersions = {4, 4, 4, 5,  6,  7,  7,  7,  8,  8,  8,
                                                      8, 9, 9, 10, 10, 11, 12, 13, 13, 13, 14};
  return kVersions.at(static_cast<std::size_t>(opset - kOldestExportOpset));
}

bool is_default_domain(const Node& node) { return node.domain.empty() || node.domain == "ai.onnx"; }

class GraphExporter {
 public:
  GraphExporter(Graph& graph, std::int64_t opset, const KnownTypes* outer)
      : graph_(graph), opset_(opset), outer_(outer) {}

  Status run() {
    bool expanded = true;
    for (int pass = 0; expanded && pass < 4; ++pass) {
      CYCLOID_ASSIGN(expanded, expand_all());
    }
    KnownTypes types(graph_, outer_, kNewestOpset);
    for (const NodeId id : snapshot()) {
      const std::string place = describe(graph_, graph_.node(id));
      types.learn(id);
      CYCLOID_TRY(subgraphs(id, types).in(place));
      if (is_default_domain(graph_.node(id))) CYCLOID_TRY(convert(id, types).in(place));
    }
    for (const NodeId id : snapshot()) {
      if (is_default_domain(graph_.node(id))) CYCLOID_TRY(check(id, types).in(describe(graph_, graph_.node(id))));
    }
    return {};
  }

 private:
  std::vector<NodeId> snapshot() const { return {graph_.nodes().begin(), graph_.nodes().end()}; }

  Result<bool> expand_all() {
    bool expanded = false;
    KnownTypes types(graph_, outer_, kNewestOpset);
    for (const NodeId id : snapshot()) {
      types.learn(id);
      if (!is_default_domain(graph_.node(id))) continue;
      for (const DownConverter& expansion : expansions()) {
        if (opset_ >= expansion.since || graph_.node(id).op_type != expansion.op) continue;
        const std::string place = describe(graph_, graph_.node(id));
        NodeEditor edit(graph_, id, types, opset_);
        const Status status = expansion.convert(edit);
        if (!status) return status.error().in(fmt::format("{}: opset {} has not its operator", place, opset_));
        expanded = true;
        break;
      }
    }
    return expanded;
  }

  Status subgraphs(NodeId id, const KnownTypes& types) {
    const Attributes attributes = graph_.node(id).attributes;
    for (const auto& [name, attribute] : attributes) {
      const auto* body = std::get_if<GraphPtr>(&attribute);
      if (body == nullptr) continue;
      auto copy = std::make_shared<Graph>(**body);
      bring_in_constants(*copy);
      auto status = GraphExporter(*copy, opset_, &types).run();
      if (!status) return status.error().in(name);
      graph_.set_attribute(id, name, GraphPtr(std::move(copy)));
    }
    return {};
  }

  // A small integer constant of this graph that the body captures becomes the body's own, so that it can be an attribute there.
  void bring_in_constants(Graph& body) const {
    const std::vector<ValueId> captures(body.captures().begin(), body.captures().end());
    for (const ValueId capture : captures) {
      const Tensor* constant = graph_.constant(body.value(capture).outer);
      if (constant == nullptr || constant->dtype() != DType::kInt64 || constant->element_count() > kSmallConstant)
        continue;
      const ValueId own = body.add_constant(body.value(capture).name, *constant);
      body.replace_uses(capture, own);
    }
    body.remove_dead();
  }

  Status convert(NodeId id, KnownTypes& types) {
    const std::string op = graph_.node(id).op_type;
    if (op == "Loop" && graph_.node(id).inputs.size() < 2) {
      std::vector<ValueId> inputs = graph_.node(id).inputs;
      inputs.resize(2);
      graph_.set_inputs(id, std::move(inputs));
    }
    if (op == "Scan" && opset_ < kFirstScan) return cannot("opset 8 has another Scan");
    NodeEditor edit(graph_, id, types, opset_);
    drop_new_attributes(edit);
    for (const auto converters : {elementwise_down_converters(), tensor_down_converters(), nn_down_converters()}) {
      for (const DownConverter& converter : converters) {
        if (edit.erased()) return {};
        if (opset_ >= converter.since || edit.node().op_type != converter.op) continue;
        const Status status = converter.convert(edit);
        if (!status) return cannot(status.error().message());
      }
    }
    return {};
  }

  void drop_new_attributes(NodeEditor& edit) const {
    for (const NewAttribute& attribute : new_attributes()) {
      if (opset_ >= attribute.since || edit.node().op_type != attribute.op) continue;
      const auto found = edit.node().attributes.find(attribute.name);
      if (found != edit.node().attributes.end() && attribute.harmless(edit, found->second)) edit.drop(attribute.name);
    }
  }

  Error cannot(std::string_view why) const { return unsupported("opset {} cannot express it: {}", opset_, why); }

  // Whether the operator set has what the node now is.
  Status check(NodeId id, const KnownTypes& types) const {
    const Node& node = graph_.node(id);
    const OpSchema* schema = find_schema(node.op_type, opset_);
    if (schema == nullptr) {
      const auto first = first_opset(node.op_type);
      if (!first || *first <= opset_) return cannot("it has no such operator");
      return unsupported("opset {} has not its operator, which came with opset {}", opset_, *first);
    }
    for (const auto& [name, attribute] : node.attributes) {
      if (!schema->has_attribute(name)) return cannot(fmt::format("its attribute {} came later", name));
    }
    std::size_t inputs = node.inputs.size();
    while (inputs > 0 && !node.inputs[inputs - 1].valid()) --inputs;
    if (schema->max_inputs >= 0 && inputs > static_cast<std::size_t>(schema->max_inputs)) {
      return cannot(fmt::format("its input {} came later", inputs - 1));
    }
    // A Loop's absent inputs stand all the same, as empty names.
    if (node.op_type != "Loop" && inputs < static_cast<std::size_t>(schema->min_inputs)) {
      return cannot(fmt::format("it needs {} inputs there", schema->min_inputs));
    }
    CYCLOID_TRY(check_types(node.inputs, schema->inputs, types, "input"));
    std::size_t outputs = node.outputs.size();
    while (outputs > 0 && !node.outputs[outputs - 1].valid()) --outputs;
    return check_types({node.outputs.begin(), node.outputs.begin() + static_cast<std::ptrdiff_t>(outputs)},
                       schema->outputs, types, "output");
  }

  Status check_types(std::vector<ValueId> values, std::span<const std::uint32_t> masks, const KnownTypes& types,
                     std::string_view what) const {
    for (std::size_t i = 0; i < values.size() && !masks.empty(); ++i) {
      const DType dtype = types.dtype(values[i]);
      const std::uint32_t mask = masks[std::min(i, masks.size() - 1)];
      if (dtype == DType::kUndefined || mask == 0) continue;
      if ((mask >> static_cast<int>(dtype) & 1U) == 0) {
        return cannot(fmt::format("{} as the type of {} {} came later", to_string(dtype), what, i));
      }
    }
    return {};
  }

  Graph& graph_;
  std::int64_t opset_;
  const KnownTypes* outer_;
};

Status write(const Result<ModelIr>& model, const std::string& path) {
  if (!model) return model.error();
  return write_model(*model, path);
}

}  // namespace

Result<ModelIr> to_opset(const ModelIr& model, std::int64_t opset) {
  if (opset < kOldestExportOpset || opset > kNewestOpset) {
    return invalid_argument("opset {}: models can be written at opset {} to {}", opset, kOldestExportOpset,
                            kNewestOpset);
  }
  ModelIr result = model;
  CYCLOID_TRY(GraphExporter(result.graph, opset, nullptr).run());
  result.graph.remove_dead();
  result.opsets.insert_or_assign("", opset);
  result.ir_version = ir_version_of(opset);
  return result;
}

namespace {

// Whether a node was taken apart.
bool expand_nodes(Graph& graph, const std::function<bool(const Node&)>& choose, const KnownTypes* outer) {
  bool any = false;
  KnownTypes types(graph, outer, kNewestOpset);
  for (const NodeId id : std::vector<NodeId>(graph.nodes().begin(), graph.nodes().end())) {
    types.learn(id);
    const Attributes attributes = graph.node(id).attributes;
    for (const auto& [name, attribute] : attributes) {
      const auto* body = std::get_if<GraphPtr>(&attribute);
      if (body == nullptr) continue;
      auto copy = std::make_shared<Graph>(**body);
      if (!expand_nodes(*copy, choose, &types)) continue;
      graph.set_attribute(id, name, GraphPtr(std::move(copy)));
      any = true;
    }
    if (!is_default_domain(graph.node(id)) || !choose(graph.node(id))) continue;
    for (const DownConverter& expansion : expansions()) {
      if (graph.node(id).op_type != expansion.op) continue;
      NodeEditor edit(graph, id, types, kNewestOpset);
      any = expansion.convert(edit).ok() || any;
      break;
    }
  }
  graph.remove_dead();
  return any;
}

}  // namespace

Result<ModelIr> expanded(const ModelIr& model, const std::function<bool(const Node&)>& choose) {
  ModelIr result = model;
  if (!expand_nodes(result.graph, choose, nullptr)) return model;
  CYCLOID_TRY(infer_types(result));
  return result;
}

Result<ModelIr> to_best_opset(const ModelIr& model, std::int64_t source) {
  if (source > kNewestOpset) return to_opset(model, source);  // which says what there is
  const std::size_t nodes = count_nodes(model.graph);
  std::optional<ModelIr> longer;
  std::optional<Error> error;
  for (std::int64_t opset = std::max(source, kOldestExportOpset); opset <= kNewestOpset; ++opset) {
    auto candidate = to_opset(model, opset);
    if (!candidate) {
      if (!error) error = candidate.error();
      continue;
    }
    if (count_nodes(candidate->graph) <= nodes) return candidate;
    if (!longer) longer = *std::move(candidate);
  }
  if (longer) return *std::move(longer);
  return *error;
}

Status export_model(const ModelIr& model, const std::string& path, const ExportOptions& options) {
  return write(options.opset == 0 ? to_best_opset(model, options.source_opset) : to_opset(model, options.opset), path);
}

}  // namespace cycloid::onnx
