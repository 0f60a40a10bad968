#include "ops/text/regex.h"

#include <algorithm>

#include "base/error.h"
#include "ops/text/regex_parse.h"
#include "ops/text/utf8.h"

namespace cycloid {

// Writes a syntax tree's states from the end to the start: each construct is given the state that follows it.
class RegexCompiler {
 public:
  explicit RegexCompiler(const RegexTree& tree) : tree_(tree) {
    for (const RegexNode& node : tree.nodes) {
      auto& set = regex_.sets_.emplace_back();
      for (const RegexRange& range : node.set) set.push_back({range.first, range.last});
    }
  }

  Result<Regex> run() {
    regex_.ignore_case_ = tree_.ignore_case;
    CYCLOID_ASSIGN(const std::uint32_t match, add({}));
    CYCLOID_ASSIGN(regex_.start_, compile(tree_.root, match));
    return std::move(regex_);
  }

 private:
  using Kind = Regex::State::Kind;
  static constexpr std::size_t kMostStates = 100'000;

  Result<std::uint32_t> add(Regex::State state) {
    if (regex_.states_.size() >= kMostStates) return unsupported("the pattern has more than {} states", kMostStates);
    regex_.states_.push_back(state);
    return static_cast<std::uint32_t>(regex_.states_.size() - 1);
  }
  Result<std::uint32_t> split(std::uint32_t next, std::uint32_t other) {
    return add({.kind = Kind::kSplit, .next = next, .other = other});
  }

  // The first state of `index`, from which what matches it leads to `next`.
  Result<std::uint32_t> compile(std::uint32_t index, std::uint32_t next) {
    // Repetitions of nothing add no state, however many they are: this bounds the time they take.
    if (++steps_ > 10 * kMostStates) return unsupported("the pattern has too many repetitions of repetitions");
    const RegexNode& node = tree_.nodes[index];
    switch (node.kind) {
      case RegexNode::Kind::kSet: return add({.kind = Kind::kSet, .negated = node.negated, .set = index, .next = next});
      case RegexNode::Kind::kAssert: return add({.kind = Kind::kAssert, .assertion = node.assertion, .next = next});
      case RegexNode::Kind::kSequence: {
        for (std::size_t i = node.children.size(); i-- > 0;) {
          CYCLOID_ASSIGN(next, compile(node.children[i], next));
        }
        return next;
      }
      case RegexNode::Kind::kChoice: {
        CYCLOID_ASSIGN(std::uint32_t first, compile(node.children.back(), next));
        for (std::size_t i = node.children.size() - 1; i-- > 0;) {
          CYCLOID_ASSIGN(const std::uint32_t branch, compile(node.children[i], next));
          CYCLOID_ASSIGN(first, split(branch, first));
        }
        return first;
      }
      case RegexNode::Kind::kRepeat: return repeat(node, next);
    }
    return next;
  }

  Result<std::uint32_t> repeat(const RegexNode& node, std::uint32_t next) {
    const std::uint32_t end = next;
    if (node.most == RegexNode::kUnbounded) {
      CYCLOID_ASSIGN(const std::uint32_t loop, split(0, next));
      CYCLOID_ASSIGN(const std::uint32_t body, compile(node.children[0], loop));
      regex_.states_[loop].next = body;
      next = loop;
    } else {
      for (int i = node.least; i < node.most; ++i) {
        CYCLOID_ASSIGN(const std::uint32_t body, compile(node.children[0], next));
        CYCLOID_ASSIGN(next, split(body, end));
      }
    }
    for (int i = 0; i < node.least; ++i) {
      CYCLOID_ASSIGN(next, compile(node.children[0], next));
    }
    return next;
  }

