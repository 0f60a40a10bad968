#include "rewrite/verified.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "ops/op.h"
#include "ops/sample_inputs.h"
#include "rewrite/comparison.h"
#include "rewrite/cost.h"

namespace cycloid {
namespace {

// The reference evaluation's plain loops do some 10^8 floating-point operations or bytes a second.
constexpr double kReferencePerSecond = 1e8;
// Of the time that comparing may take: what one evaluation may.
constexpr double kSlowShare = 1.0 / 12;
// Single applications of one rule that are taken back before the rule is left out as a whole.
constexpr std::size_t kRevertsOfRule = 6;
// Roundings that a whole model may add up, see comparison.h: sqrt(4608) for the longest dot products of convolutional
// networks times sqrt(26) layers is 350; three standard deviations are 2^10.
constexpr double kWholeModelUnits = 1024;
constexpr double kUnitsOfOne = 8;  // of runtimes that are not exact
// Of sizes that are open in another axis than the first: audio frames, crops and patches among them.
constexpr std::int64_t kInner[] = {6, 4, 16, 32, 64, 128, 256, 320, 512, 576, 10, 3, 1};
constexpr fmt::format_string<const std::string&, const double&> kStandIn(
    "the reference evaluation would take longer than {1} s (--verify-seconds): {0} took its place");

struct Sample {
  std::vector<Datum> inputs;
  std::string what;                                         // "normal, sizes 2 and 8"
  std::vector<std::optional<std::vector<Datum>>> expected;  // of the original, by evaluator; none: it declines
};

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool is_dynamic(const Graph& graph) {
  return std::ranges::any_of(graph.inputs(), [&](ValueId id) {
    const ValueType& type = graph.value(id).type;
    return type.is_tensor() && type.shape &&
           !std::ranges::all_of(*type.shape, [](const Dim& d) { return d.is_known(); });
  });
}

// Floating-point operations and bytes of one run, with an ordinary size for those that are open.
double work_of(const Graph& graph) {
  constexpr std::int64_t kOrdinary = 64;
  double work = 0;
  for (const NodeId id : graph.nodes()) {
    const auto cost = cost_of(graph, graph.node(id));
    if (!cost) continue;
    for (const Dim& part : {cost->flops, cost->bytes}) {
      const Dim size = part.substitute([](const std::string&) { return Dim(kOrdinary); });
      work += static_cast<double>(size.known().value_or(0));
    }
  }
  return work;
}

class VerifiedOptimizer {
 public:
  VerifiedOptimizer(const ModelIr& model, const VerifyOptions& options)
      : model_(model), options_(options), now_(options.now ? options.now : steady_seconds), start_(now_()) {}

  Result<VerifiedOptimization> run() {
    if (options_.verify) prepare();
    OptimizeOptions driver = options_.driver;
    driver.samples = driver_samples();
    CYCLOID_ASSIGN(Optimized optimized, apply(driver));
    std::optional<Failure> failure = check(optimized);
    while (failure) {
      CYCLOID_ASSIGN(const bool found, take_back(driver, optimized, *failure));
      if (!found) break;
      CYCLOID_ASSIGN(optimized, apply(driver));
      failure = check(optimized);
    }
    result_.model = std::move(optimized.model);
    result_.ledger = std::move(optimized.ledger);
    mark_verified();
    if (!failure && !result_.ledger.applications.empty()) note_agreements();
    return std::move(result_);
  }

 private:
  struct Failure {
    std::string reason;
    std::size_t sample = 0;
    std::size_t evaluator = 0;
    bool whole = false;  // of the graph, not of one sample
  };

  double elapsed() const { return now_() - start_; }

  // --- What to compare on.

