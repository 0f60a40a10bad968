// TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble.
#include "kernels/trees/trees.h"

#include <algorithm>

#include "base/aligned.h"
#include "base/error.h"
#include "ops/ml/forest.h"
#include "ops/ml/rows.h"
#include "plan/lowering/trees.h"

namespace cycloid {
namespace {

using kernels::TreesPlan;

// Rows of a unit: the nodes of a tree stay in L1 for all of them, and there is work for several threads.
constexpr std::int64_t kBlock = 64;

// What becomes of a row's scores.
struct Finish {
  Forest forest;                     // without its nodes
  std::vector<std::int64_t> labels;  // of a classifier
  bool classifier = false;
};

class TreesStep final : public Step {
 public:
  TreesStep(TreesPlan plan, Finish finish, const void* packed, Place x, std::optional<Place> label,
            std::optional<Place> scores)
      : plan_(std::move(plan)),
        finish_(std::move(finish)),
        packed_(packed),
        x_(std::move(x)),
        label_(std::move(label)),
        scores_(std::move(scores)),
        columns_(x_.dims.back()),
        rows_(x_.dims.size() == 2 ? x_.dims[0] : 1) {
    block_ = std::min(kBlock, rows_);
  }

  std::int64_t units() const { return (rows_ + kBlock - 1) / kBlock; }
  std::size_t scratch_bytes() const { return values_bytes() + row_bytes() + touched_bytes(); }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t unit = begin; unit < end; ++unit) run_block(context, unit * kBlock);
  }

 private:
  std::size_t values_bytes() const {
    return align_up(static_cast<std::size_t>(block_ * plan_.targets) * sizeof(double));
  }
  bool converts() const { return is_integer(x_.dtype); }
  std::size_t row_bytes() const {
    return converts() ? align_up(static_cast<std::size_t>(block_ * columns_) * sizeof(double)) : 0;
  }
  std::size_t touched_bytes() const { return align_up(static_cast<std::size_t>(block_ * plan_.targets)); }

  void run_block(const StepContext& context, std::int64_t first) const {
    const std::int64_t rows = std::min(block_, rows_ - first), targets = plan_.targets;
    auto* values = reinterpret_cast<double*>(context.scratch);
    auto* converted = reinterpret_cast<double*>(context.scratch + values_bytes());
    const std::byte* x =
        context.at<const std::byte>(x_) + first * columns_ * static_cast<std::int64_t>(size_of(x_.dtype));
    if (converts()) {
      dispatch<std::int64_t, std::int32_t>(
          x_.dtype, [&]<class T>(T) { std::copy_n(reinterpret_cast<const T*>(x), rows * columns_, converted); });
      x = reinterpret_cast<const std::byte*>(converted);
    }
    plan_.run({.x = x,
               .x_row = columns_,
               .rows = rows,
               .packed = packed_,
               .scores = values,
               .touched = reinterpret_cast<unsigned char*>(context.scratch + values_bytes() + row_bytes())});
    if (finish_.forest.aggregate == Aggregate::kAverage && !plan_.trees.empty()) {
      for (std::int64_t i = 0; i < rows * targets; ++i) values[i] /= static_cast<double>(plan_.trees.size());
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::span<double> row(values + r * targets, static_cast<std::size_t>(targets));
      if (finish_.classifier) {
        const std::size_t best = finish_.forest.finish_classes(row);
        if (label_) context.at<std::int64_t>(*label_)[first + r] = finish_.labels[best];
      } else {
        finish_.forest.finish_targets(row);
      }
    }
    if (!scores_) return;
    dispatch<float, double>(scores_->dtype, [&]<class T>(T) {
      std::transform(values, values + rows * targets, context.at<T>(*scores_) + first * targets,
                     [](double score) { return static_cast<T>(score); });
    });
  }

  TreesPlan plan_;
  Finish finish_;
  const void* packed_;
  Place x_;
  std::optional<Place> label_, scores_;
  std::int64_t columns_, rows_, block_;
};

