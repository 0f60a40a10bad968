// Pad, Slice, Expand, Tile and Reshape whose pads, starts, repeats or shape are computed in the run. Their step makes the step
// that a plan would have had for these amounts, in a microsecond or two, and keeps those used last: amounts that come again
// cost a comparison, and amounts that change in every run, as the start of a sliding window does, no plan.
#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <numeric>
#include <optional>

#include "base/check.h"
#include "base/error.h"
#include "base/helpers.h"
#include "base/work_room.h"
#include "kernels/move/move.h"
#include "ops/op.h"
#include "ops/tensor/expand.h"
#include "ops/tensor/pad.h"
#include "ops/tensor/reshape.h"
#include "ops/tensor/slice.h"
#include "plan/lowering/body.h"
#include "plan/lowering/elements.h"
#include "plan/lowering/fallible.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/move_steps.h"

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;

// The buffers of a made step.
constexpr BufferId kFrom{0}, kTo{1};

// The elements of a node's inputs but the first, nullptr where there is none.
struct Amounts {
  std::array<const Tensor*, 5> given = {};

  std::optional<Ints> ints(std::size_t i) const {
    return given[i] == nullptr ? std::nullopt : std::optional(to_int64s(*given[i]));
  }
};

// What is done for some amounts: a step from kFrom to kTo, or none where there are no elements.
struct Move {
  Dims dims;
  MadeStep made;
};

// Of the node whose first input lies at `from` (of kFrom). An error is the reference evaluation's.
using MakeMove = Result<Move> (*)(const Node& node, const Place& from, const Amounts& amounts, Isa isa, int threads);

Place result_of(const Place& from, const Dims& dims) { return {.buffer = kTo, .dtype = from.dtype, .dims = dims}; }

bool is_empty(const Dims& dims) { return std::ranges::find(dims, 0) != dims.end(); }

// An error where no tensor of these dims can be had. Asked before the step is made, which counts with its bytes and keeps a
// number for each row of what it pads.
Status check_room(DType dtype, const Dims& dims) {
  // More than any address space has.
  constexpr std::size_t kMostBytes = std::size_t{1} << 56;
  const auto count = element_count(dims);
  if (count && static_cast<std::size_t>(*count) <= room_left(kMostBytes) / size_of(dtype)) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "no memory for a {} tensor of shape {}, or none left of the limit (max_memory)", to_string(dtype),
                    to_string(dims));
}

Result<Move> make_slice(const Node&, const Place& from, const Amounts& amounts, Isa isa, int threads) {
  const std::optional<Ints> axes = amounts.ints(3), steps = amounts.ints(4);
  CYCLOID_ASSIGN(SliceView view, slice_view(from.dims, *amounts.ints(1), *amounts.ints(2), axes ? &*axes : nullptr,
                                            steps ? &*steps : nullptr));
  if (is_empty(view.dims)) return Move{.dims = std::move(view.dims), .made = {}};
  Place part = from;
  part.offset = static_cast<std::size_t>(view.offset) * size_of(from.dtype);
  part.dims = view.dims;
  MadeStep made = make_strided_move(part, view.strides, result_of(from, view.dims), isa, threads);
  return Move{.dims = std::move(view.dims), .made = std::move(made)};
}

Result<Move> make_padded(const Node& node, const Place& from, const Amounts& amounts, Isa, int) {
  CYCLOID_ASSIGN(const PadAttributes attributes, PadAttributes::parse(node));
  const std::optional<Ints> axes = amounts.ints(3);
  const std::size_t rank = from.dims.size();
  CYCLOID_ASSIGN(const Dims pads, pads_of_all_axes(*amounts.ints(1), axes ? &*axes : nullptr, rank));
  CYCLOID_ASSIGN(Dims dims, padded_dims(from.dims, pads));
  CYCLOID_TRY(check_room(from.dtype, dims));
  std::vector<Ints> sources;
  for (std::size_t i = 0; i < rank; ++i) {
    CYCLOID_ASSIGN(Ints list, axis_sources(from.dims[i], pads[i], pads[rank + i], attributes.mode));
    sources.push_back(std::move(list));
  }
  if (is_empty(dims)) return Move{.dims = std::move(dims), .made = {}};
  std::uint64_t value = 0;
  if (const Tensor* given = amounts.given[2]; given != nullptr && attributes.mode == PadMode::kConstant)
    std::memcpy(&value, given->bytes(), size_of(from.dtype));
  MadeStep made = make_pad(from, result_of(from, dims), std::move(sources), value);
  return Move{.dims = std::move(dims), .made = std::move(made)};
}

// Not more loops than the kernel takes: the lowering has seen to that.
Move copy_in_loops(const Place& from, Dims dims, const std::vector<ElementLoop>& loops, Isa isa) {
  std::optional<MadeStep> made = make_copy(from, loops, result_of(from, dims), isa);
  CYCLOID_CHECK(made.has_value());
  return {.dims = std::move(dims), .made = *std::move(made)};
}

