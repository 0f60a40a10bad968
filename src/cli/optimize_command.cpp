// `cycloid optimize`: writes a model that computes the same with less work, and says what was changed.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backends/list.h"
#include "backends/onnxruntime/partition.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "cli/backend_run.h"
#include "cli/commands.h"
#include "cli/explanation.h"
#include "cli/input_spec.h"
#include "cli/number_range.h"
#include "cli/optimize_measure.h"
#include "cli/optimize_page.h"
#include "cli/optimize_ship.h"
#include "cycloid/optimize.h"
#include "graph/graph.h"
#include "ops/datum.h"
#include "tensor/npz.h"

namespace cycloid {
namespace {

struct OptimizeArguments {
  std::string model;
  std::string output;
  bool explain = false;
  std::string ledger;
  std::string html;
  std::string picture;
  std::vector<std::string> samples;
  std::vector<std::string> shapes;
  std::vector<std::string> disable;
  std::vector<std::string> only;
  std::int64_t opset = 0;
  bool no_verify = false;
  bool assume_finite = false;
  std::size_t fold_limit = 16;  // MiB
  std::vector<std::string> measure;
  int threads = 1;
  double measure_seconds = 10;
  std::uint64_t seed = 0;
  double verify_seconds = 30;
  std::string ort_partition;
  int ort_streams = 2;
};

Result<std::vector<AnyValue>> read_sample(const Model& model, const std::string& path) {
  CYCLOID_ASSIGN(const auto arrays, read_npz(path));
  std::vector<AnyValue> sample;
  for (const ValueInfo& input : model.inputs()) {
    const auto found = arrays.find(input.name);
    if (found == arrays.end())
      return invalid_argument("{}: it has no array '{}', which the model takes", path, input.name);
    if (found->second.dtype() != input.dtype) {
      return invalid_argument("{}: '{}' is {} where the model takes {}", path, input.name,
                              to_string(found->second.dtype()), input.type);
    }
    sample.emplace_back(Datum(found->second));
  }
  for (const auto& [name, tensor] : arrays) {
    const bool known = std::ranges::any_of(model.inputs(), [&](const ValueInfo& input) { return input.name == name; });
    if (!known) return invalid_argument("{}: the model has no input '{}'", path, name);
  }
  return sample;
}

Result<OptimizationOptions> read_options(const OptimizeArguments& arguments, const Model& model) {
  OptimizationOptions options;
  options.disable = arguments.disable;
  options.only = arguments.only;
  options.verify = !arguments.no_verify;
  options.assume_finite = arguments.assume_finite;
  options.fold_limit = arguments.fold_limit << 20U;
  options.seed = arguments.seed;
  options.verify_seconds = arguments.verify_seconds;
  for (const std::string& text : arguments.shapes) {
    CYCLOID_ASSIGN(InputSpec spec, parse_input_spec(text, "--shape"));
    if (spec.dtype) return invalid_argument("--shape {}: expected NAME=SHAPE, such as x=1x3x224x224", text);
    if (!options.shapes.emplace(spec.name, spec.dims).second) {
      return invalid_argument("--shape: '{}' is given twice", spec.name);
    }
  }
  for (const std::string& path : arguments.samples) {
    auto sample = read_sample(model, path);
    if (!sample) return sample.error().in("--samples");
    options.samples.push_back(*std::move(sample));
  }
  return options;
}

// Before minutes of work are spent for a file that cannot be written.
Status check_writable(const std::string& path, std::string_view option) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    return invalid_argument("{} {}: the folder {} does not exist", option, path, folder.string());
  }
  if (std::filesystem::is_directory(path, ignored)) return invalid_argument("{} {}: it is a folder", option, path);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    return make_error(ErrorCode::kFailed, "{} {}: the folder {} cannot be written to ({})", option, path,
                      folder.string(), std::strerror(errno));
  }
  return {};
}