  void prepare() {
    const bool slow = work_of(model_.graph) / kReferencePerSecond > options_.seconds * kSlowShare;
    if (slow && options_.stand_in.load) {
      evaluators_.push_back(options_.stand_in);
      note(kStandIn, options_.stand_in.name, options_.seconds);
    } else {
      const auto reference = [](const ModelIr& model) -> Result<Evaluator::Run> {
        return Evaluator::Run([&model](std::span<const Datum> inputs) {
          return evaluate(model, inputs, {.max_bytes = std::size_t{8} << 30});
        });
      };
      evaluators_.push_back({"the reference evaluation", reference, true});
    }
    each_value_ = !slow;
    evaluators_.insert(evaluators_.end(), options_.also.begin(), options_.also.end());
    for (const Evaluator& evaluator : evaluators_) {
      auto loaded = evaluator.load(model_);
      if (!loaded) note("not compared in {}: {}", evaluator.name, loaded.error().message());
      originals_.push_back(loaded ? *std::move(loaded) : Evaluator::Run());
    }
    for (std::size_t i = 0; i < options_.samples.size(); ++i) {
      Sample sample{.inputs = options_.samples[i], .what = fmt::format("sample {}", i), .expected = {}};
      if (const auto declined = add(std::move(sample))) {
        note("the model does not run on sample {}: {}", i, declined->message());
      }
    }
    draw_samples();
    if (samples_.empty()) note("nothing was verified: the model ran on no inputs that could be drawn; give some");
    result_.samples = samples_.size();
  }

  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    result_.notes.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  // The error with which the original declines the sample. Random samples must give what is finite somewhere.
  std::optional<Error> add(Sample sample) {
    for (const Evaluator::Run& run : originals_) {
      sample.expected.emplace_back();
      if (!run) continue;
      auto outputs = run(sample.inputs);
      if (!outputs && sample.expected.size() == 1) return outputs.error();
      if (outputs) sample.expected.back() = *std::move(outputs);
    }
    samples_.push_back(std::move(sample));
    return std::nullopt;
  }

  std::optional<Error> draw(SampleKind kind, std::string_view what, std::int64_t size, std::int64_t inner) {
    auto inputs = sample_inputs(model_.graph, kind, size, inner, options_.seed + samples_.size(), long_symbol_);
    if (!inputs) return inputs.error();
    return add({*std::move(inputs),
                fmt::format("{} values (seed {}, sizes {} and {})", what, options_.seed + samples_.size(), size, inner),
                {}});
  }

  bool in_time(double share) const { return elapsed() < options_.seconds * share; }

  // Where one evaluation has taken longer than was thought. False: there is none, or it does it already.
  bool stand_in_for_the_reference() {
    if (!each_value_ || !options_.stand_in.load) return false;
    auto loaded = options_.stand_in.load(model_);
    if (!loaded) return false;
    each_value_ = false;
    note(kStandIn, options_.stand_in.name, options_.seconds);
    evaluators_.front() = options_.stand_in;
    originals_.front() = *std::move(loaded);
    samples_.clear();
    return true;
  }

  // Several kinds of values, and several sizes where the model leaves them open. A model may need a size to be large, or
  // even, or of a certain rank: the first inner size at which it runs is kept.
  void draw_samples() {
    const bool dynamic = is_dynamic(model_.graph);
    std::optional<Error> declined;
    std::int64_t inner = 0;
    for (const std::int64_t tried : kInner) {
      declined = draw(SampleKind::kNormal, "normal", dynamic ? 2 : 1, tried);
      inner = tried;
      if (!declined && !in_time(kSlowShare) && stand_in_for_the_reference()) {
        declined = draw(SampleKind::kNormal, "normal", dynamic ? 2 : 1, tried);
      }
      if (!declined || !dynamic || !in_time(0.3)) break;
    }
    if (declined && dynamic) {
      if (const auto found = draw_with_one_long()) {
        inner = *found;
        declined.reset();
      }
    }
    if (declined) declined = draw(SampleKind::kUniform, "uniform", 1, inner);
    if (declined && samples_.empty()) {
      note("random inputs: {}", declined->message());
      return;
    }
    // With what is left of the time: checking costs as much again.
    const auto more = [&](SampleKind kind, std::string_view what, std::int64_t size, std::int64_t inner_size) {
      if (in_time(0.25)) (void)draw(kind, what, size, inner_size);
    };
    if (!options_.driver.assume_finite) more(SampleKind::kSpecial, "special", dynamic ? 3 : 1, inner);
    more(SampleKind::kUniform, "uniform", 1, inner);
    if (dynamic) {
      more(SampleKind::kNormal, "normal", 3, inner + 1);
      more(SampleKind::kNormal, "normal", 1, 1);
      more(SampleKind::kNormal, "normal", 0, inner);
    }
    more(SampleKind::kZeros, "zero", 1, inner);
  }

  // One open size at a time long, all others short: the inner size at which the model runs so.
  std::optional<std::int64_t> draw_with_one_long() {
    for (const std::string& symbol : inner_symbols(model_.graph)) {
      long_symbol_ = symbol;
      for (const std::int64_t tried : kInner) {
        if (!in_time(0.3)) break;
        if (!draw(SampleKind::kNormal, "normal", 2, tried)) return tried;
      }
    }
    long_symbol_.clear();
    return std::nullopt;
  }

