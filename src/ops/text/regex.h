// Regex: regular expressions in RE2's syntax, matched in time linear in the text (Thompson's construction: all states of
// the automaton are followed at once, so no pattern makes it backtrack).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "cycloid/result.h"

namespace cycloid {

class Regex {
 public:
  // Literals, `.`, classes with ranges and POSIX names, escapes, groups, `|`, the repetitions * + ? {n} {n,} {n,m}, lazy
  // or not, the anchors ^ $ \A \z \b \B, and the flags (?i) and (?s) at the start. Errors: a pattern that is no regular
  // expression; Unicode classes (\p), other flags and \Q...\E, which it does not know; one of more than 100 000 states.
  static Result<Regex> compile(std::string_view pattern);

  // Whether the whole of `text`, which is UTF-8, matches.
  bool full_match(std::string_view text) const;

  struct Match {
    std::size_t begin = 0, end = 0;
    friend bool operator==(const Match&, const Match&) = default;
  };
  // The match that begins first at `from` or later, and of those the longest. ^ and \b see what lies before `from`; bytes
  // that are no UTF-8 match nothing. Linear in what follows `from`.
  std::optional<Match> find(std::string_view text, std::size_t from = 0) const;

 private:
  friend class RegexCompiler;

  struct Range {
    char32_t first, last;
  };
  struct State {
    enum class Kind { kSet, kSplit, kAssert, kMatch };
    Kind kind = Kind::kMatch;
    bool negated = false;     // kSet
    char assertion = 0;       // kAssert: '^', '$', 'b' or 'B'
    std::uint32_t set = 0;    // kSet: index of the set
    std::uint32_t next = 0;   // all but kMatch
    std::uint32_t other = 0;  // kSplit
  };
  class Threads;

  bool contains(const State& state, char32_t code) const;

  std::vector<State> states_;
  std::vector<std::vector<Range>> sets_;
  std::uint32_t start_ = 0;
  bool ignore_case_ = false;
};

}  // namespace cycloid
