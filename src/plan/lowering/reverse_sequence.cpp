#include <algorithm>

#include "base/error.h"
#include "kernels/gather/gather.h"
#include "plan/lowering/gather.h"

namespace cycloid {
namespace {

// A unit is some runs.
class ReverseStep final : public Step {
 public:
  ReverseStep(kernels::Reversal at, Place x, Place lengths, Place y)
      : at_(at), x_(std::move(x)), lengths_(std::move(lengths)), y_(std::move(y)) {}

  std::int64_t runs() const { return at_.time * at_.batch; }
  // About 16 KB.
  std::int64_t each() const { return std::max<std::int64_t>(1, 16384 / at_.run_bytes); }
  std::int64_t units() const { return (runs() + each() - 1) / each(); }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const auto outside =
        kernels::reverse_runs(at_, context.at<const std::byte>(x_), context.at<const std::int64_t>(lengths_),
                              context.at<std::byte>(y_), begin * each(), std::min(end * each(), runs()));
    if (outside) context.run->fail(invalid_argument("length {} is outside a time axis of {}", *outside, at_.time));
  }

 private:
  kernels::Reversal at_;
  Place x_, lengths_, y_;
};

}  // namespace

Declined lower_reverse_sequence(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<std::int64_t> batch = get_int(node, "batch_axis", 1), time = get_int(node, "time_axis", 0);
  if (!batch || !time || *batch + *time != 1 || (*batch != 0 && *batch != 1)) return "axes other than 0 and 1";
  if (!lowering.has_elements(node.inputs[0]) || lowering.dims(node.inputs[1]) == nullptr) return "no elements";
  const Dims dims = *lowering.dims(node.inputs[0]);
  if (dims.size() < 2 || *lowering.dims(node.inputs[1]) != Dims{dims[static_cast<std::size_t>(*batch)]})
    return "lengths that do not fit the batch";
  kernels::Reversal at{.time = dims[static_cast<std::size_t>(*time)],
                       .batch = dims[static_cast<std::size_t>(*batch)],
                       .run_bytes = static_cast<std::int64_t>(size_of(lowering.dtype(node.inputs[0]))),
                       .time_first = *time == 0};
  for (std::size_t i = 2; i < dims.size(); ++i) at.run_bytes *= dims[i];
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              lengths = lowering.read(node.inputs[1], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  auto step = std::make_unique<ReverseStep>(at, x, lengths, y);
  Lowering::Draft draft{.nodes = {id}, .kernel = "gather", .reads = {x, lengths}, .writes = {y}};
  draft.units = step->units();
  draft.cost_ns = static_cast<double>(y.bytes()) / 8 + static_cast<double>(step->runs());
  lowering.add(std::move(step), std::move(draft));
  return {};
}

}  // namespace cycloid
