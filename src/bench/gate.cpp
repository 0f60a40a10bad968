#include "bench/gate.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace cycloid {

enum class GateOp {
  kNumber,
  kMetric,
  kNegate,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kEqual,
  kNotEqual,
  kNot,
  kAnd,
  kOr
};

class GateNode {
 public:
  GateOp op = GateOp::kNumber;
  double number = 0;
  std::string backend;
  std::string metric;
  std::shared_ptr<const GateNode> left;
  std::shared_ptr<const GateNode> right;

  bool is_condition() const { return op >= GateOp::kLess; }
};

namespace {

using NodePointer = std::shared_ptr<const GateNode>;

constexpr int kMaxDepth = 200;  // of nesting; the parser recurses

struct Operator {
  std::string_view text;
  GateOp op;
};
// Longer texts first: "<=" before "<".
constexpr Operator kComparisons[] = {{"<=", GateOp::kLessEqual}, {">=", GateOp::kGreaterEqual},
                                     {"==", GateOp::kEqual},     {"!=", GateOp::kNotEqual},
                                     {"<", GateOp::kLess},       {">", GateOp::kGreater}};

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

NodePointer binary(GateOp op, NodePointer left, NodePointer right) {
  auto node = std::make_shared<GateNode>();
  node->op = op;
  node->left = std::move(left);
  node->right = std::move(right);
  return node;
}

class Parser {
 public:
  Parser(std::string_view text, const std::vector<std::string>& backends) : text_(text), backends_(backends) {
    // "torch-compile" must win over a backend "torch", if there were one.
    std::sort(backends_.begin(), backends_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  }

  Result<NodePointer> parse() {
    CYCLOID_ASSIGN(NodePointer root, any());
    skip_space();
    if (at_ < text_.size()) return wrong("an operator or the end");
    if (!root->is_condition())
      return fail("it is a number, not a condition; compare it with something, as in 'cycloid.p50 > onnxruntime.p50'");
    return root;
  }

 private:
  Error fail(std::string_view what) const { return invalid_argument("--fail-if '{}': {}", text_, what); }
  Error wrong(std::string_view expected) const {
    const std::string found = at_ < text_.size() ? fmt::format("'{}'", text_.substr(at_, 20)) : std::string("the end");
    return fail(fmt::format("expected {} at position {}, found {}", expected, at_ + 1, found));
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  bool eat(std::string_view symbol) {
    skip_space();
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }
  bool eat_keyword(std::string_view word) {
    skip_space();
    const std::string_view left = text_.substr(at_);
    if (!left.starts_with(word) ||
        (left.size() > word.size() && (is_word(left[word.size()]) || left[word.size()] == '.')))
      return false;
    at_ += word.size();
    return true;
  }

  Result<NodePointer> condition(Result<NodePointer> node, std::string_view op) const {
    if (node && !(*node)->is_condition())
      return fail(fmt::format("'{}' needs conditions (comparisons) on both sides, not a number", op));
    return node;
  }
  Result<NodePointer> number(Result<NodePointer> node, std::string_view op) const {
    if (node && (*node)->is_condition()) return fail(fmt::format("'{}' needs numbers, not a condition", op));
    return node;
  }

  Result<NodePointer> any() {
    if (++depth_ > kMaxDepth) return fail("it is nested too deeply");
    CYCLOID_ASSIGN(NodePointer left, all());
    while (eat_keyword("or") || eat("||")) {
      CYCLOID_TRY(condition(left, "or"));
      CYCLOID_ASSIGN(NodePointer right, condition(all(), "or"));
      left = binary(GateOp::kOr, left, right);
    }
    --depth_;
    return left;
  }
  Result<NodePointer> all() {
    CYCLOID_ASSIGN(NodePointer left, negation());
    while (eat_keyword("and") || eat("&&")) {
      CYCLOID_TRY(condition(left, "and"));
      CYCLOID_ASSIGN(NodePointer right, condition(negation(), "and"));
      left = binary(GateOp::kAnd, left, right);
    }
    return left;
  }
  Result<NodePointer> negation() {
    skip_space();
    const bool symbol = at_ < text_.size() && text_[at_] == '!' && !text_.substr(at_).starts_with("!=");
    if (eat_keyword("not") || (symbol && eat("!"))) {
      if (++depth_ > kMaxDepth) return fail("it is nested too deeply");
      CYCLOID_ASSIGN(NodePointer operand, condition(negation(), "not"));
      --depth_;
      return binary(GateOp::kNot, operand, nullptr);
    }
    return comparison();
  }
  Result<NodePointer> comparison() {
    CYCLOID_ASSIGN(NodePointer left, sum());
    for (const Operator& candidate : kComparisons) {
      if (!eat(candidate.text)) continue;
      CYCLOID_TRY(number(left, candidate.text));
      CYCLOID_ASSIGN(NodePointer right, number(sum(), candidate.text));
      return binary(candidate.op, left, right);
    }
    return left;
  }
  Result<NodePointer> sum() {
    CYCLOID_ASSIGN(NodePointer left, product());
    for (;;) {
      const GateOp op = eat("+") ? GateOp::kAdd : eat("-") ? GateOp::kSubtract : GateOp::kNumber;
      if (op == GateOp::kNumber) return left;
      CYCLOID_TRY(number(left, op == GateOp::kAdd ? "+" : "-"));
      CYCLOID_ASSIGN(NodePointer right, number(product(), op == GateOp::kAdd ? "+" : "-"));
      left = binary(op, left, right);
    }
  }
  Result<NodePointer> product() {
    CYCLOID_ASSIGN(NodePointer left, unary());
    for (;;) {
      const GateOp op = eat("*") ? GateOp::kMultiply : eat("/") ? GateOp::kDivide : GateOp::kNumber;
      if (op == GateOp::kNumber) return left;
      CYCLOID_TRY(number(left, op == GateOp::kMultiply ? "*" : "/"));
      CYCLOID_ASSIGN(NodePointer right, number(unary(), op == GateOp::kMultiply ? "*" : "/"));
      left = binary(op, left, right);
    }
  }
  Result<NodePointer> unary() {
    if (!eat("-")) return primary();
    if (++depth_ > kMaxDepth) return fail("it is nested too deeply");
    CYCLOID_ASSIGN(NodePointer operand, number(unary(), "-"));
    --depth_;
    return binary(GateOp::kNegate, operand, nullptr);
  }
  Result<NodePointer> primary() {
    if (eat("(")) {
      CYCLOID_ASSIGN(NodePointer inner, any());
      if (!eat(")")) return wrong("')'");
      return inner;
    }
    skip_space();
    const char first = at_ < text_.size() ? text_[at_] : '\0';
    if ((first >= '0' && first <= '9') || first == '.') return literal();
    if (is_word(first)) return metric();
    return wrong("a number, BACKEND.METRIC or '('");
  }
  Result<NodePointer> literal() {
    auto node = std::make_shared<GateNode>();
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), node->number);
    if (error != std::errc() || !std::isfinite(node->number)) return wrong("a number");
    at_ += static_cast<std::size_t>(end - begin);
    if (at_ < text_.size() && is_word(text_[at_]))
      return wrong("an operator (numbers carry no unit; latencies are in microseconds)");
    return NodePointer(node);
  }
  Result<NodePointer> metric() {
    auto node = std::make_shared<GateNode>();
    node->op = GateOp::kMetric;
    for (const std::string& backend : backends_) {
      const std::string_view left = text_.substr(at_);
      if (!left.starts_with(backend) || left.size() == backend.size() || left[backend.size()] != '.') continue;
      node->backend = backend;
      at_ += backend.size() + 1;
      std::size_t end = at_;
      while (end < text_.size() && is_word(text_[end])) ++end;
      node->metric = text_.substr(at_, end - at_);
      if (std::find(gate_metrics().begin(), gate_metrics().end(), node->metric) == gate_metrics().end()) {
        return fail(fmt::format("there is no metric '{}' at position {}; there are {}", node->metric, at_ + 1,
                                fmt::join(gate_metrics(), ", ")));
      }
      at_ = end;
      return NodePointer(node);
    }
    std::size_t end = at_;
    while (end < text_.size() && (is_word(text_[end]) || text_[end] == '-')) ++end;
    return fail(fmt::format("'{}' at position {} is not a backend that takes part, followed by '.METRIC'; those are {}",
                            text_.substr(at_, end - at_), at_ + 1, fmt::join(backends_, ", ")));
  }

