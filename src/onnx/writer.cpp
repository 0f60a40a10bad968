#include "onnx/writer.h"

#include <algorithm>
#include <new>
#include <optional>
#include <protozero/pbf_writer.hpp>
#include <stdexcept>

#include "base/atomic_file.h"
#include "base/error.h"
#include "graph/names.h"
#include "onnx/read_attribute.h"
#include "onnx/write_tensor.h"

namespace cycloid::onnx {
namespace {

using Writer = protozero::pbf_writer;
using Kind = AttributeKind;

constexpr std::int64_t kOldestIrOfConstants = 4;  // before, each initializer had to be an input too
constexpr std::size_t kSmallTensorBytes = 1024;   // not worth a place in a data file

void write_opset(Writer to, const std::string& domain, std::int64_t version) {
  to.add_string(1, domain);
  to.add_int64(2, version);
}

void write_entry(Writer to, const std::string& key, const std::string& value) {
  to.add_string(1, key);
  to.add_string(2, value);
}

// protozero leaves out a message that is empty, which in types has a meaning: a size that is not known, the shape of a
// scalar. So what may be empty is written apart and put in as bytes.
template <class Fill>
void write_message(Writer& to, std::uint32_t field, Fill fill) {
  std::string bytes;
  Writer message(bytes);
  fill(message);
  to.add_message(field, bytes);
}

void write_dim(Writer& to, const Dim& dim) {
  if (dim.is_known()) {
    to.add_int64(1, dim.value());
    return;
  }
  const std::string text = dim.to_string();
  if (text.find('?') == std::string::npos) to.add_string(2, text);
}

void write_type(Writer& to, const ValueType& type) {
  const auto element = [&](Writer& container, std::uint32_t field) {
    if (type.element) write_message(container, field, [&](Writer& inner) { write_type(inner, *type.element); });
  };
  switch (type.kind) {
    case ValueType::Kind::kUnknown: return;
    case ValueType::Kind::kTensor:
      write_message(to, 1, [&](Writer& tensor) {
        tensor.add_int32(1, static_cast<std::int32_t>(type.dtype));
        if (!type.shape) return;
        write_message(tensor, 2, [&](Writer& shape) {
          for (const Dim& dim : *type.shape) write_message(shape, 1, [&](Writer& message) { write_dim(message, dim); });
        });
      });
      return;
    case ValueType::Kind::kSequence: return write_message(to, 4, [&](Writer& sequence) { element(sequence, 1); });
    case ValueType::Kind::kOptional: return write_message(to, 9, [&](Writer& optional) { element(optional, 1); });
    case ValueType::Kind::kMap:
      return write_message(to, 5, [&](Writer& map) {
        map.add_int32(1, static_cast<std::int32_t>(type.dtype));
        element(map, 2);
      });
  }
}

class ModelWriter {
 public:
  explicit ModelWriter(ExternalTensors* external) : external_(external) {}

  void model(Writer& to, const ModelIr& model) {
    to.add_int64(1, std::max(model.ir_version, kOldestIrOfConstants));
    if (!model.producer_name.empty()) to.add_string(2, model.producer_name);
    if (!model.producer_version.empty()) to.add_string(3, model.producer_version);
    if (!model.domain.empty()) to.add_string(4, model.domain);
    if (model.model_version != 0) to.add_int64(5, model.model_version);
    if (!model.doc.empty()) to.add_string(6, model.doc);
    graph(Writer(to, 7), model.graph, nullptr);
    for (const auto& [domain, version] : model.opsets) write_opset(Writer(to, 8), domain, version);
    for (const auto& [key, value] : model.metadata) write_entry(Writer(to, 14), key, value);
    for (const Function& one : model.functions) function(Writer(to, 25), one);
  }

 private:
  void value_info(Writer to, const std::string& name, const ValueType& type) {
    to.add_string(1, name);
    if (type.kind != ValueType::Kind::kUnknown)
      write_message(to, 2, [&](Writer& message) { write_type(message, type); });
  }

  void value_infos(Writer& to, std::uint32_t field, const Graph& graph, const ScopeNames& names) {
    for (const NodeId id : graph.nodes()) {
      for (const ValueId output : graph.node(id).outputs) {
        if (!output.valid() || graph.is_output(output)) continue;
        const ValueType& type = graph.value(output).type;
        if (type.kind != ValueType::Kind::kUnknown) value_info(Writer(to, field), names.of(output), type);
      }
    }
  }