  const RegexTree& tree_;
  Regex regex_;
  std::size_t steps_ = 0;
};

Result<Regex> Regex::compile(std::string_view pattern) {
  CYCLOID_ASSIGN(const RegexTree tree, RegexTree::parse(pattern));
  return RegexCompiler(tree).run();
}

bool Regex::contains(const State& state, char32_t code) const {
  const auto& set = sets_[state.set];
  const auto holds = [&](char32_t c) {
    return std::ranges::any_of(set, [c](const Range& range) { return c >= range.first && c <= range.last; });
  };
  bool inside = holds(code);
  if (ignore_case_ && !inside) {
    if (code >= U'a' && code <= U'z') inside = holds(code - 32);
    if (code >= U'A' && code <= U'Z') inside = holds(code + 32);
  }
  return inside != state.negated;
}

// The states that are alive at one position of the text, each once, with the place where the match began that leads to
// them. They are added in the order of these places, so that of two ways to a state the one that began first stays.
class Regex::Threads {
 public:
  struct Thread {
    std::uint32_t state;
    std::size_t begin;
  };

  explicit Threads(const Regex& regex) : regex_(regex), seen_(regex.states_.size(), 0) {}

  void clear() {
    ++round_;
    threads_.clear();
  }

  // Adds a state and all that it leads to without reading at position `at` of the text.
  void add(std::uint32_t index, std::size_t begin, std::string_view text, std::size_t at) {
    stack_.push_back(index);
    while (!stack_.empty()) {
      const std::uint32_t top = stack_.back();
      stack_.pop_back();
      if (seen_[top] == round_) continue;
      seen_[top] = round_;
      const State& state = regex_.states_[top];
      if (state.kind == State::Kind::kSplit) {
        stack_.push_back(state.other);
        stack_.push_back(state.next);
      } else if (state.kind == State::Kind::kAssert) {
        if (holds(state.assertion, text, at)) stack_.push_back(state.next);
      } else {
        threads_.push_back({top, begin});
      }
    }
  }

  const std::vector<Thread>& threads() const { return threads_; }

 private:
  static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  }
  static bool holds(char assertion, std::string_view text, std::size_t at) {
    if (assertion == '^') return at == 0;
    if (assertion == '$') return at == text.size();
    const bool boundary = (at > 0 && is_word(text[at - 1])) != (at < text.size() && is_word(text[at]));
    return boundary == (assertion == 'b');
  }

  const Regex& regex_;
  std::vector<std::uint64_t> seen_;  // the round in which a state was added last
  std::uint64_t round_ = 0;
  std::vector<Thread> threads_;
  std::vector<std::uint32_t> stack_;
};

bool Regex::full_match(std::string_view text) const {
  Threads a(*this);
  Threads b(*this);
  Threads* now = &a;
  Threads* next = &b;
  now->clear();
  now->add(start_, 0, text, 0);
  for (std::size_t at = 0; at < text.size() && !now->threads().empty();) {
    const char32_t code = next_code_point(text, at);
    if (code == kInvalidCodePoint) return false;
    next->clear();
    for (const auto& thread : now->threads()) {
      const State& state = states_[thread.state];
      if (state.kind == State::Kind::kSet && contains(state, code)) next->add(state.next, 0, text, at);
    }
    std::swap(now, next);
  }
  return std::ranges::any_of(now->threads(),
                             [&](const auto& thread) { return states_[thread.state].kind == State::Kind::kMatch; });
}

std::optional<Regex::Match> Regex::find(std::string_view text, std::size_t from) const {
  Threads a(*this);
  Threads b(*this);
  Threads* now = &a;
  Threads* next = &b;
  now->clear();
  std::optional<Match> best;
  for (std::size_t at = from; at <= text.size();) {
    if (!best) now->add(start_, at, text, at);  // another may begin here
    if (best && now->threads().empty()) break;
    for (const auto& thread : now->threads()) {
      const bool first = !best || thread.begin <= best->begin;
      if (first && states_[thread.state].kind == State::Kind::kMatch) best = {thread.begin, at};
    }
    if (at == text.size()) break;
    const char32_t code = next_code_point(text, at);
    next->clear();
    for (const auto& thread : now->threads()) {
      const State& state = states_[thread.state];
      if (state.kind != State::Kind::kSet || (best && thread.begin > best->begin)) continue;
      if (code != kInvalidCodePoint && contains(state, code)) next->add(state.next, thread.begin, text, at);
    }
    std::swap(now, next);
  }
  return best;
}

}  // namespace cycloid
