#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "graph/names.h"
#include "graph/text.h"
#include "graph/text_words.h"

namespace cycloid {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  result += '"';
  return result;
}

std::string identifier(std::string_view name) {
  const bool plain = !name.empty() && is_letter(name[0]) &&
                     std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
  return plain ? std::string(name) : quoted(name);
}

template <class T>
std::string number(T x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  return fmt::format("{}", x);  // the shortest text that reads back as the same number
}

// A number that reads back as a float, not as an integer.
std::string float_literal(float x) {
  std::string text = number(x);
  if (text.find_first_of(".einf") == std::string::npos) text += ".0";
  return text;
}

std::string print_dim(const Dim& dim) {
  if (dim.is_known()) return std::to_string(dim.value());
  const std::string text = dim.to_string();
  return text.find('?') == std::string::npos ? identifier(text) : "?";
}

template <class Items, class Print>
std::string joined(const Items& items, Print print) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ", ";
    text += print(item);
  }
  return text;
}

std::string print_type(const ValueType& type) {
  const auto element = [&] { return type.element ? print_type(*type.element) : std::string("?"); };
  switch (type.kind) {
    case ValueType::Kind::kUnknown: return "?";
    case ValueType::Kind::kTensor: {
      const std::string name(text_name(type.dtype));
      if (!type.shape) return name + "[]";
      return type.shape->empty() ? name : fmt::format("{}[{}]", name, joined(*type.shape, print_dim));
    }
    case ValueType::Kind::kSequence: return fmt::format("seq({})", element());
    case ValueType::Kind::kOptional: return fmt::format("optional({})", element());
    case ValueType::Kind::kMap: return fmt::format("map({}, {})", text_name(type.dtype), element());
  }
  return "?";
}

template <class T>
std::string print_elements(const Tensor& tensor) {
  const std::span<const T> data = tensor.data<T>();
  std::string text;
  const auto out = std::back_inserter(text);
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (i != 0) text += ", ";
    if constexpr (std::is_same_v<T, std::string>) {
      text += quoted(data[i]);
    } else if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
      fmt::format_to(out, "{}", data[i].bits);
    } else if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
      fmt::format_to(out, "{}, {}", number(data[i].real()), number(data[i].imag()));
    } else if constexpr (std::is_floating_point_v<T>) {
      text += number(data[i]);
    } else {
      fmt::format_to(out, "{}",
                     static_cast<std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>(data[i]));
    }
  }
  return text;
}

// float8, and types narrower than a byte: a byte each.
std::string print_bytes(const Tensor& tensor) {
  std::string text;
  for (std::size_t i = 0; i < tensor.byte_count(); ++i) {
    const auto byte = static_cast<std::uint8_t>(tensor.bytes()[i]);
    const int value = is_signed_integer(tensor.dtype()) ? static_cast<std::int8_t>(byte) : byte;
    fmt::format_to(std::back_inserter(text), "{}{}", i == 0 ? "" : ", ", value);
  }
  return text;
}

std::string print_data(const Tensor& tensor, const PrintOptions& options) {
  if (tensor.element_count() > options.max_elements) return "{...}";
  std::string text;
  const bool typed =
      dispatch<float, double, Float16, BFloat16, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
               std::uint16_t, std::uint32_t, std::uint64_t, bool, std::string, std::complex<float>,
               std::complex<double>>(tensor.dtype(), [&]<class T>(const T&) { text = print_elements<T>(tensor); });
  return fmt::format("{{{}}}", typed ? text : print_bytes(tensor));
}

class Printer {
 public:
  Printer(const PrintOptions& options, int depth)
      : options_(options), indent_(static_cast<std::size_t>(depth) * 3, ' ') {}