  void graph(Writer to, const Graph& graph, const ScopeNames* outer) {
    const ScopeNames names(graph, outer);
    for (const NodeId id : graph.nodes()) node(Writer(to, 1), graph.node(id), names);
    to.add_string(2, graph.name().empty() ? "graph" : graph.name());  // a name is required
    for (const ValueId id : graph.values()) {
      if (graph.value(id).kind != Value::Kind::kConstant) continue;
      Writer tensor(to, 5);
      write_tensor(tensor, graph.value(id).constant, names.of(id), external_);
    }
    for (const ValueId id : graph.inputs()) value_info(Writer(to, 11), names.of(id), graph.value(id).type);
    for (const ValueId id : graph.outputs()) value_info(Writer(to, 12), names.of(id), graph.value(id).type);
    value_infos(to, 13, graph, names);
  }

  void node(Writer to, const Node& node, const ScopeNames& names) {
    for (const ValueId input : node.inputs) to.add_string(1, names.of(input));
    for (const ValueId output : node.outputs) to.add_string(2, names.of(output));
    if (!node.name.empty()) to.add_string(3, node.name);
    to.add_string(4, node.op_type);
    for (const auto& [name, value] : node.attributes) attribute(Writer(to, 5), name, value, &names);
    if (!node.domain.empty()) to.add_string(7, node.domain);
    if (!node.overload.empty()) to.add_string(8, node.overload);
  }

  void attribute(Writer to, const std::string& name, const Attribute& attribute, const ScopeNames* names) {
    to.add_string(1, name);
    const auto kind = [&](Kind value) { to.add_int32(20, static_cast<std::int32_t>(value)); };
    const auto tensor = [&](std::uint32_t field, const Tensor& value) {
      Writer message(to, field);
      write_tensor(message, value, "", external_);
    };
    const auto write = [&]<class T>(const T& x) {
      if constexpr (std::is_same_v<T, float>) {
        kind(Kind::kFloat);
        to.add_float(2, x);
      } else if constexpr (std::is_same_v<T, std::int64_t>) {
        kind(Kind::kInt);
        to.add_int64(3, x);
      } else if constexpr (std::is_same_v<T, std::string>) {
        kind(Kind::kString);
        to.add_bytes(4, x);
      } else if constexpr (std::is_same_v<T, Tensor>) {
        kind(Kind::kTensor);
        tensor(5, x);
      } else if constexpr (std::is_same_v<T, GraphPtr>) {
        kind(Kind::kGraph);
        graph(Writer(to, 6), *x, names);
      } else if constexpr (std::is_same_v<T, std::vector<float>>) {
        kind(Kind::kFloats);
        for (const float item : x) to.add_float(7, item);  // not packed in onnx.proto
      } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
        kind(Kind::kInts);
        for (const std::int64_t item : x) to.add_int64(8, item);
      } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        kind(Kind::kStrings);
        for (const std::string& item : x) to.add_bytes(9, item);
      } else if constexpr (std::is_same_v<T, std::vector<Tensor>>) {
        kind(Kind::kTensors);
        for (const Tensor& item : x) tensor(10, item);
      } else if constexpr (std::is_same_v<T, std::vector<GraphPtr>>) {
        kind(Kind::kGraphs);
        for (const GraphPtr& item : x) graph(Writer(to, 11), *item, names);
      } else if constexpr (std::is_same_v<T, ValueType>) {
        kind(Kind::kTypeProto);
        write_message(to, 14, [&](Writer& message) { write_type(message, x); });
      } else {
        static_assert(std::is_same_v<T, AttributeReference>);
        kind(static_cast<Kind>(x.type));
        to.add_string(21, x.name);
      }
    };
    std::visit(write, attribute);
  }

