// `cycloid run`: runs a model once on given inputs and writes its outputs as .npy files.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "backends/file_names.h"
#include "backends/forms.h"
#include "backends/list.h"
#include "backends/locate.h"
#include "backends/options.h"
#include "backends/worker_client.h"
#include "base/error.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/input_spec.h"
#include "cli/number_range.h"
#include "tensor/npy.h"

namespace cycloid {
namespace {

struct RunArguments {
  std::string model;
  std::vector<std::string> input_data;
  std::string backend = "cycloid";
  int threads = 1;
  std::vector<std::string> options;
  std::string output_folder;
  bool strict = false;
  bool tune = false;
  double limit_s = 600;
  double timeout_s = 0;
  std::uint64_t max_memory = 0;
};

constexpr std::chrono::seconds kQuitLimit{10};

Result<std::vector<WorkerInput>> read_inputs(const std::vector<std::string>& arguments) {
  std::vector<WorkerInput> inputs;
  std::set<std::string> names;
  for (const std::string& argument : arguments) {
    CYCLOID_ASSIGN(const InputFile file, parse_input_file(argument));
    CYCLOID_ASSIGN(const Tensor tensor, read_npy(file.path).in("--input-data " + file.name));
    if (!names.insert(file.name).second) return invalid_argument("--input-data: '{}' is given twice", file.name);
    // The worker runs in the same folder, but an absolute path spares every reader the question.
    inputs.push_back({file.name, tensor.dtype(), tensor.dims(), std::filesystem::absolute(file.path).string()});
  }
  return inputs;
}

Result<std::map<std::string, std::string>> read_options(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> options;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0) {
      return invalid_argument("--option {}: expected NAME=VALUE; `cycloid backends` lists the names", argument);
    }
    options[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  return options;
}

// --timeout and --max-memory, which the engine enforces by itself, as options of its backend.
Status add_bounds(const RunArguments& arguments, std::map<std::string, std::string>& options) {
  if (arguments.timeout_s == 0 && arguments.max_memory == 0) return {};
  if (arguments.backend != "cycloid") {
    return invalid_argument("--timeout and --max-memory are bounds of the backend cycloid, not of {}; --limit ends any",
                            arguments.backend);
  }
  if (arguments.timeout_s > 0) options["timeout_ms"] = fmt::format("{:.0f}", std::ceil(arguments.timeout_s * 1000));
  if (arguments.max_memory > 0) options["max_memory"] = std::to_string(arguments.max_memory);
  return {};
}

Result<std::vector<WorkerOutput>> run_in_worker(const Backend& backend, const WorkerLoadRequest& request,
                                                Worker::Limit limit) {
  WorkerCommand command;
  command.argv = {program_path(), "worker", std::string(backend.name())};
  CYCLOID_ASSIGN(const std::unique_ptr<Worker> worker, start_worker(command));
  CYCLOID_TRY(worker->load(request, limit));
  CYCLOID_TRY(worker->run(1, limit));
  CYCLOID_ASSIGN(std::vector<WorkerOutput> outputs, worker->outputs(limit));
  CYCLOID_TRY(worker->quit(kQuitLimit));
  return outputs;
}

// Every file appears whole or not at all; the folder is made only now that there is something to put into it.
Status write_outputs(const std::vector<WorkerOutput>& outputs, const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return invalid_argument("--output-dir {}: {}", folder.string(), failure.message());
  std::set<std::string> taken;
  for (const WorkerOutput& output : outputs) {
    const std::string path = (folder / (unique_file_name(output.name, taken) + ".npy")).string();
    CYCLOID_TRY(write_npy(path, output.tensor));
    fmt::print("{} {}[{}] -> {}\n", output.name, to_string(output.tensor.dtype()), fmt::join(output.tensor.dims(), ","),
               path);
  }
  return {};
}

Status run(const RunArguments& arguments) {
  CYCLOID_ASSIGN(const Backend* backend, find_backend(arguments.backend));
  if (backend->forms() == std::vector<Form>{Form::kNone}) {
    return invalid_argument("backend '{}' runs no model", arguments.backend);
  }
  WorkerLoadRequest request;
  CYCLOID_ASSIGN(request.options, read_options(arguments.options));
  if ((arguments.strict || arguments.tune) && backend->name() != "cycloid") {
    return invalid_argument("--strict and --tune are the backend cycloid's, not {}'s", backend->name());
  }
  if (arguments.strict) request.options["strict"] = "true";
  if (arguments.tune) request.options["tune"] = "true";
  CYCLOID_TRY(add_bounds(arguments, request.options));
  if (!arguments.options.empty()) {
    if (const Probe probe = backend->probe(); probe.available)
      CYCLOID_TRY(Options::resolve(backend->name(), probe.options, request.options));
  }
  CYCLOID_ASSIGN(request.inputs, read_inputs(arguments.input_data));
  request.threads = arguments.threads;
  const std::vector<Form> takes = backend->forms();
  CYCLOID_ASSIGN(const auto forms,
                 prepare_forms(arguments.model, request.inputs, std::set<Form>(takes.begin(), takes.end())));
  Result<ChosenForm> chosen = choose_form(*backend, forms);
  if (!chosen) return chosen.error().in(fmt::format("{} cannot run {}", backend->name(), arguments.model));
  request.model = chosen->model;
  request.form = to_string(chosen->form);
  Result<std::vector<WorkerOutput>> outputs = run_in_worker(*backend, request, Worker::Limit(arguments.limit_s));
  if (!outputs) return outputs.error().in(backend->name());
  return write_outputs(*outputs, arguments.output_folder);
}

}  // namespace

void add_run_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("run", "Runs a model once and writes its outputs as .npy files");
  auto arguments = std::make_shared<RunArguments>();
  command->add_option("MODEL", arguments->model, "An .onnx file, a TorchScript .pt file, or module:callable")
      ->required();
  command->add_option("--input-data", arguments->input_data, "NAME=x.npy, once for each input");
  command->add_option("--backend", arguments->backend, "One that `cycloid backends` lists")->capture_default_str();
  command->add_option("--threads", arguments->threads, "Threads that compute")
      ->check(number_from(1, ThreadTeam::kMaxThreads))
      ->capture_default_str();
  command->add_option("--option", arguments->options, "NAME=VALUE, an option of the backend");
  command->add_flag("--strict", arguments->strict, "No Winograd: only sums with the error of a direct convolution");
  command->add_flag("--tune", arguments->tune,
                    "Choose kernels by measuring them; what was measured is kept for the next time");
  command->add_option("--limit", arguments->limit_s, "Seconds that loading, or the run, may take")
      ->check(number_from(0.001, 1e6))
      ->capture_default_str();
  command->add_option("--timeout", arguments->timeout_s, "Seconds after which the engine ends the run with an error")
      ->check(number_from(0.001, 1e6));
  command
      ->add_option("--max-memory", arguments->max_memory,
                   "Bytes that the run's tensors may take (64M, 2G, ...); more is an error")
      ->transform(CLI::AsSizeValue(false));
  command->add_option("--output-dir", arguments->output_folder, "Where NAME.npy is written for each output")
      ->required();
  command->footer(
      "\nExample:\n  cycloid run model.onnx --input-data x=x.npy --backend onnxruntime --output-dir outputs");
  command->callback([arguments, &exit_code] {
    const Status status = run(*arguments);
    if (!status) exit_code = report_error(status.error());
  });
}

}  // namespace cycloid
