// The graph optimiser: a model that computes the same with less work, and an account of every change.
//
//   auto model = cycloid::Model::load("model.onnx");
//   auto optimized = cycloid::optimize(*model);
//   for (const cycloid::RuleUse& use : optimized->applications) std::puts(use.law.c_str());
//   cycloid::Status saved = cycloid::save_model(optimized->model, "model.opt.onnx");
//
// Every change is made by a rule with a law, and is checked: the values it replaces are compared with those it puts in
// their place on random and special inputs, and at the end the whole model with the original. What differs by more than the
// tolerance derived from the element type is taken back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cycloid/any_value.h"
#include "cycloid/export.h"
#include "cycloid/model.h"
#include "cycloid/result.h"

namespace CYCLOID_API cycloid {

// One law of rewriting.
struct RuleInfo {
  std::string_view name;  // "compose-transposes": what `disable` and `only` take
  std::string_view law;   // "transpose(transpose(x, p), q) => transpose(x, p[q])"
  std::string_view why;   // one sentence: why it holds
  std::string_view kind;  // "fewer-nodes", "cheaper-node", "cheaper-subgraph", "parallel-branches" or "standard"
  bool exact = true;      // the same bits for the same input; otherwise float sums may be added in another order
};

// All rules, in the order in which they are tried.
std::vector<RuleInfo> optimization_rules();

struct OptimizationOptions {
  std::vector<std::string> disable;  // rules by name
  std::vector<std::string> only;     // these rules alone; empty: all
  // Shapes of inputs to fix, by name. Sizes that are not fixed stay dynamic, and what is done holds for all of them.
  std::map<std::string, std::vector<std::int64_t>> shapes;
  // Inputs to compare on beside the random ones, each in the order of Model::inputs().
  std::vector<std::vector<AnyValue>> samples;
  bool verify = true;
  // Floats are finite, in the inputs and on the way: rules that would lose a NaN (0 * infinity) or an infinity are tried
  // too, and no such inputs are drawn to compare on. Wrong where a model computes with them, as masks of -infinity do.
  bool assume_finite = false;
  // Bytes by which folding one node may make the file larger. What needs no more room than it frees is always folded.
  std::size_t fold_limit = std::size_t{1} << 24;
  std::uint64_t seed = 0;      // of the random inputs
  double verify_seconds = 30;  // about how long comparing may take; what did not fit is said in Optimization::notes
  // Another runtime to compare in: makes a model ready to run. Called with the original and with candidates; where it
  // fails on the original, nothing is concluded. Its outputs may differ by rounding.
  using Run = std::function<Result<std::vector<AnyValue>>(std::span<const AnyValue> inputs)>;
  std::function<Result<Run>(const Model& model)> other_runtime;
  std::string other_runtime_name = "the other runtime";
};

// One application of a rule.
struct RuleUse {
  std::string rule;
  std::string law;
  std::string why;
  std::string kind;
  std::string where;                 // "" for the main graph, else the path to the subgraph
  std::vector<std::string> removed;  // names of nodes; of nameless ones the first output's
  std::vector<std::string> added;
  std::optional<std::int64_t> flops_saved;  // nullopt where a size is not known; negative: it costs more
  std::optional<std::int64_t> bytes_saved;
  std::optional<double> max_abs_error;  // over the values it replaces; nullopt where these were not compared singly
  std::optional<double> max_rel_error;  // max_abs_error over the largest magnitude of the value
  bool verified = false;                // compared singly, or within the whole model's outputs
};

// What a rule proposed and the checks declined or took back.
struct RuleRejection {
  std::string rule;
  std::string where;
  std::string node;
  std::string reason;
  bool reverted = false;  // it had been applied, and the whole model differed; otherwise it was declined at once
};

struct GraphTotals {
  std::size_t nodes = 0;              // those of subgraphs included
  std::optional<std::int64_t> flops;  // of one run; nullopt where a size is not known
  std::optional<std::int64_t> bytes;  // read and written by nodes
};

// In how many inputs the result agreed with the original, within the tolerance, and by which evaluation.
struct ComparedIn {
  std::string name;  // "the reference evaluation", OptimizationOptions::other_runtime_name
  std::size_t inputs = 0;
};

struct Optimization {
  Model model;
  GraphTotals before;
  GraphTotals after;
  std::vector<RuleUse> applications;
  std::vector<RuleRejection> rejections;
  std::vector<ComparedIn> compared;  // empty where nothing was changed or nothing could be compared
  std::vector<std::string> notes;    // for people: what was not verified, and why

  // The ledger: {"schema": "cycloid.ledger/1", "before": ..., "after": ..., "applications": [...], ...}.
  std::string to_json() const;
};

// The optimised model: same inputs and outputs by name, order and type. Thread-safe; takes seconds for large models, most
// of it for comparing. Errors: kInvalidArgument for an unknown rule (the message names the nearest one), input or shape.
// A rule that fails, or whose result does not agree, is never an error: it is left out and listed in `rejections`.
Result<Optimization> optimize(const Model& model, const OptimizationOptions& options = {});

struct SaveOptions {
  // The version of ai.onnx to write, 7 to 28. 0: that of the file the model came from, or where its operators need
  // a newer one the oldest that has them.
  std::int64_t opset = 0;
};

// Writes an .onnx file, whole or not at all; tensors of models near 2 GB go into PATH.data beside it. Operators that the
// operator set lacks are expanded into older ones. Errors: kUnsupported names the node, its operator and the operator
// set where it cannot be expressed.
Status save_model(const Model& model, const std::string& path, const SaveOptions& options = {});

}  // namespace cycloid