  std::string graph(const Graph& graph, const ScopeNames* outer) {
    const ScopeNames names(graph, outer);
    const auto typed = [&](ValueId id) {
      const Value& value = graph.value(id);
      const std::string name = identifier(names.of(id));
      return value.type.kind == ValueType::Kind::kUnknown ? name : fmt::format("{} {}", print_type(value.type), name);
    };
    std::string text = fmt::format("{} ({}) => ({})", identifier(graph.name()), joined(graph.inputs(), typed),
                                   joined(graph.outputs(), typed));
    const std::vector<std::string> given = constants_and_types(graph, names, typed);
    if (!given.empty()) text += fmt::format("\n{}<{}>\n{}", indent_, fmt::join(given, ",\n" + indent_ + " "), indent_);
    text += given.empty() ? " {\n" : "{\n";
    for (const NodeId id : graph.nodes()) text += indent_ + "   " + node(graph.node(id), names) + "\n";
    return text + indent_ + "}";
  }

  // "name = value", with the type where the value does not show it.
  std::string attribute(const std::string& name, const Attribute& attribute, const ScopeNames* names) {
    const auto with_type = [&](std::string_view type, std::string value) {
      return fmt::format("{} : {} = {}", identifier(name), type, value);
    };
    const auto plain = [&](std::string value) { return fmt::format("{} = {}", identifier(name), value); };
    const auto list = [&](const auto& items, std::string_view type, auto print_item) {
      return items.empty() ? with_type(type, "[]") : plain(fmt::format("[{}]", joined(items, print_item)));
    };
    const auto tensor = [&](const Tensor& x) { return print_type(ValueType::of(x)) + " " + print_data(x, options_); };
    const auto graph_text = [&](const GraphPtr& x) { return Printer(options_, depth() + 1).graph(*x, names); };
    if (const auto* x = std::get_if<std::int64_t>(&attribute)) return plain(std::to_string(*x));
    if (const auto* x = std::get_if<float>(&attribute)) return plain(float_literal(*x));
    if (const auto* x = std::get_if<std::string>(&attribute)) return plain(quoted(*x));
    if (const auto* x = std::get_if<Tensor>(&attribute)) return plain(tensor(*x));
    if (const auto* x = std::get_if<GraphPtr>(&attribute)) return plain(graph_text(*x));
    if (const auto* x = std::get_if<ValueType>(&attribute)) return with_type("type_proto", print_type(*x));
    if (const auto* x = std::get_if<std::vector<std::int64_t>>(&attribute)) {
      return list(*x, "ints", [](std::int64_t i) { return std::to_string(i); });
    }
    if (const auto* x = std::get_if<std::vector<float>>(&attribute)) return list(*x, "floats", float_literal);
    if (const auto* x = std::get_if<std::vector<std::string>>(&attribute)) return list(*x, "strings", quoted);
    if (const auto* x = std::get_if<std::vector<Tensor>>(&attribute)) return list(*x, "tensors", tensor);
    if (const auto* x = std::get_if<std::vector<GraphPtr>>(&attribute)) return list(*x, "graphs", graph_text);
    const auto& reference = std::get<AttributeReference>(attribute);
    const std::string_view type = attribute_type_name(reference.type);
    return type.empty() ? plain("@" + identifier(reference.name)) : with_type(type, "@" + identifier(reference.name));
  }

 private:
  int depth() const { return static_cast<int>(indent_.size() / 3); }

  template <class Typed>
  std::vector<std::string> constants_and_types(const Graph& graph, const ScopeNames& names, Typed typed) const {
    std::vector<std::string> lines;
    for (const ValueId id : graph.values()) {
      const Value& value = graph.value(id);
      if (value.kind == Value::Kind::kConstant) {
        lines.push_back(fmt::format("{} {} = {}", print_type(ValueType::of(value.constant)), identifier(names.of(id)),
                                    print_data(value.constant, options_)));
      }
    }
    if (!options_.types) return lines;
    for (const NodeId id : graph.nodes()) {
      for (const ValueId output : graph.node(id).outputs) {
        if (!output.valid() || graph.is_output(output)) continue;
        if (graph.value(output).type.kind != ValueType::Kind::kUnknown) lines.push_back(typed(output));
      }
    }
    return lines;
  }

