// loop(3, body) => body, body, body
#include "rewrite/loop_form.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Loop", "Scan"};
constexpr std::int64_t kMostTrips = 64;
constexpr std::int64_t kMostNodes = 128;  // in all: unrolling takes time from a loop, but gives the file more nodes

using Ints = std::vector<std::int64_t>;

class Unrolling {
 public:
  Unrolling(const RuleContext& context, const LoopForm& form)
      : context_(context), form_(form), stacks_(form.stacked.size()) {}

  std::optional<Patch> build() {
    std::vector<Patch::Ref> carried;
    for (const LoopForm::Carried& value : form_.carried) carried.emplace_back(value.first);
    const std::int64_t trips = form_.trips.value();
    for (std::int64_t i = 0; i < trips; ++i) {
      const auto results = patch_.inline_body(*form_.body, arguments(i, carried));
      if (!results) return std::nullopt;
      std::size_t next = form_.condition.valid() ? 1 : 0;
      for (Patch::Ref& value : carried) value = (*results)[next++];
      for (auto& stack : stacks_) stack.push_back((*results)[next++]);
    }
    for (std::size_t i = 0; i < carried.size(); ++i) {
      if (form_.carried[i].last.valid()) patch_.replace(form_.carried[i].last, carried[i]);
    }
    for (std::size_t i = 0; i < stacks_.size(); ++i) {
      if (form_.stacked[i].result.valid() && !finish_stack(form_.stacked[i], stacks_[i])) return std::nullopt;
    }
    return patch_.empty() ? std::nullopt : std::optional(std::move(patch_));
  }

 private:
  Patch::Ref ints(const Ints& values) { return patch_.constant("ints", int64s(values)); }

  std::vector<Patch::Ref> arguments(std::int64_t i, const std::vector<Patch::Ref>& carried) {
    std::vector<Patch::Ref> result;
    if (form_.condition.valid()) {
      result.push_back(patch_.constant("iteration", Tensor::scalar<std::int64_t>(i)));
      result.push_back(patch_.constant("condition", Tensor::scalar<bool>(true)));
    }
    result.insert(result.end(), carried.begin(), carried.end());
    for (const LoopForm::Sliced& slice : form_.sliced) {
      const std::int64_t at = slice.backwards ? form_.trips.value() - 1 - i : i;
      result.push_back(patch_.node("Gather", {slice.source, patch_.constant("place", Tensor::scalar<std::int64_t>(at))},
                                   {{"axis", slice.axis}}));
    }
    return result;
  }

  bool finish_stack(const LoopForm::Stacked& stacked, std::vector<Patch::Ref> values) {
    const Shape* shape = context_.shape(stacked.result);
    if (shape == nullptr || values.empty()) return false;
    const auto rank = static_cast<std::int64_t>(shape->size());
    const std::int64_t axis = stacked.axis < 0 ? stacked.axis + rank : stacked.axis;
    if (stacked.backwards) values = {values.rbegin(), values.rend()};
    for (Patch::Ref& value : values) value = patch_.node("Unsqueeze", {value, ints({axis})});
    patch_.replace(stacked.result, patch_.node("Concat", std::move(values), {{"axis", axis}}));
    return true;
  }

  const RuleContext& context_;
  const LoopForm& form_;
  Patch patch_;
  std::vector<std::vector<Patch::Ref>> stacks_;
};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const auto form = loop_form(context, context.graph.node(root));
  if (!form || !form->trips.is_known()) return std::nullopt;
  const std::int64_t trips = form->trips.value();
  if (trips > kMostTrips || trips * static_cast<std::int64_t>(count_nodes(*form->body)) > kMostNodes)
    return std::nullopt;
  return Unrolling(context, *form).build();
}

}  // namespace

const Rule kUnrollLoop = {
    .name = "unroll-loop",
    .law = "loop(n, body) => body n times, for small known n",
    .why = "The iterations are written out: those that do not depend on each other are branches, and constants meet.",
    .kind = RuleKind::kParallelBranches,
    .exact = false,  // the same operations, but those that a loop had before its body was changed may round otherwise
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