  std::string_view text_;
  std::vector<std::string> backends_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// A number, or nothing.
using Number = std::optional<double>;
// true, false, or unknown.
using Truth = std::optional<bool>;

class Evaluation {
 public:
  explicit Evaluation(const GroupResult& group) : group_(group) {}

  Truth condition(const GateNode& node) {
    if (node.op == GateOp::kNot) {
      const Truth operand = condition(*node.left);
      return operand ? Truth(!*operand) : Truth();
    }
    if (node.op == GateOp::kAnd || node.op == GateOp::kOr) {
      const Truth left = condition(*node.left);
      const Truth right = condition(*node.right);
      const bool decisive = node.op == GateOp::kOr;  // the value that decides whatever the other side is
      if (left == decisive || right == decisive) return decisive;
      return left && right ? Truth(!decisive) : Truth();
    }
    const Number left = number(*node.left);
    const Number right = number(*node.right);
    if (!left || !right) return std::nullopt;
    switch (node.op) {
      case GateOp::kLess: return *left < *right;
      case GateOp::kLessEqual: return *left <= *right;
      case GateOp::kGreater: return *left > *right;
      case GateOp::kGreaterEqual: return *left >= *right;
      case GateOp::kEqual: return *left == *right;
      default: return *left != *right;
    }
  }

