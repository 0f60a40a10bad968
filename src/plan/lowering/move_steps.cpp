#include "plan/lowering/move_steps.h"

#include <numeric>

#include "plan/lowering/loops.h"

namespace cycloid {
namespace {

using kernels::PermutePlan;

class PermuteStep final : public Step {
 public:
  PermuteStep(PermutePlan plan, Place from, Place to) : plan_(plan), from_(std::move(from)), to_(std::move(to)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    plan_.run(context.at<const std::byte>(from_), context.at<std::byte>(to_), begin, end);
  }

 private:
  PermutePlan plan_;
  Place from_, to_;
};

// All elements, dimension by dimension in logical order. plan_permute finds the loops.
PermutePlan plan_move(const Place& from, const Place& to, Isa isa, int threads) {
  std::vector<std::int64_t> order(from.dims.size());
  std::iota(order.begin(), order.end(), 0);
  // Moving needs the output's dimensions outermost first.
  if (to.layout == Layout::kChannelsLast && order.size() > 1) {
    order.erase(order.begin() + 1);
    order.push_back(1);
  }
  const std::vector<std::int64_t> in = strides_of(from), logical = strides_of(to);
  std::vector<std::int64_t> out;
  for (const std::int64_t axis : order) out.push_back(logical[static_cast<std::size_t>(axis)]);
  auto plan =
      kernels::plan_permute(from.dims, order, static_cast<std::int64_t>(size_of(from.dtype)), isa, threads, in, out);
  CYCLOID_CHECK(std::holds_alternative<PermutePlan>(plan));
  return std::get<PermutePlan>(plan);
}

}  // namespace

void add_move(Lowering& lowering, const Place& from, const Place& to, std::string op, std::vector<NodeId> nodes) {
  CYCLOID_CHECK(from.dims == to.dims && from.dtype == to.dtype);
  if (from.count() == 0) return;
  // One flat dimension where the order of the elements is the same: ranks above the kernel's bound stay possible.
  Place a = from, b = to;
  if (a.dense() && b.dense() && a.layout == b.layout) {
    a.dims = b.dims = {from.count()};
    a.layout = b.layout = Layout::kRowMajor;
    if (size_of(a.dtype) == 16) {  // the kernel's elements have 8 bytes at most
      a.dtype = b.dtype = DType::kInt64;
      a.dims = b.dims = {2 * from.count()};
    }
  }
  add_permute(lowering, plan_move(a, b, lowering.options().isa, lowering.threads()), from, to, std::move(op),
              std::move(nodes));
}

void add_permute(Lowering& lowering, const PermutePlan& plan, const Place& from, const Place& to, std::string op,
                 std::vector<NodeId> nodes) {
  Lowering::Draft draft{.nodes = std::move(nodes),
                        .op = std::move(op),
                        .kernel = "move",
                        .reads = {from},
                        .writes = {to},
                        .units = plan.units};
  lowering.add(std::make_unique<PermuteStep>(plan, from, to), std::move(draft));
}

MadeStep make_strided_move(const Place& from, const std::vector<std::int64_t>& strides, const Place& to, Isa isa,
                           int threads) {
  std::vector<std::int64_t> order(from.dims.size());
  std::iota(order.begin(), order.end(), 0);
  const auto plan =
      kernels::plan_permute(from.dims, order, static_cast<std::int64_t>(size_of(from.dtype)), isa, threads, strides);
  CYCLOID_CHECK(std::holds_alternative<PermutePlan>(plan));
  const PermutePlan& permute = std::get<PermutePlan>(plan);
  return {std::make_unique<PermuteStep>(permute, from, to), permute.units};
}

void add_strided_move(Lowering& lowering, const Place& from, const std::vector<std::int64_t>& strides, const Place& to,
                      std::vector<NodeId> nodes) {
  MadeStep made = make_strided_move(from, strides, to, lowering.options().isa, lowering.threads());
  Lowering::Draft draft{
      .nodes = std::move(nodes), .kernel = "move", .reads = {from}, .writes = {to}, .units = made.units};
  lowering.add(std::move(made.step), std::move(draft));
}

void move_now(const Place& from, const Place& to, const std::byte* in, std::byte* out, Isa isa) {
  const PermutePlan plan = plan_move(from, to, isa, 1);
  plan.run(in, out, 0, plan.units);
}

Declined add_permute(Lowering& lowering, const Place& from, const Place& to, const std::vector<std::int64_t>& order,
                     std::vector<NodeId> nodes) {
  auto plan = kernels::plan_permute(from.dims, order, static_cast<std::int64_t>(size_of(from.dtype)),
                                    lowering.options().isa, lowering.threads());
  if (const std::string* reason = std::get_if<std::string>(&plan)) return *reason;
  const PermutePlan& permute = std::get<PermutePlan>(plan);
  Lowering::Draft draft{
      .nodes = std::move(nodes), .kernel = "move", .reads = {from}, .writes = {to}, .units = permute.units};
  lowering.add(std::make_unique<PermuteStep>(permute, from, to), std::move(draft));
  return {};
}

}  // namespace cycloid
