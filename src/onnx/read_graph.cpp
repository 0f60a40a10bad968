#include "onnx/read_graph.h"

#include <utility>

#include "base/error.h"
#include "onnx/read_attribute.h"
#include "onnx/read_type.h"
#include "onnx/wire.h"

namespace cycloid::onnx {
namespace {

class NodeReader {
 public:
  NodeReader(ReadContext& context, int depth) : context_(context), depth_(depth) {}

  Result<NodeDraft> run(std::string_view message) {
    std::vector<std::string_view> attributes;
    const Status walked = for_each_field(message, "NodeProto", [&](const Field& field) -> Status {
      std::string_view bytes;
      if (!field.get(bytes)) return {};
      switch (field.number()) {
        case 1: return add_name(node_.inputs, bytes);
        case 2: return add_name(node_.outputs, bytes);
        case 3: node_.name = bytes; return {};
        case 4: node_.op_type = bytes; return {};
        case 5: attributes.push_back(bytes); return {};
        case 7: node_.domain = bytes == "ai.onnx" ? "" : bytes; return {};
        case 8: node_.overload = bytes; return {};
        default: return {};
      }
    });
    if (!walked) return walked.error();
    for (const std::string* text : {&node_.name, &node_.op_type, &node_.domain, &node_.overload}) {
      CYCLOID_TRY(check_text(*text, "the name, operator or domain of a node"));
    }
    if (node_.op_type.empty()) return invalid_model("{} has no operator (op_type)", place());
    for (const std::string_view attribute : attributes) {
      if (auto status = add_attribute(attribute); !status) return status.error().in(place());
    }
    return std::move(node_);
  }

 private:
  std::string place() const {
    const std::string& name = node_.name.empty() && !node_.outputs.empty() ? node_.outputs[0] : node_.name;
    return fmt::format("node '{}' ({})", name, node_.op_type);
  }

  Status add_name(std::vector<std::string>& names, std::string_view name) {
    if (context_.values_left-- == 0) return make_error(ErrorCode::kResourceExhausted, "the model uses too many values");
    CYCLOID_TRY(check_text(name, "a value's name"));
    names.emplace_back(name);
    return {};
  }

  Status add_attribute(std::string_view message) {
    CYCLOID_ASSIGN(NamedAttribute attribute, read_attribute(message, context_));
    if (attribute.has_graphs()) return add_graphs(attribute).in(fmt::format("attribute '{}'", attribute.name));
    // A Constant's sparse value is dense here, so it is the Constant's value.
    const bool sparse = attribute.kind == AttributeKind::kSparseTensor && node_.op_type == "Constant";
    const std::string& name = sparse && attribute.name == "sparse_value" ? "value" : attribute.name;
    if (node_.attributes.emplace(name, std::move(attribute.value)).second) return {};
    return invalid_model("attribute '{}' is given twice", name);
  }

  Status add_graphs(const NamedAttribute& attribute) {
    NodeDraft::Subgraphs subgraphs{attribute.name, {}, attribute.kind == AttributeKind::kGraphs};
    for (const std::string_view message : attribute.graphs) {
      CYCLOID_ASSIGN(GraphDraft graph, read_graph(message, context_, depth_ + 1));
      subgraphs.graphs.push_back(std::move(graph));
    }
    node_.subgraphs.push_back(std::move(subgraphs));
    return {};
  }