  std::string node(const Node& node, const ScopeNames& names) {
    const auto name = [&](ValueId id) { return identifier(names.of(id)); };
    std::string text = node.name.empty() ? "" : fmt::format("[{}] ", identifier(node.name));
    text += joined(node.outputs, name) + " = ";
    if (!node.domain.empty()) text += domain(node.domain) + ".";
    text += identifier(node.op_type);
    if (!node.overload.empty()) text += ":" + identifier(node.overload);
    bool has_subgraph = false;
    for_each_subgraph(node, [&](const std::string&, const Graph&) { has_subgraph = true; });
    std::string attributes;
    if (!node.attributes.empty()) {
      attributes = fmt::format(
          " <{}>", joined(node.attributes, [&](const auto& x) { return attribute(x.first, x.second, &names); }));
    }
    const std::string inputs = fmt::format(" ({})", joined(node.inputs, name));
    return text + (has_subgraph ? inputs + attributes : attributes + inputs);
  }

  // "com.microsoft", each part an identifier, or the whole quoted.
  static std::string domain(const std::string& text) {
    std::size_t from = 0;
    while (from <= text.size()) {
      const std::size_t end = std::min(text.find('.', from), text.size());
      const std::string part = text.substr(from, end - from);
      if (identifier(part) != part) return quoted(text);
      from = end + 1;
    }
    return text;
  }

  const PrintOptions& options_;
  std::string indent_;
};

template <class Opsets>
std::string print_opsets(const Opsets& opsets) {
  return fmt::format("[{}]",
                     joined(opsets, [](const auto& x) { return fmt::format("{} : {}", quoted(x.first), x.second); }));
}

std::string print_function(const Function& function, const PrintOptions& options) {
  std::string text =
      fmt::format("<\n   domain: {},\n   opset_import: {}", quoted(function.domain), print_opsets(function.opsets));
  if (!function.overload.empty()) text += ",\n   overload: " + quoted(function.overload);
  text += "\n>\n" + identifier(function.name);
  Printer printer(options, 0);
  std::vector<std::string> attributes;
  for (const std::string& name : function.attributes) attributes.push_back(identifier(name));
  for (const auto& [name, value] : function.default_attributes)
    attributes.push_back(printer.attribute(name, value, nullptr));
  if (!attributes.empty()) text += fmt::format(" <{}>", fmt::join(attributes, ", "));
  // A function is written as its body, whose name, printed first, is the function's.
  const std::string body = printer.graph(function.body, nullptr);
  return text + body.substr(identifier(function.body.name()).size());
}

}  // namespace

std::string print(const Graph& graph, const PrintOptions& options) {
  return Printer(options, 0).graph(graph, nullptr) + "\n";
}

std::string print(const ModelIr& model, const PrintOptions& options) {
  std::string text =
      fmt::format("<\n   ir_version: {},\n   opset_import: {}", model.ir_version, print_opsets(model.opsets));
  const auto add = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) text += fmt::format(",\n   {}: {}", key, quoted(value));
  };
  add("producer_name", model.producer_name);
  add("producer_version", model.producer_version);
  add("domain", model.domain);
  if (model.model_version != 0) text += fmt::format(",\n   model_version: {}", model.model_version);
  add("doc_string", model.doc);
  if (!model.metadata.empty()) {
    const auto entry = [](const auto& x) { return quoted(x.first) + ": " + quoted(x.second); };
    text += fmt::format(",\n   metadata_props: [{}]", joined(model.metadata, entry));
  }
  text += "\n>\n" + print(model.graph, options);
  for (const Function& function : model.functions) text += print_function(function, options) + "\n";
  return text;
}

}  // namespace cycloid