struct NamedPath {
  std::string_view option;
  std::string path;
};

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  if (std::filesystem::equivalent(a, b, ignored)) return true;
  const auto whole = [&](const std::string& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, ignored), ignored);
  };
  return whole(a) == whole(b);
}

// The file as it is, whole or not at all.
Status copy_file(const std::string& from, const std::string& to) {
  CYCLOID_ASSIGN(const std::string bytes, read_file(from));
  return write_file_atomically(to, bytes);
}

Status check_backends(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    auto backend = find_backend(name);
    if (!backend) return backend.error().in("--measure");
    const Probe probe = (*backend)->probe();
    if (!probe.available) return make_error(ErrorCode::kUnavailable, "--measure {}: {}", name, probe.reason);
    const auto forms = (*backend)->forms();
    if (std::ranges::find(forms, Form::kOnnx) == forms.end()) {
      return invalid_argument("--measure {}: it runs no .onnx files", name);
    }
  }
  return {};
}

// Only the model may be written over, and only by its successor.
Status check_paths(const OptimizeArguments& arguments) {
  std::vector<NamedPath> written;
  for (const NamedPath& one :
       {NamedPath{"-o", arguments.output}, NamedPath{"--ledger", arguments.ledger}, NamedPath{"--html", arguments.html},
        NamedPath{"--picture", arguments.picture}, NamedPath{"--ort-partition", arguments.ort_partition}}) {
    if (one.path.empty()) continue;
    CYCLOID_TRY(check_writable(one.path, one.option));
    if (one.option != "-o" && same_file(one.path, arguments.model)) {
      return invalid_argument("{} {}: that is the model to read", one.option, one.path);
    }
    for (const NamedPath& other : written) {
      if (same_file(one.path, other.path)) {
        return invalid_argument("{} {}: the same file as {}", one.option, one.path, other.option);
      }
    }
    for (const std::string& sample : arguments.samples) {
      if (same_file(one.path, sample)) return invalid_argument("{} {}: it is one of --samples", one.option, one.path);
    }
    written.push_back(one);
  }
  if (arguments.opset != 0 && (arguments.opset < 7 || arguments.opset > 28)) {
    return invalid_argument("--opset {}: it can be 7 to 28", arguments.opset);
  }
  return {};
}

std::size_t constant_bytes(const Graph& graph) {
  std::size_t bytes = 0;
  for (const ValueId id : graph.values()) {
    if (const Tensor* tensor = graph.constant(id)) bytes += tensor->byte_count();
  }
  return bytes;
}

// ONNX Runtime, where it is there, as a second opinion. It reads a file: a huge one would be written for each look.
void compare_in_onnxruntime(const Model& model, OptimizationOptions& options) {
  constexpr std::size_t kHuge = std::size_t{1} << 30;
  if (constant_bytes(model.ir()->graph) > kHuge) return;
  const auto backend = find_backend("onnxruntime");
  if (!backend || !(*backend)->probe().available) return;
  options.other_runtime_name = "ONNX Runtime";
  // Inputs of several sizes come, so it may not take those of the first for all.
  options.other_runtime = [backend = *backend](const Model& candidate) {
    return load_in_backend(*backend, candidate, {{"static_shapes", "false"}});
  };
}

// With what was measured, which the library does not do.
std::string ledger(const ShippedOptimization& shipped) {
  std::string text = shipped.optimization.to_json();
  if (shipped.measured.empty()) return text;
  auto json = nlohmann::ordered_json::parse(text);
  for (const MeasuredText& one : shipped.measured) {
    const auto number = [&](std::optional<double> value) { return value ? nlohmann::ordered_json(*value) : nullptr; };
    const std::optional<Ratio>& speedup = one.speedup;
    json["measured"].push_back({{"backend", one.backend},
                                {"speedup", number(speedup ? std::optional(speedup->ratio) : std::nullopt)},
                                {"low", number(speedup ? speedup->low : std::nullopt)},
                                {"high", number(speedup ? speedup->high : std::nullopt)},
                                {"detail", one.detail}});
  }
  return json.dump(2) + "\n";
}

