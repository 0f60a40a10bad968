// TfIdfVectorizer of integers.
#include "ops/text/tf_idf.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/error.h"
#include "kernels/grams/grams.h"
#include "kernels/lookup/lookup.h"
#include "plan/lowering/features.h"

namespace cycloid {
namespace {

using kernels::GramTable;
using kernels::LookupKey;
using kernels::LookupTable;

// A pool made ready: its items as keys, and its n-grams of their tokens.
struct Pool {
  LookupTable tokens;
  GramTable grams;
};

// T: int64 or int32, whose rows never have the items of the pool that it cannot hold.
template <class T>
Pool pool_of(const TfIdf& model) {
  std::map<std::int64_t, std::int32_t> numbers;
  std::vector<std::int32_t> tokens, values;
  std::vector<T> keys;
  for (const std::int64_t item : model.ints) {
    const auto [at, added] = numbers.try_emplace(item, static_cast<std::int32_t>(numbers.size()) + 1);
    tokens.push_back(at->second);
    if (!added || item < std::numeric_limits<T>::min() || item > std::numeric_limits<T>::max()) continue;
    keys.push_back(static_cast<T>(item));
    values.push_back(at->second);
  }
  std::vector<GramTable::Gram> grams;
  for (const TfIdf::Gram& gram : model.grams)
    grams.push_back({std::span<const std::int32_t>(tokens).subspan(gram.begin, gram.length), gram.column});
  const std::int32_t none = GramTable::kNoToken;
  return {LookupTable(sizeof(T) == sizeof(std::int64_t) ? LookupKey::kInt64 : LookupKey::kInt32, keys.data(),
                      sizeof(std::int32_t), values.data(), &none, static_cast<std::int64_t>(keys.size())),
          GramTable(static_cast<std::int32_t>(numbers.size()), grams)};
}

// A unit is a row.
class TfIdfStep final : public Step {
 public:
  TfIdfStep(TfIdf model, Pool pool, std::int64_t length, Place x, Place y)
      : model_(std::move(model)), pool_(std::move(pool)), length_(length), x_(std::move(x)), y_(std::move(y)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const BoundsScope scope(context.run->bounds);
    auto* tokens = reinterpret_cast<std::int32_t*>(context.scratch);
    const std::size_t row_bytes = static_cast<std::size_t>(length_) * size_of(x_.dtype);
    for (std::int64_t row = begin; row < end; ++row) {
      pool_.tokens.run(context.at<const std::byte>(x_) + static_cast<std::size_t>(row) * row_bytes, tokens, 0, length_);
      const std::span<float> counts(context.at<float>(y_) + row * model_.columns,
                                    static_cast<std::size_t>(model_.columns));
      std::ranges::fill(counts, 0.0F);
      // With skips the work is that of as many walks over the row.
      model_.for_each_distance(length_, [&](std::int64_t distance, std::int64_t least) {
        pool_.grams.count(tokens, length_, distance, least, model_.most, counts.data());
        return model_.skips == 0 || !stopping();
      });
      model_.weigh(counts);
    }
  }

 private:
  TfIdf model_;
  Pool pool_;
  std::int64_t length_;
  Place x_, y_;
};

}  // namespace

Declined lower_tf_idf(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Dims dims = *lowering.dims(node.inputs[0]);
  const DType type = lowering.dtype(node.inputs[0]);
  auto model = TfIdf::parse(node);
  if (!model) return model.error().message();
  if (model->ints.empty() || (type != DType::kInt64 && type != DType::kInt32)) return "items that are strings";
  if (dims.empty() || dims.size() > 2) return "X is of another rank than 1 or 2";
  // Tokens, nodes and columns are numbers of 32 bits.
  constexpr std::size_t kMost = std::size_t{1} << 30;
  if (model->ints.size() > kMost || model->columns > static_cast<std::int64_t>(kMost)) return "a pool of many n-grams";
  const std::int64_t rows = dims.size() == 2 ? dims[0] : 1, length = dims.back();
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  const double walks = static_cast<double>(std::min(model->skips + 1, std::max<std::int64_t>(length, 1)));
  Lowering::Draft draft{.nodes = {id}, .kernel = "grams", .reads = {x}, .writes = {y}, .units = rows};
  draft.scratch_bytes = static_cast<std::size_t>(length) * sizeof(std::int32_t);
  draft.cost_ns = (1 + 2 * walks) * static_cast<double>(x.count()) + 0.1 * static_cast<double>(y.count());
  Pool pool = type == DType::kInt64 ? pool_of<std::int64_t>(*model) : pool_of<std::int32_t>(*model);
  lowering.add(std::make_unique<TfIdfStep>(*std::move(model), std::move(pool), length, x, y), std::move(draft));
  return {};
}

}  // namespace cycloid
