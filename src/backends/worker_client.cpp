#include "backends/worker_client.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "backends/worker_process.h"
#include "base/error.h"
#include "base/temporary_folder.h"
#include "tensor/npy.h"

namespace cycloid {
namespace {

using nlohmann::json;

ErrorCode parse_code(std::string_view name) {
  for (const ErrorCode code : {ErrorCode::kInvalidArgument, ErrorCode::kNotFound, ErrorCode::kInvalidModel,
                               ErrorCode::kUnsupported, ErrorCode::kUnavailable, ErrorCode::kResourceExhausted}) {
    if (to_string(code) == name) return code;
  }
  return ErrorCode::kFailed;
}

std::string text_of(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::optional<double> number_of(const json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_number()) return std::nullopt;
  const double value = at->get<double>();
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

// A message goes into one line of a table.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text;
}

class ProcessWorker : public Worker {
 public:
  ProcessWorker(std::unique_ptr<WorkerProcess> process, TemporaryFolder folder)
      : process_(std::move(process)), folder_(std::move(folder)) {}

  Result<WorkerLoadReply> load(const WorkerLoadRequest& request, Limit limit) override {
    json inputs = json::array();
    for (const WorkerInput& input : request.inputs) {
      inputs.push_back(
          {{"name", input.name}, {"dtype", to_string(input.dtype)}, {"shape", input.dims}, {"path", input.path}});
    }
    CYCLOID_ASSIGN(const json reply, ask({{"op", "load"},
                                          {"model", request.model},
                                          {"form", request.form},
                                          {"inputs", std::move(inputs)},
                                          {"threads", request.threads},
                                          {"options", request.options}},
                                         "load", limit));
    WorkerLoadReply result;
    result.version = text_of(reply, "version");
    const auto load_ms = number_of(reply, "load_ms");
    if (!load_ms || *load_ms < 0) return nonsense("load");
    result.load_ms = *load_ms;
    if (const auto settings = reply.find("settings"); settings != reply.end() && settings->is_object()) {
      for (const auto& [name, value] : settings->items()) {
        result.settings[name] = value.is_string() ? value.get<std::string>() : value.dump();
      }
    }
    return result;
  }

  Result<std::vector<std::int64_t>> run(std::int64_t loops, Limit limit) override {
    CYCLOID_ASSIGN(const json reply, ask({{"op", "run"}, {"loops", loops}}, "run", limit));
    const auto samples = reply.find("samples_ns");
    if (samples == reply.end() || !samples->is_array() || samples->size() != static_cast<std::size_t>(loops))
      return nonsense("run");
    std::vector<std::int64_t> result;
    result.reserve(samples->size());
    for (const json& sample : *samples) {
      if (!sample.is_number_integer() || sample.get<std::int64_t>() < 0) return nonsense("run");
      result.push_back(sample.get<std::int64_t>());
    }
    return result;
  }

  Result<std::vector<WorkerOutput>> outputs(Limit limit) override {
    CYCLOID_ASSIGN(const json reply, ask({{"op", "outputs"}, {"directory", folder_.path()}}, "outputs", limit));
    const auto outputs = reply.find("outputs");
    if (outputs == reply.end() || !outputs->is_array()) return nonsense("outputs");
    std::vector<WorkerOutput> result;
    for (const json& output : *outputs) {
      if (!output.is_object()) return nonsense("outputs");
      const auto dtype = parse_dtype(text_of(output, "dtype"));
      if (!dtype) return nonsense("outputs");
      const std::string path = text_of(output, "path");
      auto tensor = read_npy(path, *dtype);
      // Files pile up otherwise: outputs are fetched in every round.
      std::error_code ignored;
      if (std::filesystem::path(path).parent_path() == folder_.path()) std::filesystem::remove(path, ignored);
      if (!tensor) return tensor.error().in("the worker's output '" + text_of(output, "name") + "'");
      result.push_back({text_of(output, "name"), *std::move(tensor)});
    }
    return result;
  }

  Result<WorkerUsage> usage(Limit limit) override {
    CYCLOID_ASSIGN(const json reply, ask({{"op", "status"}}, "status", limit));
    const auto count = [&](const char* key) { return static_cast<std::int64_t>(number_of(reply, key).value_or(0)); };
    const auto peak = number_of(reply, "peak_rss_mb");
    if (!peak) return nonsense("status");
    return WorkerUsage{*peak, count("minor_faults"), count("major_faults"), count("voluntary_switches"),
                       count("involuntary_switches")};
  }

  Status quit(Limit limit) override {
    if (dead_) return *dead_;
    dead_ = make_error(ErrorCode::kFailed, "the worker has been told to quit");
    return process_->finish(json{{"op", "quit"}}.dump(), limit);
  }

 private:
  // The reply object, which says "ok": true.
  Result<json> ask(const json& request, std::string_view what, Limit limit) {
    if (dead_) return *dead_;
    auto line = process_->ask(request.dump(-1, ' ', false, json::error_handler_t::replace), what, limit);
    if (!line) {
      dead_ = line.error();
      return *dead_;
    }
    json reply = json::parse(*line, nullptr, false);
    if (!reply.is_object()) return nonsense(what);
    const auto ok = reply.find("ok");
    if (ok == reply.end() || !ok->is_boolean()) return nonsense(what);
    if (!ok->get<bool>()) {
      const std::string message = text_of(reply, "message");
      return Error(parse_code(text_of(reply, "code")),
                   message.empty() ? "the worker failed and did not say why" : one_line(message));
    }
    return reply;
  }

  // What a worker that does not keep to the protocol says cannot be trusted further.
  Error nonsense(std::string_view what) {
    process_.reset();
    dead_ = make_error(ErrorCode::kFailed, "the worker's answer to '{}' does not keep to the protocol; it was killed",
                       what);
    return *dead_;
  }

  std::unique_ptr<WorkerProcess> process_;
  TemporaryFolder folder_;  // where it puts its outputs
  std::optional<Error> dead_;
};

}  // namespace

Result<std::unique_ptr<Worker>> start_worker(const WorkerCommand& command) {
  CYCLOID_ASSIGN(TemporaryFolder folder, TemporaryFolder::create());
  CYCLOID_ASSIGN(std::unique_ptr<WorkerProcess> process, WorkerProcess::start(command));
  return std::unique_ptr<Worker>(std::make_unique<ProcessWorker>(std::move(process), std::move(folder)));
}

}  // namespace cycloid
