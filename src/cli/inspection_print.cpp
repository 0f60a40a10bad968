#include "cli/inspection_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/text_table.h"
#include "cli/units.h"

namespace cycloid {
namespace {

using Json = nlohmann::ordered_json;
using Row = TextRow;

std::string amount(const std::optional<Dim>& dim, const char* unit = "") {
  if (!dim) return "unknown";
  if (!dim->is_known()) return cut_text(dim->to_string());
  return with_unit(static_cast<double>(dim->value()), unit);
}

std::string intensity(const KnownCost& cost) {
  const auto value = cost.intensity();
  return value ? with_unit(*value) : "-";
}

std::string share(const std::optional<Dim>& part, const std::optional<Dim>& whole) {
  if (!part || !whole || !part->is_known() || !whole->is_known() || whole->is(0)) return "-";
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part->value()) / static_cast<double>(whole->value()));
}

std::string opset_text(const InspectedFile& file) {
  std::string text;
  for (const auto& [domain, version] : file.opsets) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", domain.empty() ? "ai.onnx" : printable(domain), version);
  }
  return text;
}

std::map<std::string, std::size_t> in_normal_form(const Inspection& inspection) {
  std::map<std::string, std::size_t> counts;
  for (const auto& [name, op] : inspection.operators) counts[name] = op.nodes;
  return counts;
}

// "Conv 26, Relu 26, Concat 8", the most frequent first.
std::string operator_list(const std::map<std::string, std::size_t>& counts) {
  std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [name, count] : sorted)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", printable(name), count);
  return text;
}

void add_values(std::vector<Row>& rows, const char* label, const std::vector<InspectedValue>& values) {
  for (const InspectedValue& value : values) {
    rows.push_back({&value == values.data() ? label : "", printable(value.name) + "  " + printable(value.type)});
  }
}

std::string head(const InspectedFile& file, const Inspection& inspection) {
  std::vector<Row> rows;
  rows.push_back(
      {"file", fmt::format("{}  ({})", printable(file.path), with_unit(static_cast<double>(file.bytes), "B"))});
  rows.push_back({"producer", file.producer.empty() ? "not said" : printable(file.producer)});
  rows.push_back({"opset", fmt::format("{}  (IR version {})", opset_text(file), file.ir_version)});
  add_values(rows, "inputs", inspection.inputs);
  add_values(rows, "outputs", inspection.outputs);
  rows.push_back({"parameters", fmt::format("{}  ({})", with_unit(static_cast<double>(inspection.parameters)),
                                            with_unit(static_cast<double>(inspection.parameter_bytes), "B"))});
  rows.push_back({"nodes", std::to_string(inspection.nodes_total)});
  if (file.operators != in_normal_form(inspection)) rows.push_back({"in the file", operator_list(file.operators)});
  const KnownCost& total = inspection.total;
  std::string cost = fmt::format("{}, {} moved", amount(total.flops, "FLOP"), amount(total.bytes, "B"));
  if (total.intensity()) cost += fmt::format(", {} FLOP/byte", intensity(total));
  if (inspection.nodes_unknown > 0) {
    cost += fmt::format("; without {} node{} of unknown cost", inspection.nodes_unknown,
                        inspection.nodes_unknown == 1 ? "" : "s");
  }
  rows.push_back({"one run", cost});
  return text_table(rows, 2);
}

std::string operator_table(const Inspection& inspection) {
  std::vector<std::pair<std::string, InspectedOperator>> sorted(inspection.operators.begin(),
                                                                inspection.operators.end());
  const auto weight = [](const InspectedOperator& op) {
    return op.cost.flops && op.cost.flops->is_known() ? op.cost.flops->value() : -1;
  };
  std::stable_sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) {
    if (weight(a.second) != weight(b.second)) return weight(a.second) > weight(b.second);
    return a.second.nodes > b.second.nodes;
  });
  std::vector<Row> rows = {{"operator", "nodes", "FLOP", "share", "bytes", "share", "FLOP/byte"}};
  for (const auto& [name, op] : sorted) {
    rows.push_back({printable(name), std::to_string(op.nodes), amount(op.cost.flops),
                    share(op.cost.flops, inspection.total.flops), amount(op.cost.bytes),
                    share(op.cost.bytes, inspection.total.bytes), intensity(op.cost)});
  }
  return text_table(rows, 1);
}