  ReadContext& context_;
  int depth_;
  NodeDraft node_;
};

Result<NodeDraft> read_node(std::string_view message, ReadContext& context, int depth) {
  if (context.nodes_left-- == 0) return make_error(ErrorCode::kResourceExhausted, "the model has too many nodes");
  return NodeReader(context, depth).run(message);
}

Status add_value(std::string_view message, std::vector<ValueDraft>& to, ReadContext& context) {
  if (context.values_left-- == 0) return make_error(ErrorCode::kResourceExhausted, "the model has too many values");
  CYCLOID_ASSIGN(ValueDraft value, read_value_info(message));
  to.push_back(std::move(value));
  return {};
}

Status add_constant(std::string_view message, bool sparse, GraphDraft& graph, ReadContext& context) {
  if (context.values_left-- == 0) return make_error(ErrorCode::kResourceExhausted, "the model has too many values");
  CYCLOID_ASSIGN(NamedTensor tensor, sparse ? read_sparse_tensor(message, context) : read_tensor(message, context));
  graph.constants.emplace_back(std::move(tensor.name), std::move(tensor.tensor));
  return {};
}

}  // namespace

Result<GraphDraft> read_graph(std::string_view message, ReadContext& context, int depth) {
  if (depth > kMaxSubgraphDepth) return invalid_model("subgraphs are nested more than {} deep", kMaxSubgraphDepth);
  GraphDraft graph;
  const Status walked = for_each_field(message, "GraphProto", [&](const Field& field) -> Status {
    std::string_view bytes;
    if (!field.get(bytes)) return {};
    switch (field.number()) {
      case 1: {
        CYCLOID_ASSIGN(NodeDraft node, read_node(bytes, context, depth));
        graph.nodes.push_back(std::move(node));
        return {};
      }
      case 2: graph.name = bytes; return check_text(bytes, "the graph's name");
      case 5: return add_constant(bytes, false, graph, context);
      case 11: return add_value(bytes, graph.inputs, context);
      case 12: return add_value(bytes, graph.outputs, context);
      case 13: return add_value(bytes, graph.value_info, context);
      case 15: return add_constant(bytes, true, graph, context);
      default: return {};
    }
  });
  if (!walked) return walked.error();
  return graph;
}

Status read_opset(std::string_view message, std::map<std::string, std::int64_t, std::less<>>& opsets) {
  std::string domain;
  std::int64_t version = 0;
  const Status walked = for_each_field(message, "OperatorSetIdProto", [&](const Field& field) -> Status {
    if (field.number() == 1) field.get(domain);
    if (field.number() == 2) field.get(version);
    return {};
  });
  if (!walked) return walked.error();
  CYCLOID_TRY(check_text(domain, "the domain of an operator set"));
  if (domain == "ai.onnx") domain.clear();
  if (version < 1) {
    return invalid_model("the operator set '{}' is imported at version {}", domain.empty() ? "ai.onnx" : domain,
                         version);
  }
  if (const auto [at, fresh] = opsets.emplace(domain, version); !fresh && at->second != version) {
    return invalid_model("the operator set '{}' is imported at two versions, {} and {}",
                         domain.empty() ? "ai.onnx" : domain, at->second, version);
  }
  return {};
}

Result<Function> read_function(std::string_view message, ReadContext& context) {
  Function function;
  GraphDraft body;
  const Status walked = for_each_field(message, "FunctionProto", [&](const Field& field) -> Status {
    std::string_view bytes;
    if (!field.get(bytes)) return {};
    switch (field.number()) {
      case 1: function.name = bytes; return check_text(bytes, "a function's name");
      case 4: body.inputs.push_back({std::string(bytes), {}}); return check_text(bytes, "a value's name");
      case 5: body.outputs.push_back({std::string(bytes), {}}); return check_text(bytes, "a value's name");
      case 6: function.attributes.emplace_back(bytes); return check_text(bytes, "an attribute's name");
      case 7: {
        CYCLOID_ASSIGN(NodeDraft node, read_node(bytes, context, 0));
        body.nodes.push_back(std::move(node));
        return {};
      }
      case 9: return read_opset(bytes, function.opsets);
      case 10: function.domain = bytes == "ai.onnx" ? "" : bytes; return check_text(bytes, "a function's domain");
      case 12: return add_value(bytes, body.value_info, context);
      case 11: {
        CYCLOID_ASSIGN(NamedAttribute attribute, read_attribute(bytes, context));
        if (attribute.has_graphs())
          return unsupported("a graph as default of the attribute '{}' is not supported", attribute.name);
        function.default_attributes.insert_or_assign(attribute.name, std::move(attribute.value));
        return {};
      }
      case 13: function.overload = bytes; return check_text(bytes, "a function's overload");
      default: return {};
    }
  });
  if (!walked) return walked.error();
  body.name = function.name;
  if (function.name.empty()) return invalid_model("a function of the model has no name");
  auto graph = assemble(std::move(body));
  if (!graph) return graph.error().in(fmt::format("function '{}'", function.name));
  function.body = *std::move(graph);
  return function;
}

}  // namespace cycloid::onnx
