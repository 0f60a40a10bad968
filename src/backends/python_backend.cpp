#include "backends/python_backend.h"

#include <nlohmann/json.hpp>

#include "backends/locate.h"
#include "backends/subprocess.h"
#include "base/error.h"

namespace cycloid {
namespace {

Result<Probe> describe(const std::vector<std::string>& command) {
  CYCLOID_ASSIGN(const ProgramOutput output, run_program(command, std::chrono::seconds(60)));
  const nlohmann::json said = nlohmann::json::parse(output.out, nullptr, /*allow_exceptions=*/false);
  if (output.exit_code != 0 || !said.is_object()) {
    std::string error = output.error.substr(0, output.error.find_last_not_of('\n') + 1);
    return make_error(ErrorCode::kUnavailable, "the Python worker does not start: {}",
                      error.substr(error.rfind('\n') + 1));
  }
  Probe probe;
  probe.available = said.value("available", false);
  probe.version = said.value("version", "");
  probe.reason = said.value("reason", "");
  probe.remedy = said.value("remedy", "");
  for (const auto& option : said.value("options", nlohmann::json::array())) {
    probe.options.push_back({option.value("name", ""), option.value("default", ""), option.value("meaning", ""),
                             option.value("choices", std::vector<std::string>())});
  }
  return probe;
}

}  // namespace

Probe PythonBackend::probe() const {
  Result<std::vector<std::string>> command = python_command({"-m", "cycloid.worker", "--describe", name_});
  Result<Probe> probe = command ? describe(*command) : command.error();
  if (probe) return *probe;
  Probe unavailable;
  unavailable.reason = probe.error().message();
  return unavailable;
}

Result<std::unique_ptr<BackendSession>> PythonBackend::load(const LoadRequest&) const {
  return unsupported("backend '{}' runs in a Python worker: use `cycloid worker {}`", name_, name_);
}

Result<std::vector<std::string>> PythonBackend::worker_command() const {
  return python_command({"-m", "cycloid.worker", name_});
}

}  // namespace cycloid
