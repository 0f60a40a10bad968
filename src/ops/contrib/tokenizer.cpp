// Tokenizer: strings cut into words, by what lies between them (separators) or by what they are (tokenexp).
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "ops/contrib/list.h"
#include "ops/tensor/arguments.h"
#include "ops/text/regex.h"
#include "ops/text/utf8.h"

namespace cycloid {
namespace {

using Words = std::vector<std::string_view>;

constexpr std::string_view kStart = "\x02";
constexpr std::string_view kEnd = "\x03";

struct TokenizerAttributes {
  bool mark = false;
  std::string pad;
  std::size_t least = 1;      // characters of a word
  bool characters = false;    // each character is a word
  std::optional<Regex> word;  // tokenexp
  std::vector<Regex> separators;

  static Result<TokenizerAttributes> parse(const Node& node) {
    TokenizerAttributes a;
    CYCLOID_ASSIGN(const std::int64_t mark, get_int(node, "mark", 0));
    a.mark = mark != 0;
    CYCLOID_ASSIGN(a.pad, get_string(node, "pad_value", ""));
    CYCLOID_ASSIGN(const std::int64_t least, get_int(node, "mincharnum", 1));
    if (least < 1) return invalid_model("mincharnum is {}; it must be at least 1", least);
    a.least = static_cast<std::size_t>(least);
    CYCLOID_ASSIGN(const std::vector<std::string> separators, get_strings(node, "separators"));
    CYCLOID_ASSIGN(const std::string word, get_string(node, "tokenexp", ""));
    if (word.empty() == separators.empty())
      return invalid_model("Tokenizer needs either separators or tokenexp, and not both");
    a.characters = separators.size() == 1 && separators[0].empty();
    if (a.characters && a.least > 1) return invalid_model("mincharnum is {}, and words are single characters", least);
    if (!word.empty()) {
      CYCLOID_ASSIGN(a.word, Regex::compile(word));
    } else if (!a.characters) {
      for (const std::string& separator : separators) {
        CYCLOID_ASSIGN(Regex regex, Regex::compile(separator));
        a.separators.push_back(std::move(regex));
      }
    }
    return a;
  }
};

// nullopt where the text is no UTF-8.
std::optional<std::size_t> count_characters(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    if (next_code_point(text, at) == kInvalidCodePoint) return std::nullopt;
  }
  return count;
}

std::size_t next_character(std::string_view text, std::size_t at) {
  next_code_point(text, at);
  return at;
}

Words characters_of(std::string_view text) {
  Words words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = next_character(text, at);
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

// What matches, from left to right. Where a match is too short the search goes on at its second character.
Words matches_of(std::string_view text, const TokenizerAttributes& a) {
  Words words;
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<Regex::Match> match = a.word->find(text, at);
    if (!match) break;
    const std::string_view word = text.substr(match->begin, match->end - match->begin);
    if (!word.empty() && count_characters(word) >= a.least) {
      words.push_back(word);
      at = match->end;
    } else {
      at = match->begin < text.size() ? next_character(text, match->begin) : text.size();
    }
  }
  return words;
}

// What lies between matches of the separator.
void cut(std::string_view text, const Regex& separator, std::size_t least, Words& words) {
  const auto keep = [&](std::size_t begin, std::size_t end) {
    const std::string_view word = text.substr(begin, end - begin);
    if (!word.empty() && count_characters(word) >= least) words.push_back(word);
  };
  std::size_t begin = 0;
  for (std::size_t from = 0; from < text.size();) {
    const std::optional<Regex::Match> match = separator.find(text, from);
    if (!match) break;
    if (match->begin == match->end) {  // an empty match separates nothing
      from = match->begin < text.size() ? next_character(text, match->begin) : text.size();
      continue;
    }
    keep(begin, match->begin);
    begin = from = match->end;
  }
  keep(begin, text.size());
}

Words tokenize(std::string_view text, const TokenizerAttributes& a) {
  if (a.characters) return characters_of(text);
  if (a.word) return matches_of(text, a);
  Words words{text};
  for (const Regex& separator : a.separators) {
    Words parts;
    for (const std::string_view word : words) cut(word, separator, a.least, parts);
    words = std::move(parts);
  }
  return words;
}

Status check_shape(const Shape& x) {
  if (x.size() == 1 || x.size() == 2) return {};
  return invalid_argument("X must have shape [C] or [N, C], not {}", to_string(x));
}

Status infer(InferContext& context) {
  CYCLOID_TRY(TokenizerAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kStrings));
  // Where X is empty, Y has its shape.
  const bool may_be_empty =
      x.shape && std::ranges::any_of(*x.shape, [](const Dim& dim) { return !dim.is_known() || dim.is(0); });
  if (x.shape) {
    CYCLOID_TRY(check_shape(*x.shape));
    if (may_be_empty) {
      x.shape.reset();
    } else {
      x.shape->push_back(Dim::unknown());
    }
  }
  x.dtype = DType::kString;
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const TokenizerAttributes a, TokenizerAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kStrings));
  CYCLOID_TRY(check_shape(to_shape(x->dims())));
  const std::span<const std::string> texts = x->data<std::string>();
  if (texts.empty()) {
    CYCLOID_ASSIGN(Tensor y, context.allocate(DType::kString, x->dims()));
    return outputs(std::move(y));
  }
  std::vector<Words> rows;
  std::size_t most = 0;
  for (const std::string& text : texts) {
    if (!count_characters(text)) return invalid_argument("a string of X is no UTF-8");
    rows.push_back(tokenize(text, a));
    most = std::max(most, rows.back().size());
  }
  // Where no string has a word there is nothing to mark either.
  const bool mark = a.mark && most > 0;
  Dims dims = x->dims();
  dims.push_back(static_cast<std::int64_t>(most + (mark ? 2 : 0)));
  CYCLOID_ASSIGN(Tensor y, context.allocate(DType::kString, dims));
  auto to = y.mutable_data<std::string>().begin();
  for (const Words& row : rows) {
    const auto end = to + dims.back();
    if (mark) *to++ = kStart;
    to = std::ranges::copy(row, to).out;
    if (mark) *to++ = kEnd;
    std::fill(to, end, a.pad);
    to = end;
  }
  return outputs(std::move(y));
}

}  // namespace

const Op kTokenizer = {.domain = kMicrosoft,
                       .name = "Tokenizer",
                       .min_inputs = 1,
                       .max_inputs = 1,
                       .infer = infer,
                       .evaluate = evaluate,
                       .dtypes = kStrings};

}  // namespace cycloid
