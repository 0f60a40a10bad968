#include "tensor/dim.h"

#include <algorithm>
#include <atomic>
#include <charconv>

#include "base/check.h"
#include "base/error.h"

namespace cycloid {

struct Dim::Atom {
  enum class Kind { kSymbol, kUnknown, kFloorDiv, kMin, kMax };
  Kind kind;
  std::string text;  // the name of a symbol; for the others their printed form. Equal text is equal meaning.
  std::vector<Dim> arguments;
};

namespace {

using AtomPtr = std::shared_ptr<const Dim::Atom>;

bool same_atoms(const std::vector<AtomPtr>& a, const std::vector<AtomPtr>& b) {
  return std::ranges::equal(a, b, [](const AtomPtr& x, const AtomPtr& y) { return x == y || x->text == y->text; });
}

bool atoms_before(const std::vector<AtomPtr>& a, const std::vector<AtomPtr>& b) {
  if (a.size() != b.size()) return a.size() > b.size();
  return std::ranges::lexicographical_compare(
      a, b, {}, [](const AtomPtr& x) -> const std::string& { return x->text; },
      [](const AtomPtr& x) -> const std::string& { return x->text; });
}

std::int64_t floor_div_int(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return (a % b != 0 && ((a % b < 0) != (b < 0))) ? q - 1 : q;
}

// Adds coefficient * atoms to `terms`, kept sorted and without zeros. False where a coefficient leaves int64.
bool add_term(std::vector<Dim::Term>& terms, std::int64_t coefficient, const std::vector<AtomPtr>& atoms) {
  auto at = std::ranges::lower_bound(terms, atoms, atoms_before, &Dim::Term::atoms);
  if (at != terms.end() && same_atoms(at->atoms, atoms)) {
    if (__builtin_add_overflow(at->coefficient, coefficient, &at->coefficient)) return false;
    if (at->coefficient == 0) terms.erase(at);
  } else if (coefficient != 0) {
    terms.insert(at, {coefficient, atoms});
  }
  return true;
}

// One text for f(a, b) and f(b, a).
std::string commutative_text(std::string_view function, const Dim& a, const Dim& b) {
  std::string first = a.to_string();
  std::string second = b.to_string();
  if (second < first) std::swap(first, second);
  return fmt::format("{}({}, {})", function, first, second);
}

}  // namespace

Dim::Dim(std::int64_t constant, std::vector<Term> terms) : constant_(constant), terms_(std::move(terms)) {}

Dim Dim::from_atom(AtomPtr atom) { return {0, {Term{1, {std::move(atom)}}}}; }

Dim Dim::symbol(std::string name) {
  return from_atom(std::make_shared<Atom>(Atom{Atom::Kind::kSymbol, std::move(name), {}}));
}

Dim Dim::unknown() {
  static std::atomic<std::uint64_t> next{0};  // names only: no meaning depends on the order
  return from_atom(std::make_shared<Atom>(Atom{Atom::Kind::kUnknown, fmt::format("?{}", next++), {}}));
}

std::int64_t Dim::value() const {
  CYCLOID_CHECK(is_known());
  return constant_;
}

std::optional<std::int64_t> Dim::known() const {
  if (!is_known()) return std::nullopt;
  return constant_;
}

std::optional<std::string> Dim::as_symbol() const {
  if (constant_ != 0 || terms_.size() != 1 || terms_[0].coefficient != 1 || terms_[0].atoms.size() != 1) return {};
  if (terms_[0].atoms[0]->kind != Atom::Kind::kSymbol) return {};
  return terms_[0].atoms[0]->text;
}

Dim Dim::combine(const Dim& a, const Dim& b, std::int64_t scale_b) {
  Dim sum = a;
  std::int64_t scaled = 0;
  if (__builtin_mul_overflow(b.constant_, scale_b, &scaled)) return unknown();
  if (__builtin_add_overflow(sum.constant_, scaled, &sum.constant_)) return unknown();
  for (const Term& term : b.terms_) {
    if (__builtin_mul_overflow(term.coefficient, scale_b, &scaled)) return unknown();
    if (!add_term(sum.terms_, scaled, term.atoms)) return unknown();
  }
  return sum;
}

Dim operator+(const Dim& a, const Dim& b) { return Dim::combine(a, b, 1); }
Dim operator-(const Dim& a, const Dim& b) { return Dim::combine(a, b, -1); }

Dim operator*(const Dim& a, const Dim& b) {
  Dim product;
  const auto add = [&](std::int64_t x, const std::vector<AtomPtr>& xs, std::int64_t y, const std::vector<AtomPtr>& ys) {
    std::int64_t coefficient = 0;
    if (__builtin_mul_overflow(x, y, &coefficient)) return false;
    if (xs.empty() && ys.empty()) return !__builtin_add_overflow(product.constant_, coefficient, &product.constant_);
    std::vector<AtomPtr> atoms = xs;
    atoms.insert(atoms.end(), ys.begin(), ys.end());
    std::ranges::sort(atoms, {}, [](const AtomPtr& atom) -> const std::string& { return atom->text; });
    return add_term(product.terms_, coefficient, atoms);
  };
  std::vector<Dim::Term> as = a.terms_;
  std::vector<Dim::Term> bs = b.terms_;
  if (a.constant_ != 0) as.push_back({a.constant_, {}});
  if (b.constant_ != 0) bs.push_back({b.constant_, {}});
  for (const Dim::Term& x : as) {
    for (const Dim::Term& y : bs) {
      if (!add(x.coefficient, x.atoms, y.coefficient, y.atoms)) return Dim::unknown();
    }
  }
  return product;
}

Dim Dim::floor_div(const Dim& a, const Dim& b) {
  if (b.is(0)) return unknown();
  if (b.is(1)) return a;
  if (a.is(0)) return 0;
  if (a == b) return 1;
  if (b.is_known()) {
    // floor((k*d*x + r) / d) = k*x + floor(r / d): the divisible terms come out whole.
    Dim whole;
    Dim rest = a.constant_;
    for (const Term& term : a.terms_) {
      if (term.coefficient % b.constant_ == 0) {
        whole = whole + Dim(0, {Term{term.coefficient / b.constant_, term.atoms}});
      } else {
        rest = rest + Dim(0, {term});
      }
    }
    if (rest.is_known()) return whole + Dim(floor_div_int(rest.constant_, b.constant_));
    const std::int64_t carry = floor_div_int(rest.constant_, b.constant_);
    if (carry != 0) {
      whole = whole + Dim(carry);
      rest = rest - Dim(carry) * b;
    }
    const std::string text = fmt::format("floor(({})/({}))", rest.to_string(), b.to_string());
    return whole + from_atom(std::make_shared<Atom>(Atom{Atom::Kind::kFloorDiv, text, {rest, b}}));
  }
  // Exact division by a single term: every term of `a` must hold its atoms and be divisible by its coefficient.
  if (b.constant_ == 0 && b.terms_.size() == 1 && a.constant_ == 0) {
    const Term& divisor = b.terms_[0];
    Dim quotient;
    bool exact = true;
    for (const Term& term : a.terms_) {
      std::vector<AtomPtr> left = term.atoms;
      for (const AtomPtr& atom : divisor.atoms) {
        auto at = std::ranges::find(left, atom->text, [](const AtomPtr& x) -> const std::string& { return x->text; });
        if (at == left.end()) {
          exact = false;
          break;
        }
        left.erase(at);
      }
      if (!exact || term.coefficient % divisor.coefficient != 0) {
        exact = false;
        break;
      }
      const std::int64_t c = term.coefficient / divisor.coefficient;
      quotient = quotient + (left.empty() ? Dim(c) : Dim(0, {Term{c, left}}));
    }
    if (exact) return quotient;
  }
  const std::string text = fmt::format("floor(({})/({}))", a.to_string(), b.to_string());
  return from_atom(std::make_shared<Atom>(Atom{Atom::Kind::kFloorDiv, text, {a, b}}));
}

Dim Dim::ceil_div(const Dim& a, const Dim& b) { return floor_div(a + b - 1, b); }

Dim Dim::min(const Dim& a, const Dim& b) {
  if (a == b) return a;
  if (const Dim difference = a - b; difference.is_known()) return difference.constant_ < 0 ? a : b;
  return from_atom(std::make_shared<Atom>(Atom{Atom::Kind::kMin, commutative_text("min", a, b), {a, b}}));
}

Dim Dim::max(const Dim& a, const Dim& b) {
  if (a == b) return a;
  if (const Dim difference = a - b; difference.is_known()) return difference.constant_ > 0 ? a : b;
  return from_atom(std::make_shared<Atom>(Atom{Atom::Kind::kMax, commutative_text("max", a, b), {a, b}}));
}

bool operator==(const Dim& a, const Dim& b) {
  return a.constant_ == b.constant_ &&
         std::ranges::equal(a.terms_, b.terms_, [](const Dim::Term& x, const Dim::Term& y) {
           return x.coefficient == y.coefficient && same_atoms(x.atoms, y.atoms);
         });
}

Dim Dim::substitute(const std::function<std::optional<Dim>(const std::string&)>& replace) const {
  Dim result = constant_;
  for (const Term& term : terms_) {
    Dim product = term.coefficient;
    for (const AtomPtr& atom : term.atoms) {
      Dim factor = from_atom(atom);
      switch (atom->kind) {
        case Atom::Kind::kUnknown: break;
        case Atom::Kind::kSymbol:
          if (auto replacement = replace(atom->text)) factor = *std::move(replacement);
          break;
        default: {
          const Dim x = atom->arguments[0].substitute(replace);
          const Dim y = atom->arguments[1].substitute(replace);
          factor = atom->kind == Atom::Kind::kFloorDiv ? floor_div(x, y)
                   : atom->kind == Atom::Kind::kMin    ? min(x, y)
                                                       : max(x, y);
        }
      }
      product = product * factor;
    }
    result = result + product;
  }
  return result;
}

std::optional<std::int64_t> Dim::evaluate(const std::map<std::string, std::int64_t, std::less<>>& bindings) const {
  return substitute([&](const std::string& name) -> std::optional<Dim> {
           const auto at = bindings.find(name);
           if (at == bindings.end()) return std::nullopt;
           return Dim(at->second);
         })
      .known();
}

void Dim::collect_symbols(std::vector<std::string>& names) const {
  for (const Term& term : terms_) {
    for (const AtomPtr& atom : term.atoms) {
      if (atom->kind == Atom::Kind::kSymbol) names.push_back(atom->text);
      for (const Dim& argument : atom->arguments) argument.collect_symbols(names);
    }
  }
}

std::string Dim::to_string() const {
  std::string text;
  const auto add = [&](std::int64_t coefficient, const std::string& product) {
    const bool negative = coefficient < 0;
    if (!text.empty()) {
      text += negative ? " - " : " + ";
    } else if (negative) {
      text += "-";
    }
    const std::uint64_t magnitude =
        negative ? 0 - static_cast<std::uint64_t>(coefficient) : static_cast<std::uint64_t>(coefficient);
    if (product.empty()) {
      text += std::to_string(magnitude);
    } else {
      if (magnitude != 1) text += std::to_string(magnitude) + "*";
      text += product;
    }
  };
  for (const Term& term : terms_) {
    std::string product;
    for (const AtomPtr& atom : term.atoms) product += (product.empty() ? "" : "*") + atom->text;
    add(term.coefficient, product);
  }
  if (constant_ != 0 || terms_.empty()) add(constant_, "");
  return text;
}

namespace {

// Recursive descent over: sum = ['-'] product {('+'|'-') product}; product = primary {'*' primary};
// primary = integer | name | '(' sum ')' | 'floor(' sum '/' primary ')' | ('min'|'max') '(' sum ',' sum ')'.
class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}

