// `cycloid worker BACKEND` (hidden): serves one backend to a driver, by the protocol of backends/README.md.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "backends/list.h"
#include "backends/worker.h"
#include "cli/commands.h"

namespace cycloid {
namespace {

// Replaces this process by the program; returns only where that fails.
int become(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  return report_error("cannot run '" + command[0] + "': " + std::strerror(errno));
}

int serve(const std::string& name) {
  Result<const Backend*> backend = find_backend(name);
  if (!backend) return report_error(backend.error());
  Result<std::vector<std::string>> command = (*backend)->worker_command();
  if (!command) return report_error(command.error());
  if (!command->empty()) return become(*command);
  const int code = serve_worker(**backend);
  // Frameworks' exit handlers and threads have nothing left to do, and some take long or crash in them.
  ::_exit(code);
}

}  // namespace

void add_worker_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("worker", "Serves one backend to a driver (backends/README.md)");
  command->group("");  // hidden: a driver's, not a person's
  auto name = std::make_shared<std::string>();
  command->add_option("BACKEND", *name, "Its name, as `cycloid backends` lists it")->required();
  command->callback([name, &exit_code] { exit_code = serve(*name); });
}

}  // namespace cycloid
