// Dim: the size of one axis, known or symbolic.
//
// A symbolic Dim is a polynomial with integer coefficients over atoms. An atom is a symbol ("batch"), or a floor
// division, a minimum or a maximum of other Dims. The polynomial is kept in one canonical order, so two Dims that are
// equal as polynomials compare equal: `2*n - n == n`. Values are never negative by contract, which Dim itself does not
// use; arithmetic on known values that leaves int64 gives an unknown Dim, never a wrapped one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cycloid/result.h"

namespace cycloid {

class Dim {
 public:
  struct Atom;
  // Coefficient times the product of atoms, which are sorted by their text and may repeat.
  struct Term {
    std::int64_t coefficient = 0;
    std::vector<std::shared_ptr<const Atom>> atoms;
  };

  Dim() : Dim(0) {}
  Dim(std::int64_t value) : constant_(value) {}  // NOLINT(google-explicit-constructor): 3 is a Dim

  static Dim symbol(std::string name);
  // A size nothing is known of: equal to its own copies only.
  static Dim unknown();

  bool is_known() const { return terms_.empty(); }
  // Needs is_known().
  std::int64_t value() const;
  std::optional<std::int64_t> known() const;
  bool is(std::int64_t value) const { return is_known() && constant_ == value; }
  // The name if this Dim is one bare symbol.
  std::optional<std::string> as_symbol() const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  // Rounds towards minus infinity. By a polynomial that divides exactly, the quotient; by 0, unknown().
  static Dim floor_div(const Dim& a, const Dim& b);
  static Dim ceil_div(const Dim& a, const Dim& b);
  static Dim min(const Dim& a, const Dim& b);
  static Dim max(const Dim& a, const Dim& b);

  // Equal for all values of the symbols. False may only mean "not known to be equal".
  friend bool operator==(const Dim& a, const Dim& b);

  // The value under `bindings` (symbol -> value); nullopt where a symbol is not bound or the value leaves int64.
  std::optional<std::int64_t> evaluate(const std::map<std::string, std::int64_t, std::less<>>& bindings) const;
  // Every symbol for which `replace` gives a Dim replaced by it.
  Dim substitute(const std::function<std::optional<Dim>(const std::string&)>& replace) const;
  // Adds the names of all symbols to `names`.
  void collect_symbols(std::vector<std::string>& names) const;

  // "5", "batch", "2*h + 1", "floor(h/2)", "max(n, 1)", "?17" for unknown ones. parse() reads all but the last back.
  std::string to_string() const;
  static Result<Dim> parse(std::string_view text);

 private:
  Dim(std::int64_t constant, std::vector<Term> terms);
  static Dim from_atom(std::shared_ptr<const Atom> atom);
  static Dim combine(const Dim& a, const Dim& b, std::int64_t scale_b);

  std::int64_t constant_ = 0;
  std::vector<Term> terms_;
};

using Shape = std::vector<Dim>;          // symbolic
using Dims = std::vector<std::int64_t>;  // concrete

// "[batch, 3, 224, 224]"
std::string to_string(const Shape& shape);
std::string to_string(const Dims& dims);

Shape to_shape(const Dims& dims);
// The concrete sizes, if all are known.
std::optional<Dims> known_dims(const Shape& shape);
// The product, or unknown; 1 for rank 0.
Dim element_count(const Shape& shape);
// The product; nullopt where a size is negative or the product leaves int64.
std::optional<std::int64_t> element_count(const Dims& dims);

}  // namespace cycloid