std::string node_table(const Inspection& inspection) {
  std::vector<Row> rows = {{"node", "operator", "output", "FLOP", "bytes", "FLOP/byte"}};
  for (const InspectedNode& node : inspection.nodes) {
    const std::string indent(2 * static_cast<std::size_t>(node.depth), ' ');
    rows.push_back({indent + cut_text(printable(node.name)), printable(node.operator_name),
                    cut_text(printable(node.output)), amount(node.cost.flops), amount(node.cost.bytes),
                    intensity(node.cost)});
  }
  const KnownCost& total = inspection.total;
  rows.push_back({"total", "", "", amount(total.flops), amount(total.bytes), intensity(total)});
  return text_table(rows, 3);
}

std::string hint(const Inspection& inspection) {
  if (inspection.symbols.empty()) return "";
  std::string symbols;
  for (const std::string& symbol : inspection.symbols) symbols += (symbols.empty() ? "" : ", ") + printable(symbol);
  return fmt::format("\nSizes depend on {}; --input NAME=1x3x224x224 fixes an input's shape.\n", symbols);
}

Json amount_json(const std::optional<Dim>& dim) {
  if (!dim) return nullptr;
  if (!dim->is_known()) return dim->to_string();
  return dim->value();
}

void put_cost(Json& json, const KnownCost& cost) {
  json["flops"] = amount_json(cost.flops);
  json["bytes"] = amount_json(cost.bytes);
  const auto value = cost.intensity();
  json["flops_per_byte"] = value ? Json(*value) : Json(nullptr);
}

Json values_json(const std::vector<InspectedValue>& values) {
  Json json = Json::array();
  for (const InspectedValue& value : values) json.push_back({{"name", value.name}, {"type", value.type}});
  return json;
}

}  // namespace

std::string inspection_text(const InspectedFile& file, const Inspection& inspection, bool summary) {
  std::string text = head(file, inspection) + "\n" + operator_table(inspection);
  if (!summary) text += "\n" + node_table(inspection);
  return text + hint(inspection);
}

std::string inspection_json(const InspectedFile& file, const Inspection& inspection,
                            const std::vector<InspectedRoofline>& rooflines) {
  Json json;
  json["schema"] = "cycloid.inspect/1";
  json["file"] = {{"path", file.path}, {"bytes", file.bytes}};
  json["producer"] = file.producer;
  json["ir_version"] = file.ir_version;
  json["opsets"] = Json::object();
  for (const auto& [domain, version] : file.opsets) json["opsets"][domain.empty() ? "ai.onnx" : domain] = version;
  json["file_operators"] = file.operators;
  json["problem"] = file.problem.empty() ? Json(nullptr) : Json(file.problem);
  json["inputs"] = values_json(inspection.inputs);
  json["outputs"] = values_json(inspection.outputs);
  json["parameters"] = {{"count", inspection.parameters}, {"bytes", inspection.parameter_bytes}};
  json["total"] = {{"nodes", inspection.nodes_total}, {"nodes_of_unknown_cost", inspection.nodes_unknown}};
  put_cost(json["total"], inspection.total);
  json["operators"] = Json::object();
  for (const auto& [name, op] : inspection.operators) {
    json["operators"][name] = {{"nodes", op.nodes}, {"nodes_of_unknown_cost", op.nodes_unknown}};
    put_cost(json["operators"][name], op.cost);
  }
  json["nodes"] = Json::array();
  for (const InspectedNode& node : inspection.nodes) {
    Json row = {{"name", node.name}, {"operator", node.operator_name}, {"output", node.output}, {"depth", node.depth}};
    put_cost(row, node.cost);
    json["nodes"].push_back(std::move(row));
  }
  if (!rooflines.empty()) json["roofline"] = roofline_json(rooflines);
  // Names come from the file and need not be UTF-8; JSON has to be.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cycloid
