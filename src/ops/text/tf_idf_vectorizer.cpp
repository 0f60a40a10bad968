// TfIdfVectorizer: how often each n-gram of a pool occurs in a sequence, with skips between its items, weighted.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/tensor/arguments.h"
#include "ops/text/list.h"

namespace cycloid {
namespace {

constexpr DTypeSet kTypes = kIndexTypes | kStrings;

// The pool's n-grams as a tree of tokens. A token is an item of the pool: a number that stands for it, from 0.
class Pool {
 public:
  static constexpr std::int64_t kNoColumn = -1;
  struct Step {
    std::size_t node = 0;  // 0: no such n-gram begins so
    std::int64_t column = kNoColumn;
  };

  void add(std::span<const std::int64_t> tokens, std::int64_t column) {
    std::size_t node = 0;
    for (const std::int64_t token : tokens) {
      const auto [at, added] = children_.try_emplace({node, token}, columns_.size());
      if (added) columns_.push_back(kNoColumn);
      node = at->second;
    }
    columns_[node] = column;  // of equal n-grams the last one counts
  }
  Step next(std::size_t node, std::int64_t token) const {
    const auto at = children_.find({node, token});
    return at == children_.end() ? Step{} : Step{at->second, columns_[at->second]};
  }

 private:
  std::map<std::pair<std::size_t, std::int64_t>, std::size_t> children_;
  std::vector<std::int64_t> columns_{kNoColumn};  // by node
};

enum class Weighting { kTf, kIdf, kTfIdf };

struct Vectorizer {
  Weighting weighting = Weighting::kTf;
  std::int64_t least = 1;  // items of an n-gram
  std::int64_t most = 1;
  std::int64_t skips = 0;
  std::int64_t columns = 0;
  std::vector<float> weights;  // by column; may be empty
  std::map<std::string, std::int64_t, std::less<>> string_tokens;
  std::map<std::int64_t, std::int64_t> int_tokens;
  Pool pool;

  static Result<Vectorizer> parse(const Node& node);

 private:
  Status read_attributes(const Node& node);
  Status read_pool(const Node& node);
  std::vector<std::int64_t> tokens(const std::vector<std::int64_t>& ints, const std::vector<std::string>& strings);
};

Result<Vectorizer> Vectorizer::parse(const Node& node) {
  Vectorizer v;
  CYCLOID_TRY(v.read_attributes(node));
  CYCLOID_TRY(v.read_pool(node));
  return v;
}

Status Vectorizer::read_attributes(const Node& node) {
  CYCLOID_ASSIGN(const std::string mode, get_string(node, "mode", ""));
  if (mode == "IDF") {
    weighting = Weighting::kIdf;
  } else if (mode == "TFIDF") {
    weighting = Weighting::kTfIdf;
  } else if (mode != "TF") {
    return invalid_model("mode '{}' is none of TF, IDF and TFIDF", mode);
  }
  CYCLOID_ASSIGN(least, get_int(node, "min_gram_length", 0));
  CYCLOID_ASSIGN(most, get_int(node, "max_gram_length", 0));
  CYCLOID_ASSIGN(skips, get_int(node, "max_skip_count", -1));
  CYCLOID_ASSIGN(weights, get_floats(node, "weights"));
  if (least < 1 || most < least || skips < 0)
    return invalid_model("n-grams of {} to {} items with {} skips", least, most, skips);
  return {};
}

// Items of the pool as tokens.
std::vector<std::int64_t> Vectorizer::tokens(const std::vector<std::int64_t>& ints,
                                             const std::vector<std::string>& strings) {
  std::vector<std::int64_t> result;
  for (const std::int64_t item : ints)
    result.push_back(int_tokens.try_emplace(item, static_cast<std::int64_t>(int_tokens.size())).first->second);
  for (const std::string& item : strings)
    result.push_back(string_tokens.try_emplace(item, static_cast<std::int64_t>(string_tokens.size())).first->second);
  return result;
}

Status Vectorizer::read_pool(const Node& node) {
  CYCLOID_ASSIGN(const auto ints, get_ints(node, "pool_int64s"));
  CYCLOID_ASSIGN(const auto strings, get_strings(node, "pool_strings"));
  CYCLOID_ASSIGN(const auto starts, get_ints(node, "ngram_counts"));
  CYCLOID_ASSIGN(const auto places, get_ints(node, "ngram_indexes"));
  if (ints.empty() == strings.empty()) return invalid_model("it needs either pool_int64s or pool_strings");
  if (places.empty()) return invalid_model("ngram_indexes must not be empty");
  for (const std::int64_t place : places) {
    if (place < 0 || place > (std::int64_t{1} << 40)) return invalid_model("ngram_indexes has {}", place);
    columns = std::max(columns, place + 1);
  }
  if (!weights.empty() && weights.size() != places.size())
    return invalid_model("{} weights for {} n-grams", weights.size(), places.size());
  const std::vector<std::int64_t> items = tokens(ints, strings);
  const auto size = static_cast<std::int64_t>(items.size());
  if (most > static_cast<std::int64_t>(starts.size()))
    return invalid_model("ngram_counts says nothing of {}-grams", most);
  std::size_t gram = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t end = i + 1 < starts.size() ? starts[i + 1] : size;
    const auto length = static_cast<std::int64_t>(i) + 1;
    if (starts[i] < 0 || starts[i] > end || end > size || (end - starts[i]) % length != 0)
      return invalid_model("ngram_counts does not divide a pool of {} into n-grams", size);
    for (std::int64_t at = starts[i]; at < end; at += length, ++gram) {
      if (gram >= places.size()) return invalid_model("ngram_indexes has fewer elements than there are n-grams");
      if (length < least || length > most) continue;
      pool.add(std::span(items).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(length)), places[gram]);
    }
  }
  return {};
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const Vectorizer v, Vectorizer::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kTypes));
  ValueType y = ValueType::tensor(DType::kFloat32);
  if (x.shape) {
    if (x.shape->size() > 2) return invalid_argument("X must have shape [C] or [N, C], not {}", to_string(*x.shape));
    y.shape = Shape{v.columns};
    if (x.shape->size() == 2) y.shape->insert(y.shape->begin(), (*x.shape)[0]);
  }
  context.set_output(0, std::move(y));
  return {};
}

