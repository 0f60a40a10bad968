// `cycloid operators`: what can be run: operators, their versions and element types, and how.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/operator_examples.h"
#include "onnx/export/schema.h"
#include "onnx/import/import.h"
#include "ops/op.h"

namespace cycloid {
namespace {

enum class Way { kKernels, kReference, kImport, kNone };

struct Row {
  std::string domain;  // "" is ai.onnx
  std::string name;
  std::vector<std::int64_t> versions;
  std::optional<std::int64_t> withdrawn;  // the operator set that has it no more
  std::size_t input = 0;                  // whose element types are listed; of the first output where there is no input
  bool tensor = true;                     // whether it is one
  DTypeSet dtypes;                        // of it
  Way way = Way::kNone;
  TriedTypes tried;  // which element types run in which way
  std::optional<OperatorExample> example;
};

std::string_view domain_name(const Row& row) { return row.domain.empty() ? "ai.onnx" : std::string_view(row.domain); }

DTypeSet dtypes_of(std::uint32_t bits) {
  DTypeSet set;
  for (int i = 1; i < kDTypeCount; ++i) {
    if ((bits >> i & 1U) != 0) set = set | DTypeSet{static_cast<DType>(i)};
  }
  return set;
}

// How it is run is tried on the operator's example.
void try_example(Row& row) {
  if (find_op(row.domain, row.name) == nullptr) {
    row.example.reset();
    row.way = onnx::import_converts(row.domain, row.name) ? Way::kImport : Way::kNone;
    return;
  }
  row.way = Way::kReference;
  if (!row.example) return;
  const bool listed = row.example->input.has_value() && row.tensor && !row.dtypes.empty();
  row.tried = try_types(*row.example, listed ? row.dtypes : kAllDTypes);
  if (!row.tried.kernels.empty()) row.way = Way::kKernels;
}

// The operators of the standard in all their versions, and those of the library that the standard does not have.
std::vector<Row> all_rows() {
  std::map<std::pair<std::string, std::string>, Row> rows;
  const auto row_of = [&](const std::string& domain, const std::string& name) -> Row& {
    const auto [at, added] = rows.try_emplace({domain, name});
    if (added) {
      at->second.domain = domain;
      at->second.name = name;
      at->second.example = operator_example(domain, name);
    }
    return at->second;
  };
  for (const onnx::OpSchema& schema : onnx::all_schemas()) {
    const std::size_t dot = schema.op.rfind('.');
    const std::string domain(dot == std::string_view::npos ? "" : schema.op.substr(0, dot));
    const std::string name(dot == std::string_view::npos ? schema.op : schema.op.substr(dot + 1));
    Row& row = row_of(domain, name);
    if (schema.withdrawn()) {
      row.withdrawn = schema.since;
      continue;
    }
    row.versions.push_back(schema.since);
    const auto& types = schema.inputs.size() != 0 ? schema.inputs : schema.outputs;  // those of the newest stay
    row.input = row.example && row.example->input ? *row.example->input : 0;
    const std::size_t at = std::min(row.input, types.size() - 1);  // the last repeats
    row.tensor = types.size() != 0 && types.begin()[at] != 0;
    row.dtypes = row.tensor ? dtypes_of(types.begin()[at]) : DTypeSet();
  }
  for (const Op* op : all_ops()) {
    Row& row = row_of(std::string(op->domain), std::string(op->name));
    if (row.versions.empty()) {
      row.versions.push_back(op->since);
      row.dtypes = op->dtypes;
    }
  }
  std::vector<Row> list;
  for (auto& [key, row] : rows) {
    std::ranges::sort(row.versions);
    // Versions that came after it was withdrawn are of an operator that was given back.
    if (row.withdrawn && row.versions.back() > *row.withdrawn) row.withdrawn.reset();
    try_example(row);
    list.push_back(std::move(row));
  }
  return list;
}

std::string_view way_name(Way way) {
  switch (way) {
    case Way::kKernels: return "kernels";
    case Way::kReference: return "reference";
    case Way::kImport: return "import";
    case Way::kNone: break;
  }
  return "no";
}

// "floats, integers, bool": groups of types by name, others one by one.
std::string dtypes_text(DTypeSet dtypes) {
  struct Group {
    std::string_view name;
    DTypeSet dtypes;
  };
  constexpr Group kGroups[] = {
      {"all", kAllDTypes},
      {"floats", kFloats},
      {"integers", kInts},
      {"signed integers", kSignedInts},
      {"float8", kFloat8s},
      {"complex", kComplexes},
      {"bool", kBools},
      {"string", kStrings},
      {"4-bit and 2-bit integers", {DType::kUInt4, DType::kInt4, DType::kUInt2, DType::kInt2}},
  };
  std::vector<std::string_view> names;
  DTypeSet left = dtypes;
  for (const auto& [name, group] : kGroups) {
    if (!((group - left).empty())) continue;
    names.push_back(name);
    left = left - group;
  }
  for (int i = 1; i < kDTypeCount; ++i) {
    if (left.contains(static_cast<DType>(i))) names.push_back(to_string(static_cast<DType>(i)));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string dtypes_text(const Row& row) {
  if (!row.tensor) return "not a tensor";
  return dtypes_text(row.dtypes) + (row.input == 0 ? "" : fmt::format(" (of input {})", row.input));
}

// "kernels: floats; reference: integers"; which types are meant is said where some run in either way.
std::string runs_text(const Row& row) {
  if (row.way != Way::kKernels) return std::string(way_name(row.way));
  if (row.tried.reference.empty()) return "kernels";
  return fmt::format("kernels: {}; reference: {}", dtypes_text(row.tried.kernels), dtypes_text(row.tried.reference));
}

nlohmann::ordered_json names_of(DTypeSet dtypes) {
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  for (int i = 1; i < kDTypeCount; ++i) {
    if (dtypes.contains(static_cast<DType>(i))) names.push_back(to_string(static_cast<DType>(i)));
  }
  return names;
}

std::string versions_text(const Row& row) {
  std::string text = fmt::format("{}", fmt::join(row.versions, ", "));
  if (row.withdrawn) text += fmt::format("; withdrawn in {}", *row.withdrawn);
  return text;
}

std::string operators_json(const std::vector<Row>& rows) {
  nlohmann::ordered_json json;
  json["schema"] = "cycloid.operators/1";
  json["newest_opset"] = kNewestOpset;
  json["operators"] = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    nlohmann::ordered_json item = {{"domain", domain_name(row)}, {"name", row.name}, {"versions", row.versions}};
    if (row.withdrawn) item["withdrawn"] = *row.withdrawn;
    item["dtypes"] = names_of(row.dtypes);
    if (row.input != 0) item["dtypes_of_input"] = row.input;
    item["runs"] = way_name(row.way);
    if (row.example) {
      item["kernel_dtypes"] = names_of(row.tried.kernels);
      item["example"] = row.example->text;
    }
    json["operators"].push_back(std::move(item));
  }
  return json.dump(2) + "\n";
}

std::string counts_text(const std::vector<Row>& rows) {
  std::map<Way, int> counts;
  for (const Row& row : rows) ++counts[row.way];
  return fmt::format(
      "{} operators: {} with kernels, {} by reference evaluation, {} replaced at import, {} not supported", rows.size(),
      counts[Way::kKernels], counts[Way::kReference], counts[Way::kImport], counts[Way::kNone]);
}

std::string operators_text(const std::vector<Row>& rows) {
  std::string text;
  std::string_view domain;
  for (const Row& row : rows) {
    if (domain_name(row) != domain) {
      domain = domain_name(row);
      text += fmt::format("{}{}\n", text.empty() ? "" : "\n", domain);
    }
    text += fmt::format("  {:36} {:28} {}\n      {}\n", row.name, versions_text(row), dtypes_text(row), runs_text(row));
  }
  return text + "\n" + counts_text(rows) + "\n";
}

std::string operators_markdown(const std::vector<Row>& rows) {
  std::string text = fmt::format(R"(# Operators

Written by `cycloid operators --markdown` from the lists in the code (`./dev docs`). {}.

- **versions**: the operator sets in which the operator changed; the library reads all of them, up to {} of ai.onnx.
- **element types**: of the first input unless another is named, or of the first output where there is no input. Groups: floats are bfloat16, float16, float32
  and float64; integers are int8 to int64 and uint8 to uint64.
- **runs**: *kernels*: vectorised code, or nothing in the run where a plan knows the result; *reference*: the operator's own evaluation, written for clarity.
  Which element types run in which way was found by planning a model of one node for each (`cycloid operators --json` shows it); shapes and attributes that a
  lowering declines run by the reference evaluation too: `session.plan()` and `cycloid inspect` say so for each node, and why. *import*: replaced by other
  operators, or a constant, when a model is read. *no*: a model with it is declined with a message that names the node.
)",
                                 counts_text(rows), kNewestOpset);
  std::string_view domain;
  for (const Row& row : rows) {
    if (domain_name(row) != domain) {
      domain = domain_name(row);
      text +=
          fmt::format("\n## {}\n\n| operator | versions | element types | runs |\n| --- | --- | --- | --- |\n", domain);
    }
    text += fmt::format("| {} | {} | {} | {} |\n", row.name, versions_text(row), dtypes_text(row), runs_text(row));
  }
  return text;
}

}  // namespace

void add_operators_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("operators", "Lists the operators: versions, element types, how each is run");
  struct Options {
    bool json = false, markdown = false;
  };
  auto options = std::make_shared<Options>();
  CLI::Option* json = command->add_flag("--json", options->json, "As JSON");
  command->add_flag("--markdown", options->markdown, "As the page docs/operators.md")->excludes(json);
  command->footer("\nExamples:\n  cycloid operators | grep Conv\n  cycloid operators --json");
  command->callback([options, &exit_code] {
    const std::vector<Row> rows = all_rows();
    const std::string text = options->json       ? operators_json(rows)
                             : options->markdown ? operators_markdown(rows)
                                                 : operators_text(rows);
    std::fputs(text.c_str(), stdout);
    exit_code = kExitOk;
  });
}

}  // namespace cycloid