// The nodes as the kernel takes them; the two enumerations of tests are the same.
std::vector<kernels::TreeNodeParams> nodes_of(const Forest& forest) {
  static_assert(static_cast<int>(Branch::kLeaf) == static_cast<int>(kernels::TreeTest::kLeaf));
  std::vector<kernels::TreeNodeParams> nodes;
  for (const ForestNode& node : forest.nodes) {
    nodes.push_back({.test = static_cast<kernels::TreeTest>(node.branch),
                     .nan_goes_true = node.missing_goes_true,
                     .feature = node.feature,
                     .value = node.value,
                     .if_true = node.if_true,
                     .if_false = node.if_false,
                     .first = node.first,
                     .count = node.count});
  }
  return nodes;
}

Result<Finish> parse(const Node& node) {
  Finish finish;
  if (node.op_type == "TreeEnsembleClassifier") {
    CYCLOID_ASSIGN(const ClassLabels labels, ClassLabels::parse(node, "classlabels_int64s"));
    finish.classifier = true;
    finish.labels = labels.ints;
    CYCLOID_ASSIGN(finish.forest, Forest::classifier(node, static_cast<std::int64_t>(labels.size())));
  } else if (node.op_type == "TreeEnsembleRegressor") {
    CYCLOID_ASSIGN(finish.forest, Forest::regressor(node));
  } else {
    CYCLOID_ASSIGN(finish.forest, Forest::ensemble(node));
  }
  return finish;
}

}  // namespace

Declined lower_trees(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  auto finish = parse(node);
  if (!finish) return finish.error().message();
  Forest& forest = finish->forest;
  const ValueId x = node.inputs[0];
  const Dims dims = *lowering.dims(x);
  if (lowering.dtype(x) == DType::kFloat16) return "features of float16";
  if (dims.empty() || dims.size() > 2 || dims.back() < std::max<std::int64_t>(forest.features, 1))
    return "fewer columns than features";

  const std::vector<kernels::TreeNodeParams> nodes = nodes_of(forest);
  std::vector<kernels::TreeWeight> weights;
  for (const LeafWeight& weight : forest.weights) weights.push_back({weight.target, weight.weight});
  using kernels::TreeAggregate;
  const TreeAggregate aggregate = forest.aggregate == Aggregate::kMin   ? TreeAggregate::kMin
                                  : forest.aggregate == Aggregate::kMax ? TreeAggregate::kMax
                                                                        : TreeAggregate::kSum;
  auto planned = kernels::plan_trees({.nodes = nodes,
                                      .roots = forest.roots,
                                      .weights = weights,
                                      .targets = forest.targets,
                                      .aggregate = aggregate,
                                      .doubles = lowering.dtype(x) != DType::kFloat32});
  if (const std::string* reason = std::get_if<std::string>(&planned)) return *reason;
  TreesPlan& plan = std::get<TreesPlan>(planned);
  BufferId buffer;
  std::byte* packed = lowering.constant_memory(plan.packed_bytes(), buffer);
  plan.pack(packed);
  plan.nodes = {};
  const auto walks = static_cast<double>(dims.size() == 2 ? dims[0] : 1) * static_cast<double>(forest.max_depth()) *
                     static_cast<double>(plan.trees.size());
  // What is left of the forest tells how to finish a row.
  forest.nodes = {};
  if (forest.weights.size() > 1) forest.weights.resize(1);

  Lowering::Draft draft;
  draft.reads = {lowering.read(x, Layout::kRowMajor)};
  const auto output = [&](std::size_t i) -> std::optional<Place> {
    if (i >= node.outputs.size() || !node.outputs[i].valid()) return {};
    draft.writes.push_back(lowering.define(node.outputs[i], Layout::kRowMajor));
    return draft.writes.back();
  };
  const std::optional<Place> label = finish->classifier ? output(0) : std::nullopt;
  const std::optional<Place> scores = output(finish->classifier ? 1 : 0);
  auto step = std::make_unique<TreesStep>(std::move(plan), *std::move(finish), packed, draft.reads[0], label, scores);
  draft.nodes = {id};
  draft.kernel = "trees.walk";
  draft.units = step->units();
  draft.scratch_bytes = step->scratch_bytes();
  draft.cost_ns = 1.5 * walks;  // a level of a walk beside three others
  lowering.add(std::move(step), std::move(draft));
  return {};
}

}  // namespace cycloid
