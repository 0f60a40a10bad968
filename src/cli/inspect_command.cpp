// `cycloid inspect`: what a model is made of and what one run of it costs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/input_spec.h"
#include "cli/inspection.h"
#include "cli/inspection_print.h"
#include "cli/inspection_roofline.h"
#include "cli/thread_counts.h"
#include "onnx/import/import.h"
#include "onnx/reader.h"
#include "ops/op.h"

namespace cycloid {
namespace {

struct InspectArguments {
  std::string model;
  std::vector<std::string> inputs;
  bool json = false;
  bool summary = false;
  bool roofline = false;
  bool plan = false;
  std::string threads = "1,all";
  SessionOptions session;
};

InspectedFile facts_of(const std::string& path, const ModelIr& model) {
  InspectedFile file;
  file.path = path;
  std::error_code ignored;
  file.bytes = static_cast<std::int64_t>(std::filesystem::file_size(path, ignored));
  file.producer = model.producer_name;
  if (!model.producer_version.empty()) file.producer += " " + model.producer_version;
  file.ir_version = model.ir_version;
  file.opsets = model.opsets;
  file.operators = count_operators(model.graph);
  return file;
}

// Normal form and types, as far as they can be had. What this build cannot do (an operator it does not know) is told,
// and the rest of the model is still shown; a model that breaks ONNX's rules is an error.
Result<Inspection> inspect(ModelIr& model, const std::vector<InputSpec>& inputs, std::string& problem) {
  const auto broken = [](const Error& error) { return Error(ErrorCode::kInvalidModel, error.message()); };
  ModelIr original = model;
  if (const Status status = onnx::to_normal_form(model); !status) {
    if (status.error().code() != ErrorCode::kUnsupported) return broken(status.error());
    problem = status.error().message();
    model = std::move(original);
  }
  CYCLOID_TRY(fix_inputs(model.graph, inputs));
  if (const Status status = infer_types(model); !status) {
    if (status.error().code() != ErrorCode::kUnsupported) return broken(status.error());
    if (problem.empty()) problem = status.error().message();
  }
  return inspect(model.graph);
}

// The dims of the graph's inputs, where all are known.
Result<std::vector<std::vector<std::int64_t>>> input_dims(const Graph& graph) {
  std::vector<std::vector<std::int64_t>> all;
  for (const ValueId id : graph.inputs()) {
    const Value& input = graph.value(id);
    const std::optional<Dims> dims =
        input.type.is_tensor() && input.type.shape ? known_dims(*input.type.shape) : Dims{};
    if (!dims) {
      return invalid_argument(
          "--roofline and --plan need all sizes, but input '{}' is {}; --input {}=1x3x224x224 fixes them", input.name,
          to_string(input.type), input.name);
    }
    all.emplace_back(dims->begin(), dims->end());
  }
  return all;
}

Result<std::vector<InspectedRoofline>> rooflines_of(const InspectArguments& arguments, const Inspection& inspection,
                                                    const Graph& graph) {
  if (!arguments.roofline && !arguments.plan) return std::vector<InspectedRoofline>();
  RooflineRequest request{arguments.model, {}, arguments.plan, arguments.session};
  CYCLOID_ASSIGN(request.threads, parse_threads(arguments.threads));
  CYCLOID_ASSIGN(const auto dims, input_dims(graph));
  return inspect_roofline(inspection, dims, request);
}

Status run(const InspectArguments& arguments) {
  std::vector<InputSpec> inputs;
  for (const std::string& text : arguments.inputs) {
    CYCLOID_ASSIGN(InputSpec spec, parse_input_spec(text));
    inputs.push_back(std::move(spec));
  }
  if (!arguments.plan && (arguments.session.strict || arguments.session.tune))
    return invalid_argument("--{}: it is of --plan; add that", arguments.session.strict ? "strict" : "tune");
  if (!arguments.plan && !arguments.roofline && !arguments.session.isa.empty())
    return invalid_argument("--isa: it is of --roofline and --plan; add one of them");
  CYCLOID_ASSIGN(ModelIr model, onnx::read_model(arguments.model));
  InspectedFile file = facts_of(arguments.model, model);
  Result<Inspection> inspection = inspect(model, inputs, file.problem);
  if (!inspection) {
    if (inspection.error().code() == ErrorCode::kInvalidArgument) return inspection.error();
    return inspection.error().in(arguments.model);
  }
  CYCLOID_ASSIGN(const std::vector<InspectedRoofline> rooflines, rooflines_of(arguments, *inspection, model.graph));
  std::string text = arguments.json ? inspection_json(file, *inspection, rooflines)
                                    : inspection_text(file, *inspection, arguments.summary);
  if (!arguments.json && !rooflines.empty()) text += roofline_text(*inspection, rooflines, arguments.summary);
  std::fputs(text.c_str(), stdout);
  if (file.problem.empty()) return {};
  return Error(ErrorCode::kUnsupported, file.problem + "; from there on types and costs are unknown")
      .in(arguments.model);
}

}  // namespace

void add_inspect_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("inspect", "Shows a model's inputs, outputs, operators, parameters and costs");
  auto arguments = std::make_shared<InspectArguments>();
  command->add_option("MODEL", arguments->model, "An .onnx file")->required();
  command->add_option("--input", arguments->inputs,
                      "NAME=1x3x224x224, the shape of an input whose sizes are not fixed");
  command->add_flag("--json", arguments->json, "As JSON on standard output");
  command->add_flag("--summary", arguments->summary, "Without the line for each node");
  command->add_flag("--roofline", arguments->roofline,
                    "Measure this machine, and show what it could do for the model at best");
  command->add_flag("--plan", arguments->plan, "Show the engine's plan step by step, each with its roofline");
  command
      ->add_option("--threads", arguments->threads,
                   "Of --roofline and --plan: counts with commas between them; all: every processor that may be used")
      ->capture_default_str();
  command->add_option("--isa", arguments->session.isa,
                      "Of --roofline and --plan: scalar, avx2 or avx512 (default: the best)");
  command->add_flag("--strict", arguments->session.strict, "Of --plan: no Winograd");
  command->add_flag("--tune", arguments->session.tune, "Of --plan: kernels chosen by measurement");
  command->footer(R"(
FLOPs count a multiply-add as two; bytes are those of each node's inputs and outputs, read or written once. Costs are of
one run, nodes in the form to which the model was imported; what is not known is shown as unknown and left out of sums.

A roofline is max(FLOPs / peak, bytes / bandwidth): the peak of multiply-adds on registers alone, the bandwidth of the nearest
memory that holds the bytes, both measured now. "direct" counts a convolution's own arithmetic; "needs" and "least" that of
the algorithm which the plan uses, where Winograd's products are fewer.

Examples:
  cycloid inspect model.onnx
  cycloid inspect model.onnx --input data=8x3x224x224 --summary
  cycloid inspect model.onnx --json > model.json
  cycloid inspect model.onnx --plan --threads 1)");
  command->callback([arguments, &exit_code] {
    const Status status = run(*arguments);
    if (!status) exit_code = report_error(status.error());
  });
}

}  // namespace cycloid
