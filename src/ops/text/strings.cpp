// StringConcat, StringSplit, StringNormalizer and RegexFullMatch.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/infer.h"
#include "ops/tensor/arguments.h"
#include "ops/text/list.h"
#include "ops/text/regex.h"
#include "ops/text/utf8.h"

namespace cycloid {
namespace {

Status infer_concat(InferContext& context) { return infer_broadcast(context); }

Result<std::vector<Datum>> evaluate_concat(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kStrings));
  CYCLOID_ASSIGN(const Tensor* y, tensor_input(context, 1, kStrings));
  CYCLOID_ASSIGN(Dims dims, broadcast(x->dims(), y->dims()));
  CYCLOID_ASSIGN(Tensor z, context.allocate(DType::kString, dims));
  const std::span<std::string> to = z.mutable_data<std::string>();
  BroadcastWalk walk_x(x->dims(), dims);
  BroadcastWalk walk_y(y->dims(), dims);
  std::size_t left = context.bytes_left();
  for (std::string& text : to) {
    std::int64_t at[2];
    walk_x.next({at, 1});
    walk_y.next({at + 1, 1});
    const std::string& first = x->data<std::string>()[static_cast<std::size_t>(at[0])];
    const std::string& second = y->data<std::string>()[static_cast<std::size_t>(at[1])];
    if (first.size() + second.size() > left)
      return make_error(ErrorCode::kResourceExhausted, "the strings pass the limit of memory");
    left -= first.size() + second.size();
    text = first + second;
  }
  return outputs(std::move(z));
}

struct SplitAttributes {
  std::string delimiter;          // empty: runs of white space
  std::int64_t most = INT64_MAX;  // splits

  static Result<SplitAttributes> parse(const Node& node) {
    SplitAttributes a;
    CYCLOID_ASSIGN(a.delimiter, get_string(node, "delimiter", ""));
    CYCLOID_ASSIGN(const std::int64_t most, get_int(node, "maxsplit", -1));
    if (most >= 0) a.most = most;
    return a;
  }
};

std::vector<std::string_view> split(std::string_view text, const SplitAttributes& a) {
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  std::vector<std::string_view> parts;
  const auto full = [&] { return static_cast<std::int64_t>(parts.size()) >= a.most; };
  std::size_t at = 0;
  while (!a.delimiter.empty()) {
    const std::size_t end = full() ? std::string_view::npos : text.find(a.delimiter, at);
    parts.push_back(text.substr(at, end - at));
    if (end == std::string_view::npos) return parts;
    at = end + a.delimiter.size();
  }
  while (true) {
    at = text.find_first_not_of(kSpace, at);
    if (at == std::string_view::npos) return parts;
    const std::size_t end = full() ? std::string_view::npos : text.find_first_of(kSpace, at);
    parts.push_back(text.substr(at, end - at));
    if (end == std::string_view::npos) return parts;
    at = end;
  }
}

Status infer_split(InferContext& context) {
  CYCLOID_TRY(SplitAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kStrings));
  ValueType parts = x;
  parts.dtype = DType::kString;
  if (parts.shape) parts.shape->push_back(Dim::unknown());
  context.set_output(0, std::move(parts));
  context.set_output(1, tensor_type(DType::kInt64, x.shape));
  return {};
}

Result<std::vector<Datum>> evaluate_split(EvalContext& context) {
  CYCLOID_ASSIGN(const SplitAttributes a, SplitAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kStrings));
  const std::span<const std::string> texts = x->data<std::string>();
  CYCLOID_ASSIGN(Tensor counts, context.allocate(DType::kInt64, x->dims()));
  const std::span<std::int64_t> count = counts.mutable_data<std::int64_t>();
  std::int64_t most = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    count[i] = static_cast<std::int64_t>(split(texts[i], a).size());
    most = std::max(most, count[i]);
  }
  Dims dims = x->dims();
  dims.push_back(most);
  CYCLOID_ASSIGN(Tensor parts, context.allocate(DType::kString, dims));
  const std::span<std::string> to = parts.mutable_data<std::string>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto pieces = split(texts[i], a);
    for (std::size_t k = 0; k < pieces.size(); ++k) to[i * static_cast<std::size_t>(most) + k] = pieces[k];
  }
  std::vector<Datum> data = outputs(std::move(parts));
  data.emplace_back(std::move(counts));
  return data;
}

struct NormalizerAttributes {
  enum class Case { kNone, kLower, kUpper };
  Case change = Case::kNone;
  bool case_sensitive = false;
  std::set<std::string, std::less<>> stopwords;  // in small letters where the case does not matter