  void function(Writer to, const Function& function) {
    const ScopeNames names(function.body, nullptr);
    to.add_string(1, function.name);
    for (const ValueId id : function.body.inputs()) to.add_string(4, names.of(id));
    for (const ValueId id : function.body.outputs()) to.add_string(5, names.of(id));
    for (const std::string& name : function.attributes) to.add_string(6, name);
    constants(to, function.body, names);
    for (const NodeId id : function.body.nodes()) node(Writer(to, 7), function.body.node(id), names);
    for (const auto& [domain, version] : function.opsets) write_opset(Writer(to, 9), domain, version);
    to.add_string(10, function.domain);
    for (const auto& [name, value] : function.default_attributes) attribute(Writer(to, 11), name, value, nullptr);
    value_infos(to, 12, function.body, names);
    if (!function.overload.empty()) to.add_string(13, function.overload);
  }

  // A FunctionProto has no initializers: Constant nodes.
  void constants(Writer& to, const Graph& body, const ScopeNames& names) {
    for (const ValueId id : body.values()) {
      if (body.value(id).kind != Value::Kind::kConstant) continue;
      Writer message(to, 7);
      message.add_string(2, names.of(id));
      message.add_string(4, "Constant");
      attribute(Writer(message, 5), "value", body.value(id).constant, nullptr);
    }
  }

  ExternalTensors* external_;
};

// The bytes of all constants and tensor attributes.
std::size_t tensor_bytes(const Graph& graph) {
  std::size_t bytes = 0;
  for (const ValueId id : graph.values()) {
    if (graph.value(id).kind == Value::Kind::kConstant) bytes += graph.value(id).constant.byte_count();
  }
  for (const NodeId id : graph.nodes()) {
    for (const auto& [name, attribute] : graph.node(id).attributes) {
      if (const auto* tensor = std::get_if<Tensor>(&attribute)) bytes += tensor->byte_count();
    }
    for_each_subgraph(graph.node(id), [&](const std::string&, const Graph& body) { bytes += tensor_bytes(body); });
  }
  return bytes;
}

Error too_large() {
  return make_error(ErrorCode::kResourceExhausted,
                    "the model exceeds the 2 GiB of a protobuf message; write it to a file, with its data beside it");
}

Result<std::string> serialise(const ModelIr& model, ExternalTensors* external) {
  try {
    std::string bytes;
    Writer writer(bytes);
    ModelWriter(external).model(writer, model);
    if (bytes.size() > kMaxMessageBytes) return too_large();
    return bytes;
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kResourceExhausted, "no memory to write the model");
  } catch (const std::length_error&) {
    return make_error(ErrorCode::kResourceExhausted, "no memory to write the model");
  }
}

Status write_data(const ExternalTensors& external, const std::string& path) {
  CYCLOID_ASSIGN(AtomicFile file, AtomicFile::create(path));
  std::uint64_t at = 0;
  for (const auto& [offset, tensor] : external.tensors()) {
    CYCLOID_TRY(file.write(std::string(offset - at, '\0')));
    // Whole bytes go from the tensor to the file; only what has to be packed is held twice, one tensor at a time.
    const bool narrow = bits_of(tensor.dtype()) < 8;
    const std::string made = narrow ? packed(tensor) : std::string();
    const std::string_view bytes =
        narrow ? std::string_view(made)
               : std::string_view(reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_count());
    CYCLOID_TRY(file.write(bytes));
    at = offset + bytes.size();
  }
  return file.commit();
}

}  // namespace

Result<std::string> to_bytes(const ModelIr& model) {
  if (tensor_bytes(model.graph) > kMaxMessageBytes) return too_large();
  return serialise(model, nullptr);
}

Status write_model(const ModelIr& model, const std::string& path, const WriteOptions& options) {
  // Room for all that is not tensors: names, attributes, types.
  const bool large = tensor_bytes(model.graph) > kMaxMessageBytes / 8 * 7;
  const std::size_t from =
      large ? std::min(options.external_from_bytes, kSmallTensorBytes) : options.external_from_bytes;
  const std::string data_path = path + ".data";
  ExternalTensors external(data_path.substr(data_path.rfind('/') + 1), from);
  CYCLOID_ASSIGN(const std::string bytes, serialise(model, &external));
  if (!external.tensors().empty()) CYCLOID_TRY(write_data(external, data_path));
  return write_file_atomically(path, bytes);
}

std::string to_bytes(const Tensor& tensor, const std::string& name) {
  std::string bytes;
  Writer writer(bytes);
  write_tensor(writer, tensor, name, nullptr);
  return bytes;
}

}  // namespace cycloid::onnx