Status write_all(const OptimizeArguments& arguments, const Model& model, const ShippedOptimization& shipped) {
  const Optimization& optimization = shipped.optimization;
  if (shipped.original) {
    CYCLOID_TRY(copy_file(arguments.model, arguments.output));
    // Its external data is found from its own folder alone: from another one, the model is written anew.
    if (!Model::load(arguments.output)) CYCLOID_TRY(save_model(model, arguments.output));
  } else {
    CYCLOID_TRY(save_model(optimization.model, arguments.output, {.opset = arguments.opset}));
  }
  if (!arguments.ledger.empty()) CYCLOID_TRY(write_file_atomically(arguments.ledger, ledger(shipped)));
  if (!arguments.html.empty()) {
    const std::string name = std::filesystem::path(arguments.model).filename().string();
    CYCLOID_TRY(write_file_atomically(arguments.html, optimize_page(name, model, optimization, shipped.measured)));
  }
  if (!arguments.picture.empty()) {
    CYCLOID_TRY(write_file_atomically(arguments.picture, optimize_picture(model, optimization)));
  }
  return {};
}

// Of the model that was written, as it was written.
Status write_partition(const OptimizeArguments& arguments) {
  CYCLOID_ASSIGN(const ort::NodePartition partition, ort::partition_nodes(arguments.output, arguments.ort_streams));
  CYCLOID_TRY(write_file_atomically(arguments.ort_partition, partition.json));
  fmt::print("{}: {} nodes in {} stream{}{}\n", arguments.ort_partition, partition.nodes, partition.streams,
             partition.streams == 1 ? "" : "s", partition.streams == 1 ? ", as there are no independent branches" : "");
  return {};
}

Status run(const OptimizeArguments& arguments) {
  CYCLOID_TRY(check_paths(arguments));
  CYCLOID_TRY(check_backends(arguments.measure));
  CYCLOID_ASSIGN(const Model model, Model::load(arguments.model));
  CYCLOID_ASSIGN(OptimizationOptions options, read_options(arguments, model));
  if (options.verify) compare_in_onnxruntime(model, options);
  CYCLOID_ASSIGN(Optimization optimization, optimize(model, options));
  ShippedOptimization shipped{.optimization = std::move(optimization), .measured = {}, .original = false};
  if (!arguments.measure.empty()) {
    ShipOptions ship{.backends = arguments.measure,
                     .gains = {},
                     .opset = arguments.opset,
                     .original_path = arguments.model,
                     .keeps_file = arguments.opset == 0 && arguments.shapes.empty()};
    ship.gains.threads = arguments.threads;
    ship.gains.seconds = arguments.measure_seconds;
    ship.gains.seed = arguments.seed;
    CYCLOID_ASSIGN(shipped, ship_no_slower(model, options, std::move(shipped.optimization), ship));
  }
  CYCLOID_TRY(write_all(arguments, model, shipped));
  fmt::print("{}: {}", arguments.output, optimization_summary(shipped.optimization));
  for (const MeasuredText& one : shipped.measured) {
    fmt::print("{}: {} ({})\n", one.backend, one.text, one.detail);
  }
  if (arguments.explain) std::fputs(explanation(shipped.optimization).c_str(), stdout);
  for (const std::string& note : shipped.optimization.notes) fmt::print("note: {}\n", note);
  if (!arguments.ort_partition.empty()) return write_partition(arguments);
  return {};
}

}  // namespace