  std::string explanation() const { return fmt::format("{}", fmt::join(seen_, ", ")); }

 private:
  Number number(const GateNode& node) {
    switch (node.op) {
      case GateOp::kNumber: return node.number;
      case GateOp::kMetric: return metric(node);
      case GateOp::kNegate: {
        const Number operand = number(*node.left);
        return operand ? Number(-*operand) : Number();
      }
      default: break;
    }
    const Number left = number(*node.left);
    const Number right = number(*node.right);
    if (!left || !right) return std::nullopt;
    switch (node.op) {
      case GateOp::kAdd: return *left + *right;
      case GateOp::kSubtract: return *left - *right;
      case GateOp::kMultiply: return *left * *right;
      default: break;
    }
    if (*right == 0) {
      say("it divides by 0");
      return std::nullopt;
    }
    return *left / *right;
  }

  Number metric(const GateNode& node) {
    const MetricValue found = metric_of(group_, node.backend, node.metric);
    const std::string name = node.backend + "." + node.metric;
    say(found.value ? fmt::format("{} = {:.6g}", name, *found.value)
                    : fmt::format("{} has no value ({})", name, found.reason));
    return found.value;
  }

  void say(std::string text) {
    if (std::find(seen_.begin(), seen_.end(), text) == seen_.end()) seen_.push_back(std::move(text));
  }

  const GroupResult& group_;
  std::vector<std::string> seen_;
};

void collect(const GateNode& node, std::vector<std::pair<std::string, std::string>>& to) {
  if (node.op == GateOp::kMetric) to.emplace_back(node.backend, node.metric);
  if (node.left) collect(*node.left, to);
  if (node.right) collect(*node.right, to);
}

}  // namespace

Result<Gate> Gate::parse(std::string_view text, const std::vector<std::string>& backends) {
  CYCLOID_ASSIGN(NodePointer root, Parser(text, backends).parse());
  return Gate(std::string(text), std::move(root));
}

std::vector<std::pair<std::string, std::string>> Gate::metrics() const {
  std::vector<std::pair<std::string, std::string>> result;
  collect(*root_, result);
  return result;
}

Gate::Outcome Gate::evaluate(const GroupResult& group) const {
  Evaluation evaluation(group);
  Outcome outcome;
  outcome.holds = evaluation.condition(*root_);
  outcome.explanation = evaluation.explanation();
  return outcome;
}

}  // namespace cycloid