Result<Move> make_expanded(const Node&, const Place& from, const Amounts& amounts, Isa isa, int) {
  CYCLOID_ASSIGN(Dims dims, expanded_dims(from.dims, *amounts.ints(1)));
  CYCLOID_TRY(check_room(from.dtype, dims));
  if (is_empty(dims)) return Move{.dims = std::move(dims), .made = {}};
  const Dims* const operands[] = {&from.dims};
  std::vector<ElementLoop> loops = broadcast_loops(operands, dims);
  return copy_in_loops(from, std::move(dims), loops, isa);
}

Result<Move> make_tiled(const Node&, const Place& from, const Amounts& amounts, Isa isa, int) {
  CYCLOID_ASSIGN(Dims dims, tiled_dims(from.dims, *amounts.ints(1)));
  CYCLOID_TRY(check_room(from.dtype, dims));
  if (is_empty(dims)) return Move{.dims = std::move(dims), .made = {}};
  std::vector<ElementLoop> loops = tile_loops(from.dims, dims);
  return copy_in_loops(from, std::move(dims), loops, isa);
}

Result<Move> make_reshaped(const Node& node, const Place& from, const Amounts& amounts, Isa isa, int threads) {
  CYCLOID_ASSIGN(const std::int64_t allow_zero, get_int(node, "allowzero", 0));
  CYCLOID_ASSIGN(Dims dims, reshaped_dims(from.dims, *amounts.ints(1), allow_zero != 0));
  if (is_empty(dims)) return Move{.dims = std::move(dims), .made = {}};
  Place flat = from;
  flat.dims = {from.count()};
  MadeStep made = make_strided_move(flat, {1}, result_of(from, flat.dims), isa, threads);
  return Move{.dims = std::move(dims), .made = std::move(made)};
}

// The moves for the amounts met last. Safe from several threads.
class Moves {
 public:
  static constexpr std::size_t kMoves = 8;

  std::shared_ptr<const Move> find(std::span<const std::byte> key) {
    const std::lock_guard guard(lock_);
    for (Entry& entry : entries_) {
      if (!std::ranges::equal(entry.key, key)) continue;
      entry.used = ++clock_;
      return entry.move;
    }
    return nullptr;
  }

  void keep(std::span<const std::byte> key, std::shared_ptr<const Move> move) {
    const std::lock_guard guard(lock_);
    if (entries_.size() < kMoves) entries_.emplace_back();
    // A new entry was never used.
    Entry& entry = *std::ranges::min_element(entries_, {}, &Entry::used);
    entry.key.assign(key.begin(), key.end());
    entry.move = std::move(move);
    entry.used = ++clock_;
  }

 private:
  struct Entry {
    std::vector<std::byte> key;
    std::shared_ptr<const Move> move;
    std::uint64_t used = 0;
  };

  std::mutex lock_;
  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
};

class AmountsStep final : public Step {
 public:
  // Of all amounts together: more than four lists for the axes that kernels take.
  static constexpr std::size_t kMostKeyBytes = 512;

