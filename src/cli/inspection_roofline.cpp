#include "cli/inspection_roofline.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/text_table.h"
#include "cli/units.h"
#include "cycloid/model.h"

namespace cycloid {
namespace {

using Json = nlohmann::ordered_json;

double number(const std::optional<Dim>& dim) { return dim && dim->is_known() ? static_cast<double>(dim->value()) : 0; }

std::string threads_text(int threads) { return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s"); }
std::string us_text(double seconds) { return fmt::format("{:.1f}", seconds * 1e6); }

InspectedRoofline limits_of(const Inspection& inspection, MachineLimits machine) {
  InspectedRoofline result;
  for (const InspectedNode& node : inspection.nodes) {
    const bool known = node.depth == 0 && node.cost.flops && node.cost.bytes;
    result.nodes.push_back(known ? roofline(machine, number(node.cost.flops), number(node.cost.bytes)) : Roofline());
    result.nodes_seconds += result.nodes.back().seconds;
  }
  const double bytes = static_cast<double>(inspection.parameter_bytes + inspection.interface_bytes);
  result.whole = roofline(machine, number(inspection.total.flops), bytes);
  result.machine = std::move(machine);
  return result;
}

std::string machine_text(const MachineLimits& machine) {
  std::string text =
      fmt::format("{}: {} on registers", threads_text(machine.threads), with_unit(machine.flops, "FLOP/s"));
  for (const MachineLimits::Level& level : machine.levels)
    text += fmt::format(", {} {}", level.name, with_unit(level.bytes_per_second, "B/s"));
  return text + "\n";
}

std::string totals_text(const InspectedRoofline& roofline) {
  return fmt::format("{}: at least {} us node by node, {} us if only inputs, outputs and parameters were moved ({})\n",
                     threads_text(roofline.machine.threads), us_text(roofline.nodes_seconds),
                     us_text(roofline.whole.seconds), roofline.whole.bound);
}

std::string node_table(const Inspection& inspection, const std::vector<InspectedRoofline>& rooflines) {
  TextRow head = {"node", "operator", "FLOP", "bytes"};
  for (const InspectedRoofline& at : rooflines) {
    head.push_back("us, " + threads_text(at.machine.threads));
    head.emplace_back("bound by");
  }
  std::vector<TextRow> rows = {head};
  for (std::size_t i = 0; i < inspection.nodes.size(); ++i) {
    const InspectedNode& node = inspection.nodes[i];
    if (rooflines[0].nodes[i].bound.empty()) continue;
    TextRow row = {cut_text(printable(node.name)), printable(node.operator_name), with_unit(number(node.cost.flops)),
                   with_unit(number(node.cost.bytes))};
    for (const InspectedRoofline& at : rooflines) {
      row.push_back(us_text(at.nodes[i].seconds));
      row.push_back(at.nodes[i].bound);
    }
    rows.push_back(std::move(row));
  }
  return text_table(rows, 2);
}

std::string plan_table(const InspectedRoofline& at) {
  const PlanInfo& plan = *at.plan;
  std::vector<TextRow> rows = {{"stage", "step", "kernel", "shape", "MFLOP", "needs", "KiB", "direct us", "least us",
                                "bound by", "nodes, layout, and why it is no faster kernel"}};
  for (const StepInfo& step : plan.steps) {
    const Roofline direct = roofline(at.machine, step, plan.constant_bytes, true);
    const Roofline least = roofline(at.machine, step, plan.constant_bytes, false);
    std::string note = cut_text(printable(step.node), 60);
    if (!step.layout.empty() && step.layout != "row-major") note += " [" + step.layout + "]";
    if (!step.reason.empty()) note += " (" + printable(step.reason) + ")";
    rows.push_back({std::to_string(step.stage), cut_text(printable(step.op)), step.kernel, step.shape,
                    fmt::format("{:.3f}", step.flops * 1e-6), fmt::format("{:.3f}", step.arithmetic * 1e-6),
                    fmt::format("{:.1f}", step.bytes / 1024), us_text(direct.seconds), us_text(least.seconds),
                    least.bound, note});
  }
  std::string text = fmt::format("\nplan, {}\n{}", threads_text(plan.threads), text_table(rows, 4, 9));
  text += fmt::format(
      "at least {} us with direct convolution, {} us with the arithmetic of the kernels above (Winograd's where it is "
      "used; "
      "transforms are not counted)\n",
      us_text(roofline_seconds(at.machine, plan, true)), us_text(roofline_seconds(at.machine, plan, false)));
  text += fmt::format(
      "{} steps in {} stages, {} conversions, {} by reference evaluation; arena {}, scratch {} a thread, "
      "constants {}\n",
      plan.steps.size(), plan.stages, plan.conversions, plan.reference_steps,
      with_unit(static_cast<double>(plan.arena_bytes), "B"), with_unit(static_cast<double>(plan.scratch_bytes), "B"),
      with_unit(static_cast<double>(plan.constant_bytes), "B"));
  if (!plan.tuning.empty()) text += "tuning: " + plan.tuning + "\n";
  return text;
}

Json limit_json(const Roofline& limit) { return {{"us", limit.seconds * 1e6}, {"bound", limit.bound}}; }

Json plan_json(const InspectedRoofline& at) {
  const PlanInfo& plan = *at.plan;
  Json steps = Json::array();
  for (const StepInfo& step : plan.steps) {
    steps.push_back({{"node", step.node},
                     {"operator", step.op},
                     {"kernel", step.kernel},
                     {"reason", step.reason.empty() ? Json(nullptr) : Json(step.reason)},
                     {"shape", step.shape},
                     {"layout", step.layout},
                     {"stage", step.stage},
                     {"units", step.units},
                     {"flops", step.flops},
                     {"arithmetic", step.arithmetic},
                     {"bytes", step.bytes},
                     {"constant_bytes", step.constant_bytes},
                     {"direct", limit_json(roofline(at.machine, step, plan.constant_bytes, true))},
                     {"least", limit_json(roofline(at.machine, step, plan.constant_bytes, false))}});
  }
  return {{"threads", plan.threads},
          {"stages", plan.stages},
          {"conversions", plan.conversions},
          {"reference_steps", plan.reference_steps},
          {"arena_bytes", plan.arena_bytes},
          {"scratch_bytes", plan.scratch_bytes},
          {"constant_bytes", plan.constant_bytes},
          {"tuning", plan.tuning.empty() ? Json(nullptr) : Json(plan.tuning)},
          {"direct_us", roofline_seconds(at.machine, plan, true) * 1e6},
          {"least_us", roofline_seconds(at.machine, plan, false) * 1e6},
          {"steps", std::move(steps)}};
}

}  // namespace

Result<std::vector<InspectedRoofline>> inspect_roofline(const Inspection& inspection,
                                                        const std::vector<std::vector<std::int64_t>>& dims,
                                                        const RooflineRequest& request) {
  CYCLOID_ASSIGN(const Isa isa, request.session.isa.empty() ? choose_isa() : parse_isa(request.session.isa));
  std::vector<InspectedRoofline> result;
  for (const int threads : request.threads) {
    CYCLOID_ASSIGN(MachineLimits machine, measure_limits(isa, threads));
    result.push_back(limits_of(inspection, std::move(machine)));
    if (!request.plan) continue;
    SessionOptions options = request.session;
    options.threads = threads;
    CYCLOID_ASSIGN(const Model model, Model::load(request.model));
    CYCLOID_ASSIGN(const Session session, Session::create(model, options));
    const std::vector<Session::ShapeView> shapes(dims.begin(), dims.end());
    CYCLOID_ASSIGN(result.back().plan, session.plan(shapes));
  }
  return result;
}

std::string roofline_text(const Inspection& inspection, const std::vector<InspectedRoofline>& rooflines, bool summary) {
  std::string text = "\nthis machine\n";
  for (const InspectedRoofline& at : rooflines) text += "  " + machine_text(at.machine);
  text += "this model on it, with direct convolution\n";
  for (const InspectedRoofline& at : rooflines) text += "  " + totals_text(at);
  if (!summary) text += "\n" + node_table(inspection, rooflines);
  for (const InspectedRoofline& at : rooflines) {
    if (at.plan) text += plan_table(at);
  }
  return text;
}

Json roofline_json(const std::vector<InspectedRoofline>& rooflines) {
  Json all = Json::array();
  for (const InspectedRoofline& at : rooflines) {
    Json levels = Json::array();
    for (const MachineLimits::Level& level : at.machine.levels)
      levels.push_back({{"name", level.name}, {"bytes", level.bytes}, {"bytes_per_second", level.bytes_per_second}});
    Json nodes = Json::array();
    for (const Roofline& node : at.nodes) nodes.push_back(node.bound.empty() ? Json(nullptr) : limit_json(node));
    all.push_back({{"threads", at.machine.threads},
                   {"flops_per_second", at.machine.flops},
                   {"memory", std::move(levels)},
                   {"nodes_us", at.nodes_seconds * 1e6},
                   {"whole", limit_json(at.whole)},
                   {"nodes", std::move(nodes)},
                   {"plan", at.plan ? plan_json(at) : Json(nullptr)}});
  }
  return all;
}

}  // namespace cycloid
