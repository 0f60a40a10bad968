#include "cycloid/optimize.h"

#include <algorithm>

#include "base/error.h"
#include "cycloid/session.h"
#include "graph/fix_inputs.h"
#include "onnx/export/export.h"
#include "ops/op.h"
#include "rewrite/verified.h"
#include "runtime/ledger_json.h"

namespace cycloid {
namespace {

std::vector<Datum> to_data(std::span<const AnyValue> values) {
  std::vector<Datum> data;
  for (const AnyValue& value : values) data.push_back(value.datum());
  return data;
}

std::vector<AnyValue> to_values(std::span<const Datum> data) {
  std::vector<AnyValue> values;
  for (const Datum& datum : data) values.emplace_back(datum);
  return values;
}

// The native engine in the place of the reference evaluation: the plain order of sums, subnormals kept.
Evaluator native_engine() {
  const auto load = [](const ModelIr& model) -> Result<Evaluator::Run> {
    SessionOptions options;
    options.threads = 1;
    options.strict = true;
    options.denormals = true;
    options.max_plans = 1;
    CYCLOID_ASSIGN(Session made, Session::create(Model(std::make_shared<const ModelIr>(model)), options));
    const auto session = std::make_shared<const Session>(std::move(made));
    return Evaluator::Run([session](std::span<const Datum> inputs) -> Result<std::vector<Datum>> {
      CYCLOID_ASSIGN(const std::vector<AnyValue> outputs, session->evaluate(to_values(inputs)));
      return to_data(outputs);
    });
  };
  return {"the native engine", load, false};
}

Evaluator users_runtime(const OptimizationOptions& options, std::int64_t source_opset) {
  const auto load = [&options, source_opset](const ModelIr& model) -> Result<Evaluator::Run> {
    const Model loadable(std::make_shared<const ModelIr>(model), source_opset);
    CYCLOID_ASSIGN(const OptimizationOptions::Run run, options.other_runtime(loadable));
    return Evaluator::Run([run](std::span<const Datum> inputs) -> Result<std::vector<Datum>> {
      CYCLOID_ASSIGN(const std::vector<AnyValue> outputs, run(to_values(inputs)));
      return to_data(outputs);
    });
  };
  return {options.other_runtime_name, load, false};
}

Result<ModelIr> with_shapes(const Model& model, const OptimizationOptions& options) {
  ModelIr ir = *model.ir();
  if (options.shapes.empty()) return ir;
  std::vector<InputSpec> specs;
  for (const auto& [name, dims] : options.shapes) specs.push_back({name, dims, std::nullopt});
  CYCLOID_TRY(fix_inputs(ir.graph, specs, "--shape"));
  if (const Status status = infer_types(ir); !status) {
    return Error(ErrorCode::kInvalidArgument, status.error().in("with these shapes of its inputs").message());
  }
  return ir;
}

Status check_samples(const ModelIr& model, const OptimizationOptions& options) {
  for (const auto& sample : options.samples) {
    if (sample.size() != model.graph.inputs().size()) {
      return invalid_argument("a sample has {} inputs, the model {}", sample.size(), model.graph.inputs().size());
    }
  }
  return {};
}

// "conv1" of "node 'conv1' (Conv)", as describe() names it.
std::string plain_name(const std::string& description) {
  const std::size_t begin = description.find('\'');
  const std::size_t end = description.rfind("' (");
  if (begin == std::string::npos || end == std::string::npos || end <= begin) return description;
  return description.substr(begin + 1, end - begin - 1);
}

std::vector<std::string> plain_names(const std::vector<std::string>& descriptions) {
  std::vector<std::string> names;
  for (const std::string& description : descriptions) names.push_back(plain_name(description));
  return names;
}

RuleUse to_public(const RuleApplication& application) {
  const Rule& rule = *application.rule;
  return {.rule = std::string(rule.name),
          .law = std::string(rule.law),
          .why = std::string(rule.why),
          .kind = std::string(to_string(rule.kind)),
          .where = application.where,
          .removed = plain_names(application.removed),
          .added = plain_names(application.added),
          .flops_saved = application.flops_saved,
          .bytes_saved = application.bytes_saved,
          .max_abs_error = application.max_abs_error,
          .max_rel_error = application.max_rel_error,
          .verified = application.unverified.empty()};
}

RuleRejection to_public(const RuleRefusal& refusal, bool reverted) {
  return {std::string(refusal.rule->name), refusal.where, plain_name(refusal.node), refusal.reason, reverted};
}

GraphTotals to_public(const Totals& totals) { return {totals.nodes, totals.flops, totals.bytes}; }

}  // namespace

std::vector<RuleInfo> optimization_rules() {
  std::vector<RuleInfo> rules;
  for (const Rule* rule : all_rules())
    rules.push_back({rule->name, rule->law, rule->why, to_string(rule->kind), rule->exact});
  return rules;
}

Result<Optimization> optimize(const Model& model, const OptimizationOptions& options) {
  CYCLOID_ASSIGN(const ModelIr ir, with_shapes(model, options));
  CYCLOID_TRY(check_samples(ir, options));
  VerifyOptions verified;
  verified.driver.disabled.insert(options.disable.begin(), options.disable.end());
  verified.driver.only.insert(options.only.begin(), options.only.end());
  verified.driver.assume_finite = options.assume_finite;
  verified.driver.fold_limit = options.fold_limit;
  verified.verify = options.verify;
  verified.seed = options.seed;
  verified.seconds = options.verify_seconds;
  verified.stand_in = native_engine();
  if (options.other_runtime) verified.also.push_back(users_runtime(options, model.source_opset()));
  for (const auto& sample : options.samples) verified.samples.push_back(to_data(sample));
  CYCLOID_ASSIGN(VerifiedOptimization done, optimize_verified(ir, verified));

  Optimization result{.model = Model(std::make_shared<const ModelIr>(std::move(done.model)), model.source_opset()),
                      .before = to_public(done.ledger.before),
                      .after = to_public(done.ledger.after),
                      .applications = {},
                      .rejections = {},
                      .compared = {},
                      .notes = std::move(done.notes)};
  for (Agreement& agreement : done.agreements) {
    result.compared.push_back({std::move(agreement.evaluator), agreement.samples});
  }
  for (const RuleApplication& application : done.ledger.applications) {
    result.applications.push_back(to_public(application));
  }
  for (const RuleRefusal& refusal : done.reverted) result.rejections.push_back(to_public(refusal, true));
  for (const RuleRefusal& refusal : done.ledger.refusals) {
    // What was taken back is refused when the driver comes to it again.
    const bool again = std::ranges::any_of(done.reverted, [&](const RuleRefusal& other) {
      return other.rule == refusal.rule && other.where == refusal.where && other.node == refusal.node;
    });
    if (!again) result.rejections.push_back(to_public(refusal, false));
  }
  return result;
}

std::string Optimization::to_json() const { return ledger_json(*this); }

Status save_model(const Model& model, const std::string& path, const SaveOptions& options) {
  return onnx::export_model(*model.ir(), path, {.opset = options.opset, .source_opset = model.source_opset()});
}

}  // namespace cycloid