  AmountsStep(MakeMove make, Node node, std::string where, Isa isa, int threads)
      : make_(make), node_(std::move(node)), where_(std::move(where)), isa_(isa), threads_(threads) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    run_fallible(context, begin, end, where_, [&] { return compute(context); });
  }

  Place from;
  std::vector<std::optional<Place>> amounts;  // of the inputs after the first
  Operand to;

 private:
  Status compute(const StepContext& context) const {
    std::array<std::byte, kMostKeyBytes> memory;
    std::size_t bytes = 0;
    for (const std::optional<Place>& amount : amounts) {
      if (!amount) continue;
      CYCLOID_CHECK(bytes + amount->bytes() <= memory.size());
      std::memcpy(memory.data() + bytes, context.at<const std::byte>(*amount), amount->bytes());
      bytes += amount->bytes();
    }
    const std::span<const std::byte> key(memory.data(), bytes);
    std::shared_ptr<const Move> move = moves_.find(key);
    if (move == nullptr) {
      CYCLOID_ASSIGN(Move made, this->made(context));
      move = std::make_shared<const Move>(std::move(made));
      moves_.keep(key, move);
    }
    return give(context, *move);
  }

  Result<Move> made(const StepContext& context) const {
    std::array<Tensor, 4> tensors;
    Amounts given;
    for (std::size_t i = 0; i < amounts.size(); ++i) {
      if (!amounts[i]) continue;
      tensors[i] =
          Tensor::borrow(amounts[i]->dtype, amounts[i]->dims, context.at<const std::byte>(*amounts[i]), nullptr);
      given.given[i + 1] = &tensors[i];
    }
    Place source = from;
    source.buffer = kFrom;
    source.offset = 0;
    return make_(node_, source, given, isa_, threads_);
  }

  Status give(const StepContext& context, const Move& move) const {
    if (to.kind == Operand::Kind::kPlace) {
      if (move.dims != to.place.dims)
        return invalid_model("an output of shape {} where {} was inferred", to_string(move.dims),
                             to_string(to.place.dims));
      perform(context, move, context.at<std::byte>(to.place));
      return {};
    }
    CYCLOID_ASSIGN(Tensor result, Tensor::empty(from.dtype, move.dims));
    perform(context, move, result.mutable_bytes());
    context.run->slots[to.slot] = Datum(std::move(result));
    return {};
  }

  // With the threads that have nothing else to do, where there is something to share. A unit is some 16 to 64 KiB.
  void perform(const StepContext& context, const Move& move, std::byte* y) const {
    if (move.made.step == nullptr) return;
    std::byte* const base[] = {const_cast<std::byte*>(context.at<const std::byte>(from)), y};
    const StepContext inner{.base = base, .scratch = nullptr, .run = context.run};
    constexpr std::int64_t kUnitsAPart = 4;
    const std::int64_t units = move.made.units;
    Helpers* const helpers = current_helpers();
    if (helpers == nullptr || units <= kUnitsAPart) return move.made.step->run(inner, 0, units);
    helpers->share((units + kUnitsAPart - 1) / kUnitsAPart, [&](std::int64_t part, int) {
      move.made.step->run(inner, part * kUnitsAPart, std::min(units, (part + 1) * kUnitsAPart));
    });
  }

  const MakeMove make_;
  const Node node_;
  const std::string where_;
  const Isa isa_;
  const int threads_;
  mutable Moves moves_;
};

struct Line {
  std::string_view op;
  MakeMove make;
  std::size_t most_axes = kernels::kMaxPermuteRank;  // of its result
};
// Tile has two loops for each axis.
constexpr Line kLines[] = {{"Expand", make_expanded},
                           {"Pad", make_padded},
                           {"Reshape", make_reshaped},
                           {"Slice", make_slice},
                           {"Tile", make_tiled, kernels::kMaxPermuteRank / 2}};
static_assert(kernels::kMaxPermuteRank <= LoopWalk::kMostOuter + 2);

}  // namespace

Declined lower_by_amounts(Lowering& lowering, NodeId id) {
  const Graph& graph = lowering.graph();
  const Node& node = graph.node(id);
  const auto* const line = std::ranges::find(kLines, node.op_type, &Line::op);
  if (!node.domain.empty() || line == std::end(kLines))
    return fmt::format("the shape of '{}' depends on data", graph.value(node.outputs[0]).name);
  const ValueId x = node.inputs[0];
  const std::size_t bytes = size_of(lowering.dtype(x));
  if (bytes > 8 || (bytes & (bytes - 1)) != 0) return "elements that are not of 1, 2, 4 or 8 bytes";
  if (lowering.dims(x)->size() > line->most_axes || lowering.dims(x)->empty()) return "a rank that the kernel has not";
  std::size_t amount_bytes = 0;
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    const ValueId amount = node.inputs[i];
    if (!amount.valid()) continue;
    const Dims& dims = *lowering.dims(amount);
    if (dims.size() > 1) return "amounts of another rank than 1";
    const auto count = static_cast<std::size_t>(element_count(dims).value());
    if (node.op_type == "Expand" && count > line->most_axes) return "a rank that the kernel has not";
    amount_bytes += count * size_of(lowering.dtype(amount));
    const bool is_value = node.op_type == "Pad" && i == 2;
    if (is_value && (lowering.dtype(amount) != lowering.dtype(x) || count != 1))
      return "a value of another type or of several elements";
    if (!is_value && !is_integer(lowering.dtype(amount))) return "amounts that are no integers";
  }
  if (amount_bytes > AmountsStep::kMostKeyBytes) return "more amounts than a tensor has axes";
  auto step = std::make_unique<AmountsStep>(line->make, node, describe(graph, node), lowering.options().isa,
                                            lowering.threads());
  Lowering::Draft draft{.nodes = {id}, .kernel = "moves for amounts met"};
  step->from = lowering.read(x, Layout::kRowMajor);
  draft.reads = {step->from};
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    std::optional<Place>& amount = step->amounts.emplace_back();
    if (!node.inputs[i].valid()) continue;
    amount = lowering.read(node.inputs[i], Layout::kRowMajor);
    draft.reads.push_back(*amount);
  }
  step->to = write_operand(lowering, node.outputs[0], draft);
  draft.cost_ns = 500 + 0.2 * static_cast<double>(step->from.bytes());
  lowering.add(std::move(step), std::move(draft));
  return {};
}

}  // namespace cycloid
