#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "graph/draft.h"
#include "graph/text.h"
#include "graph/text_lexer.h"
#include "graph/text_tensor.h"
#include "graph/text_words.h"

namespace cycloid {
namespace {

constexpr int kMaxTypeDepth = 16;

using Opsets = std::map<std::string, std::int64_t, std::less<>>;

std::string onnx_domain(std::string domain) { return domain == "ai.onnx" ? std::string() : std::move(domain); }

class Parser {
 public:
  explicit Parser(std::string_view text) : in_(text) {}

  Result<Graph> graph_alone() {
    CYCLOID_ASSIGN(Graph result, whole_graph());
    if (!in_.at_end()) return in_.expected("the end");
    return result;
  }

  Result<ModelIr> model() {
    ModelIr model;
    model.ir_version = kTextIrVersion;
    const bool headed = in_.peek() == '<';
    if (headed) CYCLOID_TRY(header([&](const std::string& key) { return model_entry(key, model); }));
    CYCLOID_ASSIGN(model.graph, whole_graph());
    while (!in_.at_end()) {
      CYCLOID_ASSIGN(Function parsed, function());
      model.functions.push_back(std::move(parsed));
    }
    if (!headed) {
      for (const std::string& domain : domains_)
        model.opsets.emplace(domain, domain == "ai.onnx.ml" ? kTextMlOpset : 1);
      model.opsets.insert_or_assign("", kTextOpset);
    }
    return model;
  }

 private:
  // --- Words.
  Result<std::string> identifier(std::string_view what) {
    if (in_.peek() == '"') return in_.quoted();
    const std::string_view word = in_.take_word();
    if (word.empty()) return in_.expected(what);
    return std::string(word);
  }

  Result<std::int64_t> integer() {
    const auto number = in_.number();
    std::int64_t value = 0;
    if (!number || number->is_float) return in_.expected("an integer");
    const auto [end, error] = std::from_chars(number->text.data(), number->text.data() + number->text.size(), value);
    if (error != std::errc() || end != number->text.data() + number->text.size())
      return in_.failure("the integer leaves 64 bits");
    return value;
  }

  // Names with commas between, up to a mark that cannot be part of a name. Nothing between two commas is "".
  Result<std::vector<std::string>> names() {
    std::vector<std::string> result;
    const auto is_name = [&] { return in_.peek() == '"' || !in_.peek_word().empty(); };
    if (!is_name() && in_.peek() != ',') return result;
    for (;;) {
      std::string name;
      if (is_name()) {
        CYCLOID_ASSIGN(name, identifier("a name"));
      }
      result.push_back(std::move(name));
      if (!in_.take(",")) return result;
      if (!is_name() && in_.peek() != ',') return result;  // a trailing comma says nothing
    }
  }

  // --- Types.
  bool next_is_type() {
    if (in_.peek() == '?') return true;
    const std::string_view word = in_.peek_word();
    return word == "seq" || word == "optional" || word == "map" || word == "undefined" || parse_dtype(word).has_value();
  }

  Result<Shape> shape() {
    Shape result;
    do {
      if (in_.take("?")) {
        result.push_back(Dim::unknown());
      } else if (in_.peek() == '"' || !in_.peek_word().empty()) {
        CYCLOID_ASSIGN(const std::string name, identifier("a size"));
        result.push_back(dim_of_name(name));
      } else {
        CYCLOID_ASSIGN(const std::int64_t size, integer());
        if (size < 0) return in_.failure("a size is negative");
        result.emplace_back(size);
      }
    } while (in_.take(","));
    return result;
  }