  static Result<NormalizerAttributes> parse(const Node& node) {
    NormalizerAttributes a;
    CYCLOID_ASSIGN(const std::string change, get_string(node, "case_change_action", "NONE"));
    if (change == "LOWER") {
      a.change = Case::kLower;
    } else if (change == "UPPER") {
      a.change = Case::kUpper;
    } else if (change != "NONE") {
      return invalid_model("case_change_action '{}' is none of NONE, LOWER and UPPER", change);
    }
    CYCLOID_ASSIGN(const std::int64_t sensitive, get_int(node, "is_case_sensitive", 0));
    a.case_sensitive = sensitive != 0;
    CYCLOID_ASSIGN(const auto words, get_strings(node, "stopwords"));
    for (const std::string& word : words) a.stopwords.insert(a.case_sensitive ? word : to_lower(word));
    return a;
  }
};

// Rank 1, or rank 2 of one row.
Status check_row(const Shape& x) {
  if (x.size() == 1 || (x.size() == 2 && (!x[0].is_known() || x[0].is(1)))) return {};
  return invalid_argument("X must have shape [C] or [1, C], not {}", to_string(x));
}

Status infer_normalizer(InferContext& context) {
  CYCLOID_TRY(NormalizerAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kStrings));
  if (x.shape) {
    CYCLOID_TRY(check_row(*x.shape));
    if (x.shape->size() == 2) (*x.shape)[0] = 1;
    x.shape->back() = Dim::unknown();  // words may go, and where none is left there is an empty one
  }
  x.dtype = DType::kString;
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_normalizer(EvalContext& context) {
  CYCLOID_ASSIGN(const NormalizerAttributes a, NormalizerAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kStrings));
  CYCLOID_TRY(check_row(to_shape(x->dims())));
  std::vector<std::string> words;
  for (const std::string& word : x->data<std::string>()) {
    if (a.stopwords.contains(a.case_sensitive ? word : to_lower(word))) continue;
    words.push_back(a.change == NormalizerAttributes::Case::kLower   ? to_lower(word)
                    : a.change == NormalizerAttributes::Case::kUpper ? to_upper(word)
                                                                     : word);
  }
  if (words.empty()) words.emplace_back();
  Dims dims = x->dims();
  dims.back() = static_cast<std::int64_t>(words.size());
  CYCLOID_ASSIGN(Tensor y, context.allocate(DType::kString, dims));
  std::ranges::move(words, y.mutable_data<std::string>().begin());
  return outputs(std::move(y));
}

Result<Regex> pattern_of(const Node& node) {
  if (!has_attribute(node, "pattern")) return invalid_model("RegexFullMatch needs the attribute pattern");
  CYCLOID_ASSIGN(const std::string pattern, get_string(node, "pattern", ""));
  return Regex::compile(pattern);
}

Status infer_match(InferContext& context) {
  CYCLOID_TRY(pattern_of(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kStrings));
  x.dtype = DType::kBool;
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_match(EvalContext& context) {
  CYCLOID_ASSIGN(const Regex regex, pattern_of(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kStrings));
  CYCLOID_ASSIGN(Tensor y, context.allocate(DType::kBool, x->dims()));
  std::ranges::transform(x->data<std::string>(), y.mutable_data<bool>().begin(),
                         [&](const std::string& text) { return regex.full_match(text); });
  return outputs(std::move(y));
}

}  // namespace

const Op kStringConcat = {.domain = "",
                          .name = "StringConcat",
                          .since = 20,
                          .min_inputs = 2,
                          .max_inputs = 2,
                          .infer = infer_concat,
                          .evaluate = evaluate_concat,
                          .dtypes = kStrings};
const Op kStringSplit = {.domain = "",
                         .name = "StringSplit",
                         .since = 20,
                         .min_inputs = 1,
                         .max_inputs = 1,
                         .min_outputs = 2,
                         .max_outputs = 2,
                         .infer = infer_split,
                         .evaluate = evaluate_split};
const Op kStringNormalizer = {.domain = "",
                              .name = "StringNormalizer",
                              .since = 10,
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .infer = infer_normalizer,
                              .evaluate = evaluate_normalizer};
const Op kRegexFullMatch = {.domain = "",
                            .name = "RegexFullMatch",
                            .since = 20,
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .infer = infer_match,
                            .evaluate = evaluate_match};

}  // namespace cycloid