// Adds the n-grams of a row of tokens (-1: an item that is in no n-gram) to `counts`.
void count_grams(const Vectorizer& v, std::span<const std::int64_t> row, std::span<float> counts) {
  const auto size = static_cast<std::int64_t>(row.size());
  std::int64_t least = v.least;
  for (std::int64_t distance = 1; distance - 1 <= v.skips; ++distance) {
    // Single items know no distance: they are counted once. Beyond the row's length no pair fits.
    if (distance > 1) least = std::max<std::int64_t>(least, 2);
    if (least > v.most || (least > 1 && distance >= size)) return;
    for (std::int64_t start = 0; start < size; ++start) {
      std::size_t node = 0;
      std::int64_t at = start;
      for (std::int64_t length = 1; length <= v.most && at < size; ++length, at += distance) {
        const Pool::Step step = v.pool.next(node, row[static_cast<std::size_t>(at)]);
        if (step.node == 0) break;
        if (length >= least && step.column != Pool::kNoColumn) counts[static_cast<std::size_t>(step.column)] += 1;
        node = step.node;
      }
    }
  }
}

Result<std::vector<std::int64_t>> tokens_of(const Vectorizer& v, const Tensor& x) {
  std::vector<std::int64_t> tokens;
  const auto look_up = [&](const auto& map, const auto& item) {
    const auto at = map.find(item);
    tokens.push_back(at != map.end() ? at->second : -1);
  };
  if ((x.dtype() == DType::kString) != v.int_tokens.empty())
    return invalid_argument("X is {}, but the pool is of another kind", to_string(x.dtype()));
  if (x.dtype() == DType::kString) {
    for (const std::string& item : x.data<std::string>()) look_up(v.string_tokens, item);
  } else {
    for (const std::int64_t item : to_int64s(x)) look_up(v.int_tokens, item);
  }
  return tokens;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Vectorizer v, Vectorizer::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kTypes));
  if (x->rank() > 2) return invalid_argument("X must have shape [C] or [N, C], not {}", to_string(x->dims()));
  CYCLOID_ASSIGN(const auto tokens, tokens_of(v, *x));
  const std::int64_t rows = x->rank() == 2 ? x->dim(0) : 1;
  Dims dims{v.columns};
  if (x->rank() == 2) dims.insert(dims.begin(), rows);
  CYCLOID_ASSIGN(Tensor y, context.allocate(DType::kFloat32, dims));
  const std::span<float> to = y.mutable_data<float>();
  std::ranges::fill(to, 0.0F);
  const std::size_t length = rows == 0 ? 0 : tokens.size() / static_cast<std::size_t>(rows);
  const auto columns = static_cast<std::size_t>(v.columns);
  // A weight belongs to a column: the standard's text says to an n-gram, but what its reference and other runtimes do,
  // and models are made for, is this. The two differ where ngram_indexes is no identity.
  if (v.weighting != Weighting::kTf && !v.weights.empty() && v.weights.size() < columns)
    return invalid_model("{} weights for {} columns", v.weights.size(), columns);
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    const std::span<float> counts = to.subspan(r * columns, columns);
    count_grams(v, std::span(tokens).subspan(r * length, length), counts);
    if (v.weighting == Weighting::kTf) continue;
    for (std::size_t i = 0; i < columns; ++i) {
      if (v.weighting == Weighting::kIdf) counts[i] = counts[i] > 0 ? 1.0F : 0.0F;
      if (!v.weights.empty()) counts[i] *= v.weights[i];
    }
  }
  return outputs(std::move(y));
}

}  // namespace

const Op kTfIdfVectorizer = {.domain = "",
                             .name = "TfIdfVectorizer",
                             .since = 9,
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .infer = infer,
                             .evaluate = evaluate};

}  // namespace cycloid
