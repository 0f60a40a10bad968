// `--fail-if EXPR`: a condition on the results that a user's CI fails on.
//
//   expression := or;  or := and ("or" and)*;  and := not ("and" not)*;  not := "not" not | comparison
//   comparison := sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
//   sum := product (("+" | "-") product)*;  product := unary (("*" | "/") unary)*;  unary := "-" unary | primary
//   primary := NUMBER | BACKEND "." METRIC | "(" expression ")"
//
// "&&", "||" and "!" mean "and", "or" and "not". Latencies are in microseconds.
// A metric may have no value (the backend failed, or has too few samples). "and" and "or" are then three-valued, as in
// SQL; an expression that comes out as "unknown" counts as true, because a gate that cannot be checked has not been
// passed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/metrics.h"
#include "bench/result.h"
#include "cycloid/result.h"

namespace cycloid {

class GateNode;

// A parsed expression. Immutable.
class Gate {
 public:
  // `backends` are the names that may stand before the dot. The error points at the place.
  static Result<Gate> parse(std::string_view text, const std::vector<std::string>& backends);

  const std::string& text() const { return text_; }
  // The (backend, metric) pairs that it reads.
  std::vector<std::pair<std::string, std::string>> metrics() const;

  struct Outcome {
    std::optional<bool> holds;  // nullopt: unknown
    std::string explanation;    // "cycloid.p99 = 812.5, cycloid.p50 = 401", and why a value is missing
    bool trips() const { return holds.value_or(true); }
  };
  Outcome evaluate(const GroupResult& group) const;

 private:
  Gate(std::string text, std::shared_ptr<const GateNode> root) : text_(std::move(text)), root_(std::move(root)) {}

  std::string text_;
  std::shared_ptr<const GateNode> root_;
};

}  // namespace cycloid