  // The driver keeps every value of each of its samples: two.
  std::vector<std::vector<Datum>> driver_samples() const {
    std::vector<std::vector<Datum>> chosen;
    if (!each_value_) return chosen;
    for (const Sample& sample : samples_) {
      if (chosen.size() < 2) chosen.push_back(sample.inputs);
    }
    return chosen;
  }

  // --- Checking.

  // optimize(), where a rule that does not come to an end is left out.
  Result<Optimized> apply(OptimizeOptions& driver) {
    for (;;) {
      auto optimized = optimize(model_, driver);
      if (optimized || optimized.error().code() != ErrorCode::kResourceExhausted || driver.stop_after != SIZE_MAX) {
        return optimized;
      }
      note("{}: only the first changes are kept", optimized.error().message());
      driver.stop_after = 4 * count_nodes(model_.graph);
    }
  }

  std::optional<Failure> check(const Optimized& optimized) {
    if (optimized.ledger.applications.empty()) return std::nullopt;
    if (const Status status = verify(optimized.model.graph); !status) {
      return Failure{.reason = "the graph is broken: " + status.error().message(), .whole = true};
    }
    for (std::size_t e = 0; e < evaluators_.size(); ++e) {
      if (auto failure = check_in(optimized, e, 0, samples_.size())) return failure;
    }
    return std::nullopt;
  }

  // On the samples `from` to `to` in one evaluator.
  std::optional<Failure> check_in(const Optimized& optimized, std::size_t e, std::size_t from, std::size_t to) {
    if (!originals_[e] || samples_.empty()) return std::nullopt;
    const auto run = evaluators_[e].load(optimized.model);
    if (!run) {
      return Failure{fmt::format("it cannot be loaded in {} ({})", evaluators_[e].name, run.error().message()), from, e,
                     false};
    }
    for (std::size_t s = from; s < to; ++s) {
      if (auto failure = check(optimized, *run, s, e)) return failure;
    }
    return std::nullopt;
  }

  std::optional<Failure> check(const Optimized& optimized, const Evaluator::Run& run, std::size_t s, std::size_t e) {
    const Sample& sample = samples_[s];
    if (!sample.expected[e]) return std::nullopt;
    const auto failed = [&](std::string_view what) {
      return Failure{fmt::format("on {} {} in {}", sample.what, what, evaluators_[e].name), s, e, false};
    };
    const auto actual = run(sample.inputs);
    if (!actual) return failed(fmt::format("it fails ({})", actual.error().message()));
    const bool exact =
        evaluators_[e].exact &&
        std::ranges::all_of(optimized.ledger.applications, [](const RuleApplication& a) { return a.rule->exact; });
    const auto& expected = *sample.expected[e];
    if (actual->size() != expected.size()) return failed("the number of outputs differs");
    for (std::size_t i = 0; i < actual->size(); ++i) {
      const Difference difference =
          compare(expected[i], (*actual)[i], exact, kWholeModelUnits, evaluators_[e].exact ? 0 : kUnitsOfOne);
      if (difference.same || differs_in_lost_nan_alone(sample, e, i, (*actual)[i])) continue;
      const auto outputs = optimized.model.graph.outputs();
      const std::string name = i < outputs.size() ? optimized.model.graph.value(outputs[i]).name : std::to_string(i);
      return failed(fmt::format("output '{}' differs by {:.3g} ({:.3g} of its largest value)", name, difference.max_abs,
                                difference.max_rel));
    }
    return std::nullopt;
  }

  // Where a runtime loses a NaN of the original that the specification keeps (ONNX Runtime's ReduceMax), it is no measure for these
  // elements, as its other operators lose others: whether the result keeps them, the reference has shown.
  bool differs_in_lost_nan_alone(const Sample& sample, std::size_t e, std::size_t i, const Datum& actual) {
    if (!evaluators_[0].exact || evaluators_[e].exact || !sample.expected[0]) return false;
    const Tensor* specified = (*sample.expected[0])[i].tensor();
    const Tensor* original = (*sample.expected[e])[i].tensor();
    const Tensor* result = actual.tensor();
    if (specified == nullptr || original == nullptr || result == nullptr || specified->dtype() != original->dtype() ||
        specified->dims() != original->dims() || result->dtype() != original->dtype() ||
        result->dims() != original->dims())
      return false;
    bool same = false;
    dispatch<float, double>(specified->dtype(), [&]<class T>(T) {
      std::vector<T> before(original->data<T>().begin(), original->data<T>().end());
      std::vector<T> after(result->data<T>().begin(), result->data<T>().end());
      for (std::size_t k = 0; k < before.size(); ++k) {
        if (std::isnan(specified->data<T>()[k]) && !std::isnan(before[k])) before[k] = after[k] = T{0};
      }
      same = compare(Tensor::of<T>(original->dims(), before), Tensor::of<T>(result->dims(), after), false,
                     kWholeModelUnits, kUnitsOfOne)
                 .same;
    });
    if (!same) return false;
    const std::string said = fmt::format(
        "{} loses NaN that the ONNX specification keeps; there the result was compared by the "
        "reference evaluation alone",
        evaluators_[e].name);
    if (std::ranges::find(result_.notes, said) == result_.notes.end()) result_.notes.push_back(said);
    return true;
  }