  Result<ValueType> type(int depth = 0) {
    if (depth > kMaxTypeDepth) return in_.failure("types are nested too deep");
    if (in_.take("?")) return ValueType();
    const std::string word(in_.take_word());
    if (word == "seq" || word == "optional") {
      CYCLOID_TRY(in_.expect("("));
      CYCLOID_ASSIGN(ValueType element, type(depth + 1));
      CYCLOID_TRY(in_.expect(")"));
      return word == "seq" ? ValueType::sequence(std::move(element)) : ValueType::optional(std::move(element));
    }
    if (word == "map") {
      CYCLOID_TRY(in_.expect("("));
      const auto key = parse_dtype(in_.take_word());
      if (!key) return in_.failure("expected an element type before this");
      CYCLOID_TRY(in_.expect(","));
      CYCLOID_ASSIGN(ValueType element, type(depth + 1));
      CYCLOID_TRY(in_.expect(")"));
      return ValueType::map(*key, std::move(element));
    }
    const auto dtype = word == "undefined" ? DType::kUndefined : parse_dtype(word);
    if (!dtype) return in_.failure(fmt::format("expected a type before this, not '{}'", word));
    if (!in_.take("[")) return ValueType::tensor(*dtype, {});
    if (in_.take("]")) return ValueType::tensor(*dtype);
    CYCLOID_ASSIGN(Shape sizes, shape());
    CYCLOID_TRY(in_.expect("]"));
    return ValueType::tensor(*dtype, std::move(sizes));
  }

  // The tensor of this type whose elements come next, in braces.
  Result<Tensor> tensor(const ValueType& type) {
    if (!type.is_tensor() || !type.shape) return in_.failure("a constant needs a tensor type with a shape");
    const auto dims = known_dims(*type.shape);
    if (!dims) return in_.failure("a constant's sizes must be numbers");
    return parse_tensor(in_, type.dtype, *dims);
  }

  // --- Attributes.
  Status attributes(NodeDraft& node, int depth) {
    if (!in_.take("<")) return {};
    do {
      CYCLOID_ASSIGN(const std::string name, identifier("the name of an attribute"));
      CYCLOID_TRY(attribute(name, node, depth));
    } while (in_.take(","));
    return in_.expect(">");
  }

  // After the name: [: type] = value.
  Status attribute(const std::string& name, NodeDraft& node, int depth) {
    std::string_view kind;
    if (in_.take(":")) {
      const std::string_view word = in_.take_word();
      const auto at = std::ranges::find(kAttributeTypeNames, word);
      if (word.empty() || at == kAttributeTypeNames.end())
        return in_.failure("expected the type of an attribute before this");
      kind = *at;
    }
    CYCLOID_TRY(in_.expect("="));
    const bool known =
        node.attributes.contains(name) ||
        std::ranges::find(node.subgraphs, name, &NodeDraft::Subgraphs::attribute) != node.subgraphs.end();
    if (known) return in_.failure(fmt::format("the attribute '{}' is given twice", name));
    if (in_.take("[")) return attribute_list(name, kind, node, depth);
    if (next_is_graph(kind)) {
      CYCLOID_ASSIGN(GraphDraft draft, graph(depth + 1));
      NodeDraft::Subgraphs subgraphs{name, {}, false};
      subgraphs.graphs.push_back(std::move(draft));
      node.subgraphs.push_back(std::move(subgraphs));
      return {};
    }
    auto value = attribute_value(kind);
    if (!value) return value.error();
    node.attributes.emplace(name, *std::move(value));
    return {};
  }

  bool next_is_graph(std::string_view kind) {
    if (kind == "graph" || kind == "graphs") return in_.peek() != '@';
    return in_.followed_by("(") && !next_is_type();
  }