  Result<Dim> parse() {
    CYCLOID_ASSIGN(Dim dim, sum(0));
    skip_space();
    if (at_ != text_.size()) return failure("the end");
    return dim;
  }

 private:
  static constexpr int kMaxDepth = 64;  // a hostile text must not exhaust the stack

  Error failure(std::string_view wanted) const {
    return invalid_argument("dimension '{}': expected {} at position {}", text_, wanted, at_);
  }
  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Result<Dim> sum(int depth) {
    if (depth > kMaxDepth) return failure("less nesting");
    const bool negative = take('-');
    CYCLOID_ASSIGN(Dim total, product(depth));
    if (negative) total = Dim(0) - total;
    while (true) {
      if (take('+')) {
        CYCLOID_ASSIGN(Dim next, product(depth));
        total = total + next;
      } else if (take('-')) {
        CYCLOID_ASSIGN(Dim next, product(depth));
        total = total - next;
      } else {
        return total;
      }
    }
  }

  Result<Dim> product(int depth) {
    CYCLOID_ASSIGN(Dim total, primary(depth));
    while (take('*')) {
      CYCLOID_ASSIGN(Dim next, primary(depth));
      total = total * next;
    }
    return total;
  }

  Result<Dim> primary(int depth) {
    skip_space();
    if (take('(')) {
      CYCLOID_ASSIGN(Dim inner, sum(depth + 1));
      if (!take(')')) return failure("')'");
      return inner;
    }
    const std::size_t start = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_' || text_[at_] == '.'))
      ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    if (word.empty()) return failure("a number or a name");
    if (std::isdigit(static_cast<unsigned char>(word[0])) != 0) {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (error != std::errc() || end != word.data() + word.size()) return failure("a 64-bit integer");
      return Dim(value);
    }
    if ((word == "floor" || word == "min" || word == "max") && take('(')) {
      CYCLOID_ASSIGN(Dim first, sum(depth + 1));
      if (!take(word == "floor" ? '/' : ',')) return failure(word == "floor" ? "'/'" : "','");
      CYCLOID_ASSIGN(Dim second, sum(depth + 1));
      if (!take(')')) return failure("')'");
      return word == "floor" ? Dim::floor_div(first, second)
             : word == "min" ? Dim::min(first, second)
                             : Dim::max(first, second);
    }
    return Dim::symbol(std::string(word));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

template <class T, class Print>
std::string bracketed(const std::vector<T>& items, Print print) {
  std::string text = "[";
  for (std::size_t i = 0; i < items.size(); ++i) text += (i == 0 ? "" : ", ") + print(items[i]);
  return text + "]";
}

}  // namespace

Result<Dim> Dim::parse(std::string_view text) { return DimParser(text).parse(); }

std::string to_string(const Shape& shape) {
  return bracketed(shape, [](const Dim& dim) { return dim.to_string(); });
}

std::string to_string(const Dims& dims) {
  return bracketed(dims, [](std::int64_t dim) { return std::to_string(dim); });
}

Shape to_shape(const Dims& dims) { return {dims.begin(), dims.end()}; }

std::optional<Dims> known_dims(const Shape& shape) {
  Dims dims;
  dims.reserve(shape.size());
  for (const Dim& dim : shape) {
    if (!dim.is_known()) return std::nullopt;
    dims.push_back(dim.value());
  }
  return dims;
}

Dim element_count(const Shape& shape) {
  Dim count = 1;
  for (const Dim& dim : shape) count = count * dim;
  return count;
}

std::optional<std::int64_t> element_count(const Dims& dims) {
  std::int64_t count = 1;
  bool zero = false;
  for (const std::int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) zero = true;
  }
  if (zero) return 0;
  for (const std::int64_t dim : dims) {
    if (__builtin_mul_overflow(count, dim, &count)) return std::nullopt;
  }
  return count;
}

}  // namespace cycloid