void add_optimize_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("optimize", "Writes an .onnx file that computes the same with less work");
  auto arguments = std::make_shared<OptimizeArguments>();
  command->add_option("MODEL", arguments->model, "An .onnx file")->required()->type_name("");
  command->add_option("-o,--output", arguments->output, "The .onnx file to write; it may be MODEL itself")
      ->required()
      ->type_name("FILE");
  command->add_flag("--explain", arguments->explain, "Say what was changed, where, why it is right, what it saves");
  command->add_option("--ledger", arguments->ledger, "Write every change into this file, as JSON")->type_name("FILE");
  command->add_option("--html", arguments->html, "Write a page that shows the graph before and after, and every change")
      ->type_name("FILE");
  command->add_option("--picture", arguments->picture, "Write both graphs as an SVG picture: for small models")
      ->type_name("FILE");
  command
      ->add_option("--samples", arguments->samples,
                   "An .npz file with an array for each input, to compare on; may be repeated")
      ->type_name("FILE");
  command
      ->add_option("--shape", arguments->shapes,
                   "Fix an input's shape, as in x=1x3x224x224; may be repeated. Sizes stay open otherwise")
      ->type_name("NAME=SHAPE");
  command
      ->add_option("--disable", arguments->disable, "Leave these rules out (a,b; may be repeated; see `cycloid rules`)")
      ->delimiter(',')
      ->type_name("RULE");
  command->add_option("--only", arguments->only, "Apply these rules alone (a,b; may be repeated)")
      ->delimiter(',')
      ->type_name("RULE");
  command
      ->add_option("--opset", arguments->opset,
                   "The operator set to write, 7 to 28; else the model's own where possible")
      ->type_name("N");
  command
      ->add_option("--measure", arguments->measure,
                   "Time before and after in these backends (onnxruntime, openvino, cycloid), and write nothing slower")
      ->delimiter(',')
      ->type_name("BACKEND");
  command->add_option("--threads", arguments->threads, "Threads to measure with")
      ->check(number_from(1, 1024))
      ->capture_default_str();
  command->add_option("--measure-seconds", arguments->measure_seconds, "About how long to time each model")
      ->check(number_from(0.01, 1e5))
      ->capture_default_str();
  command->add_flag("--assume-finite", arguments->assume_finite,
                    "No value is infinite or NaN: allows changes that would lose one, such as (a b) c => a (b c)");
  command
      ->add_option("--fold-limit", arguments->fold_limit,
                   "MiB by which folding one node may make the file larger; runs compute it otherwise")
      ->check(number_from(0, 2048))
      ->capture_default_str();
  command
      ->add_option("--ort-partition", arguments->ort_partition,
                   "Write ONNX Runtime's node partition file for the result: independent branches in streams of their "
                   "own (session.node_partition_config_file, with parallel execution)")
      ->type_name("FILE");
  command->add_option("--ort-streams", arguments->ort_streams, "Streams of that file, at most")
      ->check(number_from(1, 1024))
      ->capture_default_str();
  command->add_flag("--no-verify", arguments->no_verify, "Do not compare the result with the original");
  command->add_option("--seed", arguments->seed, "Of the random inputs to compare on")
      ->check(number_from(0, 0x1p53))
      ->capture_default_str();
  command->add_option("--verify-seconds", arguments->verify_seconds, "About how long comparing may take")
      ->check(number_from(0, 1e6))
      ->capture_default_str();
  // One value each time, so that MODEL may also come last.
  for (CLI::Option* option : command->get_options()) option->allow_extra_args(false);
  command->footer(
      "\nExamples:\n  cycloid optimize model.onnx -o faster.onnx --explain\n"
      "  cycloid optimize model.onnx -o faster.onnx --ledger changes.json --html changes.html\n"
      "  cycloid optimize model.onnx -o faster.onnx --measure onnxruntime,cycloid\n"
      "  cycloid optimize model.onnx -o faster.onnx --shape x=1x3x224x224 --samples inputs.npz");
  command->callback([arguments, &exit_code] {
    const Status status = run(*arguments);
    if (!status) exit_code = report_error(status.error());
  });
}

}  // namespace cycloid
