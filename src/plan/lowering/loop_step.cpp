#include "plan/lowering/loop_step.h"

#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "base/error.h"

namespace cycloid {
namespace {

// Outputs whose length is known after the loop, slice behind slice, charged to the run's memory budget.
class GrownOutputs {
 public:
  GrownOutputs(std::size_t count, MemoryBudget* budget) : lists_(count), budget_(budget) {}
  ~GrownOutputs() {
    if (budget_ != nullptr) budget_->give_back(taken_);
  }
  GrownOutputs(const GrownOutputs&) = delete;
  GrownOutputs& operator=(const GrownOutputs&) = delete;

  Status append(std::size_t i, const std::byte* slice, std::size_t bytes) {
    if (budget_ != nullptr && !budget_->take(bytes)) {
      return make_error(ErrorCode::kResourceExhausted,
                        "the iterations' outputs need more memory than is left of the limit (max_memory)");
    }
    taken_ += bytes;
    lists_[i].insert(lists_[i].end(), slice, slice + bytes);
    return {};
  }
  const std::vector<std::byte>& operator[](std::size_t i) const { return lists_[i]; }

 private:
  std::vector<std::vector<std::byte>> lists_;
  MemoryBudget* budget_;
  std::size_t taken_ = 0;
};

class LoopStep final : public Step {
 public:
  explicit LoopStep(LoopSetup form) : form_(std::move(form)) {}

  std::size_t scratch_bytes() const {
    std::size_t bytes = kHead + BodyRun::scratch_bytes(*form_.body.plan);
    for (const Carried& carried : form_.carried) bytes += 2 * align_up(carried.bytes);
    for (const Stacked& stacked : form_.stacked) bytes += align_up(stacked.bytes);
    return bytes;
  }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (begin == end || context.run->failed.load(std::memory_order_acquire)) return;
    const BoundsScope scope(context.run->bounds);
    if (Status status = walk(context); !status) context.run->fail(status.error().in(form_.where));
  }

 private:
  static constexpr std::size_t kHead = 64;  // the iteration and the condition

  Status walk(const StepContext& context) const {
    std::byte* memory = context.scratch;
    auto* iteration = reinterpret_cast<std::int64_t*>(memory);
    auto* goes_on = reinterpret_cast<bool*>(memory + sizeof(std::int64_t));
    memory += kHead;
    const WorkBounds& bounds = context.run->bounds;
    GrownOutputs grown(unknown_lengths(), bounds.memory.get());
    BodyRun run(form_.body, context, memory);
    memory += BodyRun::scratch_bytes(*form_.body.plan);
    std::byte* const buffers = memory;
    for (const Carried& carried : form_.carried) {
      run.set_input(carried.input, context.at<const std::byte>(carried.first));
      memory += 2 * align_up(carried.bytes);
    }
    *goes_on = form_.condition ? *context.at<const bool>(*form_.condition) : true;
    const std::int64_t most = form_.most     ? *context.at<const std::int64_t>(*form_.most)
                              : form_.counts ? INT64_MAX
                                             : form_.trips;
    std::int64_t i = 0;
    for (; i < most && *goes_on; ++i) {
      if (form_.trips >= 0 && i >= form_.trips) break;
      if (bounds.stop != nullptr) CYCLOID_TRY(bounds.stop->check());  // a body may have no steps
      *iteration = i;
      if (form_.counts) {
        run.set_input(0, reinterpret_cast<const std::byte*>(iteration));
        // What the body reads is true in every iteration that begins; what it writes lies beside it.
        goes_on[1] = true;
        run.set_input(1, reinterpret_cast<const std::byte*>(goes_on + 1));
        run.set_output(0, reinterpret_cast<std::byte*>(goes_on));
      }
      bind(context, run, i, buffers, memory);
      CYCLOID_TRY(run.run());
      CYCLOID_TRY(keep(grown, memory));
    }
    if (form_.trips >= 0 && i != form_.trips)
      return invalid_model("a loop ran {} times, but {} were inferred", i, form_.trips);
    return finish(context, grown, buffers, i);
  }

  std::size_t unknown_lengths() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(form_.stacked, [](const Stacked& s) { return s.target.kind == Operand::Kind::kSlot; }));
  }

  // Where iteration i leaves a carried value.
  static std::byte* buffer_of(std::byte* buffers, const Carried& carried, std::int64_t i) {
    return buffers + (i % 2 == 0 ? 0 : align_up(carried.bytes));
  }

  void bind(const StepContext& context, BodyRun& run, std::int64_t i, std::byte* buffers, std::byte* slices) const {
    for (const Carried& carried : form_.carried) {
      if (i > 0) run.set_input(carried.input, buffer_of(buffers, carried, i - 1));
      run.set_output(carried.output, buffer_of(buffers, carried, i));
      buffers += 2 * align_up(carried.bytes);
    }
    for (const Sliced& sliced : form_.sliced) {
      const auto at = static_cast<std::size_t>(sliced.reverse ? form_.trips - 1 - i : i);
      run.set_input(sliced.input, context.at<const std::byte>(sliced.place) + at * sliced.bytes);
    }
    for (const Stacked& stacked : form_.stacked) {
      const auto at = static_cast<std::size_t>(stacked.reverse ? form_.trips - 1 - i : i);
      run.set_output(stacked.output, stacked.target.kind == Operand::Kind::kPlace
                                         ? context.at<std::byte>(stacked.target.place) + at * stacked.bytes
                                         : slices);
      slices += align_up(stacked.bytes);
    }
  }

  // Slices of outputs whose length is not known are put one behind the other.
  Status keep(GrownOutputs& grown, const std::byte* slices) const {
    std::size_t g = 0;
    for (const Stacked& stacked : form_.stacked) {
      if (stacked.target.kind == Operand::Kind::kSlot) CYCLOID_TRY(grown.append(g++, slices, stacked.bytes));
      slices += align_up(stacked.bytes);
    }
    return {};
  }

  Status finish(const StepContext& context, const GrownOutputs& grown, std::byte* buffers, std::int64_t trips) const {
    for (const Carried& carried : form_.carried) {
      const std::byte* from =
          trips == 0 ? context.at<const std::byte>(carried.first) : buffer_of(buffers, carried, trips - 1);
      if (carried.last && carried.bytes > 0) std::memcpy(context.at<std::byte>(*carried.last), from, carried.bytes);
      buffers += 2 * align_up(carried.bytes);
    }
    std::size_t g = 0;
    for (const Stacked& stacked : form_.stacked) {
      if (stacked.target.kind != Operand::Kind::kSlot) continue;
      Dims dims = stacked.dims;
      dims.insert(dims.begin(), trips);
      CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(stacked.dtype, std::move(dims)));
      if (!grown[g].empty()) std::memcpy(tensor.mutable_bytes(), grown[g].data(), grown[g].size());
      context.run->slots[stacked.target.slot] = Datum(std::move(tensor));
      ++g;
    }
    return {};
  }

  LoopSetup form_;
};

}  // namespace

std::unique_ptr<const Step> make_loop_step(LoopSetup form, std::size_t& scratch_bytes) {
  auto step = std::make_unique<LoopStep>(std::move(form));
  scratch_bytes = step->scratch_bytes();
  return step;
}

}  // namespace cycloid