  Result<Attribute> attribute_value(std::string_view kind) {
    if (in_.take("@")) {
      CYCLOID_ASSIGN(std::string name, identifier("the name of an attribute"));
      const auto at = std::ranges::find(kAttributeTypeNames, kind);
      return Attribute(
          AttributeReference{std::move(name), static_cast<std::int32_t>(at - kAttributeTypeNames.begin())});
    }
    if (in_.peek() == '"') {
      CYCLOID_ASSIGN(std::string text, in_.quoted());
      return Attribute(std::move(text));
    }
    if (const auto number = in_.number()) return number_value(*number, kind);
    if (!next_is_type()) return in_.expected("the value of an attribute");
    auto value_type = type();
    if (!value_type) return value_type.error();
    if (kind != "type_proto" && kind != "type_protos" &&
        (in_.peek() == '{' || in_.peek() == '=' || !in_.peek_word().empty())) {
      in_.take_word();  // a tensor attribute's name means nothing
      in_.take("=");
      CYCLOID_ASSIGN(Tensor value, tensor(*value_type));
      return Attribute(std::move(value));
    }
    return Attribute(*std::move(value_type));
  }

  Result<Attribute> number_value(const TextLexer::Number& number, std::string_view kind) {
    if (number.is_float || kind == "float" || kind == "floats") {
      CYCLOID_ASSIGN(const double value, parse_float(in_, number.text));
      return Attribute(static_cast<float>(value));
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(number.text.data(), number.text.data() + number.text.size(), value);
    if (error != std::errc()) return in_.failure("the integer before this leaves 64 bits");
    return Attribute(value);
  }

  // After "[".
  Status attribute_list(const std::string& name, std::string_view kind, NodeDraft& node, int depth) {
    if (in_.peek() != ']' && next_is_graph(kind)) {
      NodeDraft::Subgraphs subgraphs{name, {}, true};
      do {
        CYCLOID_ASSIGN(GraphDraft draft, graph(depth + 1));
        subgraphs.graphs.push_back(std::move(draft));
      } while (in_.take(","));
      node.subgraphs.push_back(std::move(subgraphs));
      return in_.expect("]");
    }
    std::vector<Attribute> items;
    while (in_.peek() != ']') {
      auto item = attribute_value(kind);
      if (!item) return item.error();
      items.push_back(*std::move(item));
      if (!in_.take(",")) break;
    }
    CYCLOID_TRY(in_.expect("]"));
    if (items.empty() && kind == "graphs") {
      node.subgraphs.push_back({name, {}, true});
      return {};
    }
    auto list = to_list(items, kind);
    if (!list) return list.error();
    node.attributes.emplace(name, *std::move(list));
    return {};
  }

  template <class T>
  static std::optional<std::vector<T>> all_of(const std::vector<Attribute>& items) {
    std::vector<T> result;
    for (const Attribute& item : items) {
      if (const T* value = std::get_if<T>(&item)) {
        result.push_back(*value);
      } else if (const auto* integer = std::get_if<std::int64_t>(&item);
                 integer != nullptr && std::is_same_v<T, float>) {
        if constexpr (std::is_same_v<T, float>) result.push_back(static_cast<float>(*integer));
      } else {
        return std::nullopt;
      }
    }
    return result;
  }

  Result<Attribute> to_list(const std::vector<Attribute>& items, std::string_view kind) {
    if (items.empty()) {
      if (kind == "ints") return Attribute(std::vector<std::int64_t>());
      if (kind == "floats") return Attribute(std::vector<float>());
      if (kind == "strings") return Attribute(std::vector<std::string>());
      if (kind == "tensors") return Attribute(std::vector<Tensor>());
      return in_.failure("an empty list needs the type of the attribute: 'name : ints = []'");
    }
    if (auto ints = all_of<std::int64_t>(items)) return Attribute(*std::move(ints));
    if (auto floats = all_of<float>(items)) return Attribute(*std::move(floats));
    if (auto strings = all_of<std::string>(items)) return Attribute(*std::move(strings));
    if (auto tensors = all_of<Tensor>(items)) return Attribute(*std::move(tensors));
    return in_.failure("the items of the list before this are of different kinds");
  }

  // --- Graphs.
  Result<ValueDraft> value_info() {
    ValueDraft value;
    if (next_is_type() && !is_bare_name()) {
      CYCLOID_ASSIGN(value.type, type());
    }
    CYCLOID_ASSIGN(value.name, identifier("the name of a value"));
    return value;
  }

  // A value may be called "float": then a mark follows.
  bool is_bare_name() { return in_.followed_by(",") || in_.followed_by(")") || in_.followed_by(">"); }

  // "type name [= {...}]", with commas between, up to `close`.
  Status value_list(std::string_view close, std::vector<ValueDraft>& values, GraphDraft& draft) {
    if (in_.take(close)) return {};
    do {
      CYCLOID_ASSIGN(ValueDraft value, value_info());
      if (in_.take("=")) {
        CYCLOID_ASSIGN(Tensor constant, tensor(value.type));
        draft.constants.emplace_back(std::move(value.name), std::move(constant));
      } else {
        values.push_back(std::move(value));
      }
    } while (in_.take(","));
    return in_.expect(close);
  }

  Result<GraphDraft> graph(int depth) {
    if (depth > kMaxSubgraphDepth) return in_.failure("subgraphs are nested too deep");
    GraphDraft draft;
    CYCLOID_ASSIGN(draft.name, identifier("the name of a graph"));
    CYCLOID_TRY(in_.expect("("));
    CYCLOID_TRY(value_list(")", draft.inputs, draft));
    CYCLOID_TRY(in_.expect("=>"));
    CYCLOID_TRY(in_.expect("("));
    CYCLOID_TRY(value_list(")", draft.outputs, draft));
    if (in_.take("<")) CYCLOID_TRY(value_list(">", draft.value_info, draft));
    CYCLOID_TRY(nodes(draft, depth));
    return draft;
  }

  Status nodes(GraphDraft& draft, int depth) {
    CYCLOID_TRY(in_.expect("{"));
    while (!in_.take("}")) {
      CYCLOID_ASSIGN(NodeDraft parsed, node(depth));
      draft.nodes.push_back(std::move(parsed));
    }
    return {};
  }

  Result<NodeDraft> node(int depth) {
    NodeDraft node;
    node.place = in_.place();
    if (in_.take("[")) {
      CYCLOID_ASSIGN(node.name, identifier("the name of a node"));
      CYCLOID_TRY(in_.expect("]"));
    }
    CYCLOID_ASSIGN(node.outputs, names());
    CYCLOID_TRY(in_.expect("="));
    CYCLOID_ASSIGN(node.op_type, identifier("an operator"));
    while (in_.take(".")) {
      node.domain += (node.domain.empty() ? "" : ".") + node.op_type;
      CYCLOID_ASSIGN(node.op_type, identifier("an operator"));
    }
    node.domain = onnx_domain(std::move(node.domain));
    if (node.op_type.empty()) return in_.failure("the operator before this has no name");
    domains_.insert(node.domain);
    if (in_.take(":")) {
      CYCLOID_ASSIGN(node.overload, identifier("an overload"));
    }
    CYCLOID_TRY(attributes(node, depth));
    CYCLOID_TRY(in_.expect("("));
    CYCLOID_ASSIGN(node.inputs, names());
    CYCLOID_TRY(in_.expect(")"));
    if (node.attributes.empty() && node.subgraphs.empty()) CYCLOID_TRY(attributes(node, depth));
    return node;
  }

  Result<Graph> whole_graph() {
    CYCLOID_ASSIGN(GraphDraft draft, graph(0));
    return assemble(std::move(draft));
  }

  // --- Models and functions.
  // <key: value, ...>
  template <class Entry>
  Status header(Entry entry) {
    CYCLOID_TRY(in_.expect("<"));
    if (in_.take(">")) return {};
    do {
      const std::string key(in_.take_word());
      CYCLOID_TRY(in_.expect(":"));
      CYCLOID_TRY(entry(key));
    } while (in_.take(","));
    return in_.expect(">");
  }

  Status text_entry(std::string& to) {
    CYCLOID_ASSIGN(to, in_.quoted());
    return {};
  }
  Status integer_entry(std::int64_t& to) {
    CYCLOID_ASSIGN(to, integer());
    return {};
  }

  Status model_entry(const std::string& key, ModelIr& model) {
    if (key == "ir_version") return integer_entry(model.ir_version);
    if (key == "opset_import") return opsets(model.opsets);
    if (key == "producer_name") return text_entry(model.producer_name);
    if (key == "producer_version") return text_entry(model.producer_version);
    if (key == "domain") return text_entry(model.domain);
    if (key == "model_version") return integer_entry(model.model_version);
    if (key == "doc_string") return text_entry(model.doc);
    if (key == "metadata_props") return metadata(model);
    return in_.failure(fmt::format("a model has no '{}'", key));
  }

  Status opsets(Opsets& to) {
    CYCLOID_TRY(in_.expect("["));
    if (in_.take("]")) return {};
    do {
      CYCLOID_ASSIGN(std::string domain, in_.quoted());
      CYCLOID_TRY(in_.expect(":"));
      CYCLOID_ASSIGN(const std::int64_t version, integer());
      if (version < 1) return in_.failure("the version of an operator set must be at least 1");
      if (!to.emplace(onnx_domain(std::move(domain)), version).second)
        return in_.failure("an operator set is imported twice");
    } while (in_.take(","));
    return in_.expect("]");
  }

  Status metadata(ModelIr& model) {
    CYCLOID_TRY(in_.expect("["));
    if (in_.take("]")) return {};
    do {
      CYCLOID_ASSIGN(std::string key, in_.quoted());
      CYCLOID_TRY(in_.expect(":"));
      CYCLOID_ASSIGN(std::string value, in_.quoted());
      model.metadata.insert_or_assign(std::move(key), std::move(value));
    } while (in_.take(","));
    return in_.expect("]");
  }

  Status function_entry(const std::string& key, Function& function) {
    if (key == "opset_import") return opsets(function.opsets);
    if (key == "domain") return text_entry(function.domain);
    if (key == "overload") return text_entry(function.overload);
    std::string ignored;
    if (key == "doc_string") return text_entry(ignored);
    return in_.failure(fmt::format("a function has no '{}'", key));
  }

  Result<Function> function() {
    Function function;
    if (in_.peek() == '<') CYCLOID_TRY(header([&](const std::string& key) { return function_entry(key, function); }));
    function.domain = onnx_domain(std::move(function.domain));
    CYCLOID_ASSIGN(function.name, identifier("the name of a function"));
    NodeDraft defaults;
    if (in_.take("<")) {
      do {
        CYCLOID_ASSIGN(std::string name, identifier("the name of an attribute"));
        if (in_.peek() == ':' || in_.peek() == '=') {
          CYCLOID_TRY(attribute(name, defaults, 0));
        } else {
          function.attributes.push_back(std::move(name));
        }
      } while (in_.take(","));
      CYCLOID_TRY(in_.expect(">"));
    }
    if (!defaults.subgraphs.empty()) return in_.failure("a graph cannot be an attribute's default");
    function.default_attributes = std::move(defaults.attributes);
    GraphDraft draft;
    draft.name = function.name;
    CYCLOID_TRY(in_.expect("("));
    CYCLOID_TRY(value_list(")", draft.inputs, draft));
    CYCLOID_TRY(in_.expect("=>"));
    CYCLOID_TRY(in_.expect("("));
    CYCLOID_TRY(value_list(")", draft.outputs, draft));
    if (in_.take("<")) CYCLOID_TRY(value_list(">", draft.value_info, draft));
    CYCLOID_TRY(nodes(draft, 0));
    CYCLOID_ASSIGN(function.body, assemble(std::move(draft)).in(fmt::format("function '{}'", function.name)));
    return function;
  }

  TextLexer in_;
  std::set<std::string> domains_;
};

}  // namespace

Result<Graph> parse_graph(std::string_view text) { return Parser(text).graph_alone(); }
Result<ModelIr> parse_model(std::string_view text) { return Parser(text).model(); }

}  // namespace cycloid
