// TfIdfVectorizer: how often each n-gram of a pool occurs in a sequence, with skips between its items, weighted.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/tensor/arguments.h"
#include "ops/text/list.h"
#include "ops/text/tf_idf.h"

namespace cycloid {

Result<TfIdf> TfIdf::parse(const Node& node) {
  TfIdf v;
  CYCLOID_TRY(v.read_attributes(node));
  CYCLOID_TRY(v.read_pool(node));
  return v;
}

Status TfIdf::read_attributes(const Node& node) {
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

Status TfIdf::read_pool(const Node& node) {
  CYCLOID_ASSIGN(ints, get_ints(node, "pool_int64s"));
  CYCLOID_ASSIGN(strings, get_strings(node, "pool_strings"));
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
  // The i-th weight is the i-th n-gram's, as the standard and ONNX Runtime have it; the standard's own evaluator takes it for
  // the i-th column's. Of n-grams that share a column the last one counts.
  std::map<std::int64_t, float> by_column;
  for (std::size_t i = 0; i < weights.size(); ++i) by_column[places[i]] = weights[i];
  column_weights.assign(by_column.begin(), by_column.end());
  const auto size = static_cast<std::int64_t>(ints.size() + strings.size());
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
      grams.push_back({static_cast<std::size_t>(at), static_cast<std::size_t>(length), places[gram]});
    }
  }
  return {};
}

void TfIdf::weigh(std::span<float> counts) const {
  if (weighting == Weighting::kTf) return;
  if (weighting == Weighting::kIdf) {
    for (float& count : counts) count = count > 0 ? 1.0F : 0.0F;
  }
  for (const auto& [column, weight] : column_weights) counts[static_cast<std::size_t>(column)] *= weight;
}

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

  explicit Pool(const TfIdf& v) {
    for (const std::int64_t item : v.ints) items_.push_back(token(ints_, item));
    for (const std::string& item : v.strings) items_.push_back(token(strings_, item));
    for (const TfIdf::Gram& gram : v.grams) add(std::span(items_).subspan(gram.begin, gram.length), gram.column);
  }
  // -1: an item that is in no n-gram.
  std::int64_t find(std::int64_t item) const { return find_in(ints_, item); }
  std::int64_t find(const std::string& item) const { return find_in(strings_, item); }
  Step next(std::size_t node, std::int64_t token) const {
    const auto at = children_.find({node, token});
    return at == children_.end() ? Step{} : Step{at->second, columns_[at->second]};
  }

 private:
  template <class Map, class Item>
  static std::int64_t token(Map& map, const Item& item) {
    return map.try_emplace(item, static_cast<std::int64_t>(map.size())).first->second;
  }
  template <class Map, class Item>
  static std::int64_t find_in(const Map& map, const Item& item) {
    const auto at = map.find(item);
    return at != map.end() ? at->second : -1;
  }
  void add(std::span<const std::int64_t> tokens, std::int64_t column) {
    std::size_t node = 0;
    for (const std::int64_t token : tokens) {
      const auto [at, added] = children_.try_emplace({node, token}, columns_.size());
      if (added) columns_.push_back(kNoColumn);
      node = at->second;
    }
    columns_[node] = column;
  }

  std::map<std::string, std::int64_t, std::less<>> strings_;
  std::map<std::int64_t, std::int64_t> ints_;
  std::vector<std::int64_t> items_;
  std::map<std::pair<std::size_t, std::int64_t>, std::size_t> children_;
  std::vector<std::int64_t> columns_{kNoColumn};  // by node
};

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const TfIdf v, TfIdf::parse(context.node()));
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

// Adds the n-grams of a row of tokens to `counts`.
void count_grams(const TfIdf& v, const Pool& pool, std::span<const std::int64_t> row, std::span<float> counts) {
  const auto size = static_cast<std::int64_t>(row.size());
  v.for_each_distance(size, [&](std::int64_t distance, std::int64_t least) {
    for (std::int64_t start = 0; start < size; ++start) {
      std::size_t node = 0;
      std::int64_t at = start;
      for (std::int64_t length = 1; length <= v.most && at < size; ++length, at += distance) {
        const Pool::Step step = pool.next(node, row[static_cast<std::size_t>(at)]);
        if (step.node == 0) break;
        if (length >= least && step.column != Pool::kNoColumn) counts[static_cast<std::size_t>(step.column)] += 1;
        node = step.node;
      }
    }
    return !stopping();
  });
}

Result<std::vector<std::int64_t>> tokens_of(const TfIdf& v, const Pool& pool, const Tensor& x) {
  std::vector<std::int64_t> tokens;
  if ((x.dtype() == DType::kString) != v.ints.empty())
    return invalid_argument("X is {}, but the pool is of another kind", to_string(x.dtype()));
  if (x.dtype() == DType::kString) {
    for (const std::string& item : x.data<std::string>()) tokens.push_back(pool.find(item));
  } else {
    for (const std::int64_t item : to_int64s(x)) tokens.push_back(pool.find(item));
  }
  return tokens;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const TfIdf v, TfIdf::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kTypes));
  if (x->rank() > 2) return invalid_argument("X must have shape [C] or [N, C], not {}", to_string(x->dims()));
  const Pool pool(v);
  CYCLOID_ASSIGN(const auto tokens, tokens_of(v, pool, *x));
  const std::int64_t rows = x->rank() == 2 ? x->dim(0) : 1;
  Dims dims{v.columns};
  if (x->rank() == 2) dims.insert(dims.begin(), rows);
  CYCLOID_ASSIGN(Tensor y, context.allocate(DType::kFloat32, dims));
  const std::span<float> to = y.mutable_data<float>();
  std::ranges::fill(to, 0.0F);
  const std::size_t length = rows == 0 ? 0 : tokens.size() / static_cast<std::size_t>(rows);
  const auto columns = static_cast<std::size_t>(v.columns);
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    CYCLOID_TRY(check_stop());
    const std::span<float> counts = to.subspan(r * columns, columns);
    count_grams(v, pool, std::span(tokens).subspan(r * length, length), counts);
    v.weigh(counts);
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