  std::optional<Failure> check_again(const Optimized& optimized, const Failure& failure) {
    if (!failure.whole) return check_in(optimized, failure.evaluator, failure.sample, failure.sample + 1);
    const Status status = verify(optimized.model.graph);
    return status ? std::nullopt : std::optional(failure);
  }

  // --- Finding who spoils it.

  // Finds the first application with which the failure is there, and vetoes it in `driver`. False: nothing is left to
  // find, and `optimized` is what can be had.
  Result<bool> take_back(OptimizeOptions& driver, Optimized& optimized, const Failure& failure) {
    // Probes need no comparisons of their own: what was refused is refused again.
    OptimizeOptions probe = driver;
    probe.samples.clear();
    for (const RuleRefusal& refusal : optimized.ledger.refusals) {
      probe.vetoed.insert({std::string(refusal.rule->name), refusal.where, refusal.node});
    }
    std::size_t good = 0;
    std::size_t bad = optimized.ledger.applications.size();
    Optimized best{.model = model_, .ledger = {}};
    best.ledger.before = best.ledger.after = optimized.ledger.before;
    while (bad - good > 1) {
      probe.stop_after = good + (bad - good) / 2;
      CYCLOID_ASSIGN(Optimized half, optimize(model_, probe));
      if (check_again(half, failure)) {
        bad = probe.stop_after;
      } else {
        good = probe.stop_after;
        best = std::move(half);
      }
    }
    const RuleApplication& culprit = optimized.ledger.applications[bad - 1];
    result_.reverted.push_back({culprit.rule, culprit.where, culprit.node, failure.reason});
    if (elapsed() > 4 * options_.seconds) {
      note("finding what differs took too long: only the first {} changes are kept", good);
      optimized = std::move(best);
      if (check(optimized)) optimized = {model_, {optimized.ledger.before, optimized.ledger.before, {}, {}}};
      return false;
    }
    driver.vetoed.insert({std::string(culprit.rule->name), culprit.where, culprit.node});
    const auto of_rule = std::ranges::count(result_.reverted, culprit.rule, &RuleRefusal::rule);
    if (static_cast<std::size_t>(of_rule) >= kRevertsOfRule) {
      driver.disabled.insert(std::string(culprit.rule->name));
      note("the rule '{}' was left out altogether after {} of its changes were taken back", culprit.rule->name,
           of_rule);
    }
    return true;
  }

  // What was not compared by itself was compared with the whole.
  void mark_verified() {
    if (samples_.empty()) return;
    for (RuleApplication& application : result_.ledger.applications) application.unverified.clear();
  }

  void note_agreements() {
    for (std::size_t e = 0; e < evaluators_.size(); ++e) {
      const auto compared = std::ranges::count_if(
          samples_, [&](const Sample& sample) { return originals_[e] && sample.expected[e].has_value(); });
      if (compared != 0) result_.agreements.push_back({evaluators_[e].name, static_cast<std::size_t>(compared)});
    }
  }

  const ModelIr& model_;
  const VerifyOptions& options_;
  std::function<double()> now_;
  double start_;
  std::vector<Evaluator> evaluators_;
  std::vector<Evaluator::Run> originals_;  // by evaluator; empty where it declines the model
  std::vector<Sample> samples_;
  bool each_value_ = true;
  std::string long_symbol_;  // as sample_inputs() takes it
  VerifiedOptimization result_;
};

}  // namespace

Result<VerifiedOptimization> optimize_verified(const ModelIr& model, const VerifyOptions& options) {
  return VerifiedOptimizer(model, options).run();
}

}  // namespace cycloid
