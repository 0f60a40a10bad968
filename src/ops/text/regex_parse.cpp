#include "ops/text/regex_parse.h"

#include <optional>

#include "base/error.h"
#include "ops/text/utf8.h"

namespace cycloid {
namespace {

using Set = std::vector<RegexRange>;

constexpr int kMostRepeats = 1000;  // as RE2 has it
constexpr int kMostDepth = 250;     // groups within groups: the parser and the compiler recurse once each

Set digits() { return {{U'0', U'9'}}; }
Set word() { return {{U'0', U'9'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}}; }
Set space() { return {{U'\t', U'\n'}, {U'\f', U'\r'}, {U' ', U' '}}; }

// [[:name:]]
std::optional<Set> posix(std::string_view name) {
  if (name == "alnum") return Set{{U'0', U'9'}, {U'A', U'Z'}, {U'a', U'z'}};
  if (name == "alpha") return Set{{U'A', U'Z'}, {U'a', U'z'}};
  if (name == "ascii") return Set{{0, 0x7F}};
  if (name == "blank") return Set{{U'\t', U'\t'}, {U' ', U' '}};
  if (name == "cntrl") return Set{{0, 0x1F}, {0x7F, 0x7F}};
  if (name == "digit") return digits();
  if (name == "graph") return Set{{U'!', U'~'}};
  if (name == "lower") return Set{{U'a', U'z'}};
  if (name == "print") return Set{{U' ', U'~'}};
  if (name == "punct") return Set{{U'!', U'/'}, {U':', U'@'}, {U'[', U'`'}, {U'{', U'~'}};
  if (name == "space") return Set{{U'\t', U'\r'}, {U' ', U' '}};
  if (name == "upper") return Set{{U'A', U'Z'}};
  if (name == "word") return word();
  if (name == "xdigit") return Set{{U'0', U'9'}, {U'A', U'F'}, {U'a', U'f'}};
  return std::nullopt;
}

Set complement(const Set& sorted) {
  Set rest;
  char32_t from = 0;
  for (const RegexRange& range : sorted) {
    if (range.first > from) rest.push_back({from, range.first - 1});
    from = range.last + 1;
  }
  rest.push_back({from, 0x10FFFF});
  return rest;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : text_(pattern) {}

  Result<RegexTree> run() {
    CYCLOID_TRY(flags());
    CYCLOID_ASSIGN(tree_.root, choice(0));
    if (at_ < text_.size()) return wrong("an unopened ')'");
    return std::move(tree_);
  }

 private:
  using Kind = RegexNode::Kind;

  Error wrong(std::string_view what) const {
    return invalid_model("the pattern '{}' has {} at byte {}", text_, what, at_);
  }
  bool looking_at(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool take(std::string_view what) {
    if (!looking_at(what)) return false;
    at_ += what.size();
    return true;
  }
  std::uint32_t add(RegexNode node) {
    tree_.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(tree_.nodes.size() - 1);
  }
  std::uint32_t add_set(Set set, bool negated = false) {
    RegexNode node;
    node.kind = Kind::kSet;
    node.set = std::move(set);
    node.negated = negated;
    return add(std::move(node));
  }
  std::uint32_t add_assertion(char which) {
    RegexNode node;
    node.kind = Kind::kAssert;
    node.assertion = which;
    return add(std::move(node));
  }

  // (?i), (?s) and (?is) at the start.
  Status flags() {
    if (!looking_at("(?i") && !looking_at("(?s")) return {};
    at_ += 2;
    for (; at_ < text_.size() && text_[at_] != ')'; ++at_) {
      if (text_[at_] == 'i') {
        tree_.ignore_case = true;
      } else if (text_[at_] == 's') {
        dot_all_ = true;
      } else {
        return unsupported("the pattern '{}' has flags other than i and s", text_);
      }
    }
    if (!take(")")) return wrong("an unclosed group");
    return {};
  }

  Result<std::uint32_t> choice(int depth) {
    if (depth > kMostDepth) return wrong("too many groups within groups");
    RegexNode node;
    node.kind = Kind::kChoice;
    do {
      CYCLOID_ASSIGN(const std::uint32_t branch, sequence(depth));
      node.children.push_back(branch);
    } while (take("|"));
    return node.children.size() == 1 ? node.children[0] : add(std::move(node));
  }

  Result<std::uint32_t> sequence(int depth) {
    RegexNode node;
    while (at_ < text_.size() && text_[at_] != '|' && text_[at_] != ')') {
      CYCLOID_ASSIGN(const std::uint32_t item, repeated(depth));
      node.children.push_back(item);
    }
    return add(std::move(node));
  }

  Result<std::uint32_t> repeated(int depth) {
    CYCLOID_ASSIGN(std::uint32_t item, atom(depth));
    for (int operators = 0;; ++operators) {
      RegexNode node;
      node.kind = Kind::kRepeat;
      if (take("*")) {
      } else if (take("+")) {
        node.least = 1;
      } else if (take("?")) {
        node.most = 1;
      } else {
        CYCLOID_ASSIGN(const bool counted, counts(node));
        if (!counted) return item;
      }
      if (operators > 0) return wrong("a repetition of a repetition");
      take("?");  // lazy: the same for a match of the whole text
      node.children.push_back(item);
      item = add(std::move(node));
    }
  }

  // {n}, {n,} and {n,m}; anything else that begins with a brace is literal.
  Result<bool> counts(RegexNode& node) {
    const std::size_t begin = at_;
    const auto number = [&]() -> std::optional<int> {
      std::optional<int> value;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        value = std::min(value.value_or(0) * 10 + (text_[at_++] - '0'), kMostRepeats + 1);
      }
      return value;
    };
    if (!take("{")) return false;
    const auto least = number();
    std::optional<int> most = least;
    if (take(",")) {
      most = number();
      if (!most) most = RegexNode::kUnbounded;
    }
    if (!least || !take("}")) {
      at_ = begin;
      return false;
    }
    if (*least > kMostRepeats || *most > kMostRepeats) return wrong("a repetition of more than 1000");
    if (*most != RegexNode::kUnbounded && *most < *least) return wrong("a repetition whose limits are swapped");
    node.least = *least;
    node.most = *most;
    return true;
  }

  Result<std::uint32_t> atom(int depth) {
    if (take("(")) return group(depth);
    if (take("[")) return bracket();
    if (take("^")) return add_assertion('^');
    if (take("$")) return add_assertion('$');
    if (take(".")) return dot_all_ ? add_set({}, true) : add_set({{U'\n', U'\n'}}, true);
    if (looking_at("*") || looking_at("+") || looking_at("?")) return wrong("a repetition of nothing");
    if (take("\\")) return escape();
    const char32_t code = next_code_point(text_, at_);
    if (code == kInvalidCodePoint) return wrong("bytes that are no UTF-8");
    return add_set({{code, code}});
  }

  Result<std::uint32_t> group(int depth) {
    if (take("?")) {
      if (take("P<") || take("<")) {
        const std::size_t end = text_.find('>', at_);
        if (end == std::string_view::npos || end == at_) return wrong("a group without a name");
        at_ = end + 1;
      } else if (!take(":")) {
        return unsupported("the pattern '{}' has a group of a kind that is not known", text_);
      }
    }
    CYCLOID_ASSIGN(const std::uint32_t inner, choice(depth + 1));
    if (!take(")")) return wrong("an unclosed group");
    return inner;
  }

  Result<std::uint32_t> escape() {
    if (at_ >= text_.size()) return wrong("a '\\' at its end");
    const char kind = text_[at_];
    if (kind == 'A' || kind == 'z' || kind == 'b' || kind == 'B') {
      ++at_;
      return add_assertion(kind == 'A' ? '^' : kind == 'z' ? '$' : kind);
    }
    CYCLOID_ASSIGN(Set set, escaped_set());
    return add_set(std::move(set));
  }

  // What stands behind a backslash, in a class or outside one.
  Result<Set> escaped_set() {
    if (at_ >= text_.size()) return wrong("a '\\' at its end");
    const char kind = text_[at_++];
    switch (kind) {
      case 'd': return digits();
      case 'D': return complement(digits());
      case 'w': return word();
      case 'W': return complement(word());
      case 's': return space();
      case 'S': return complement(space());
      case 'n': return one(U'\n');
      case 't': return one(U'\t');
      case 'r': return one(U'\r');
      case 'f': return one(U'\f');
      case 'v': return one(U'\v');
      case 'a': return one(U'\a');
      case '0': return one(octal());
      case 'x': return hexadecimal();
      default: break;
    }
    const bool alphanumeric =
        (kind >= '0' && kind <= '9') || (kind >= 'a' && kind <= 'z') || (kind >= 'A' && kind <= 'Z');
    if (alphanumeric) return unsupported("the pattern '{}' has the escape '\\{}', which is not known", text_, kind);
    --at_;
    const char32_t code = next_code_point(text_, at_);
    if (code == kInvalidCodePoint) return wrong("bytes that are no UTF-8");
    return one(code);
  }

  static Set one(char32_t code) { return {{code, code}}; }

  char32_t octal() {
    char32_t code = 0;
    for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7'; ++i)
      code = code * 8 + static_cast<char32_t>(text_[at_++] - '0');
    return code;
  }

  Result<Set> hexadecimal() {
    const bool braces = take("{");
    char32_t code = 0;
    int count = 0;
    for (; at_ < text_.size() && count < (braces ? 8 : 2); ++count, ++at_) {
      const char c = text_[at_];
      const char32_t digit = c >= '0' && c <= '9'   ? static_cast<char32_t>(c - '0')
                             : c >= 'a' && c <= 'f' ? static_cast<char32_t>(c - 'a' + 10)
                             : c >= 'A' && c <= 'F' ? static_cast<char32_t>(c - 'A' + 10)
                                                    : 16;
      if (digit == 16) break;
      code = code * 16 + digit;
    }
    if (count == 0 || (braces ? !take("}") : count != 2) || code > 0x10FFFF)
      return wrong("an escape that is no number");
    return one(code);
  }

  Result<std::uint32_t> bracket() {
    const bool negated = take("^");
    Set set;
    for (bool first = true; first || !looking_at("]"); first = false) {
      if (at_ >= text_.size()) return wrong("an unclosed '['");
      if (take("[:")) {
        CYCLOID_TRY(named_class(set));
        continue;
      }
      CYCLOID_ASSIGN(const Set low, class_item());
      const bool single = low.size() == 1 && low[0].first == low[0].last;
      if (!single || !looking_at("-") || text_.substr(at_).starts_with("-]")) {
        set.insert(set.end(), low.begin(), low.end());
        continue;
      }
      ++at_;
      CYCLOID_ASSIGN(const Set high, class_item());
      if (high.size() != 1 || high[0].first != high[0].last || high[0].first < low[0].first)
        return wrong("a range whose limits are wrong");
      set.push_back({low[0].first, high[0].first});
    }
    ++at_;
    return add_set(std::move(set), negated);
  }

  Result<Set> class_item() {
    if (at_ >= text_.size()) return wrong("an unclosed '['");
    if (take("\\")) return escaped_set();
    const char32_t code = next_code_point(text_, at_);
    if (code == kInvalidCodePoint) return wrong("bytes that are no UTF-8");
    return one(code);
  }

  Status named_class(Set& set) {
    const std::size_t end = text_.find(":]", at_);
    if (end == std::string_view::npos) return wrong("an unclosed '[:'");
    const bool negated = take("^");
    const auto named = posix(text_.substr(at_, end - at_));
    if (!named) return wrong("a class whose name is not known");
    const Set taken = negated ? complement(*named) : *named;
    set.insert(set.end(), taken.begin(), taken.end());
    at_ = end + 2;
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool dot_all_ = false;
  RegexTree tree_;
};

}  // namespace

Result<RegexTree> RegexTree::parse(std::string_view pattern) { return Parser(pattern).run(); }

}  // namespace cycloid
