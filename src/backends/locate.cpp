#include "backends/locate.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "backends/subprocess.h"
#include "base/error.h"

namespace cycloid {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_executable(const fs::path& path) { return ::access(path.c_str(), X_OK) == 0 && !fs::is_directory(path); }

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

std::string program_path() {
  std::error_code failure;
  fs::path path = fs::read_symlink("/proc/self/exe", failure);
  return failure ? "" : path.string();
}

std::string program_folder() { return fs::path(program_path()).parent_path().string(); }

Result<std::string> find_python() {
  if (std::string named = environment("CYCLOID_PYTHON"); !named.empty()) {
    if (!is_executable(named)) {
      return make_error(ErrorCode::kUnavailable, "CYCLOID_PYTHON={} is no program; set it to a Python 3.11 or newer",
                        named);
    }
    return named;
  }
  if (std::string venv = environment("VIRTUAL_ENV"); !venv.empty() && is_executable(venv + "/bin/python")) {
    return venv + "/bin/python";
  }
  const fs::path beside = fs::path(program_folder()).parent_path() / ".venv/bin/python";
  if (is_executable(beside)) return beside.string();
  std::string path = environment("PATH");
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    const fs::path candidate = fs::path(path.substr(start, end - start)) / "python3";
    if (candidate.is_absolute() && is_executable(candidate)) return candidate.string();
    start = end + 1;
  }
  return make_error(ErrorCode::kUnavailable,
                    "no Python: neither CYCLOID_PYTHON, VIRTUAL_ENV nor PATH names one; install python3");
}

Result<std::vector<std::string>> python_command(const std::vector<std::string>& arguments) {
  CYCLOID_ASSIGN(const std::string python, find_python());
  const fs::path prefix = fs::path(program_folder()).parent_path();
  // A source tree, an installation, a wheel (where the program is cycloid/bin/cycloid of the package itself).
  for (const fs::path& folder : {prefix / "python", prefix / "share/cycloid/python", prefix.parent_path()}) {
    if (!is_there(folder / "cycloid/worker.py")) continue;
    const std::string inherited = environment("PYTHONPATH");
    // env(1) sets the variable for that program alone and is replaced by it.
    std::vector<std::string> command = {
        "env", "PYTHONPATH=" + folder.string() + (inherited.empty() ? "" : ":" + inherited), python};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }
  return make_error(ErrorCode::kUnavailable,
                    "Cycloid's Python package is neither in {} nor in {}; install Cycloid again",
                    (prefix / "python").string(), (prefix / "share/cycloid/python").string());
}

Result<std::string> find_python_module(const std::string& name) {
  CYCLOID_ASSIGN(const std::string python, find_python());
  // find_spec() of a top-level name reads folders only: the package itself is not imported.
  const std::string script =
      "import importlib.util, sys; s = importlib.util.find_spec(sys.argv[1]); "
      "print(s.submodule_search_locations[0] if s and s.submodule_search_locations else '', end='')";
  CYCLOID_ASSIGN(const ProgramOutput output, run_program({python, "-c", script, name}, std::chrono::seconds(60)));
  if (output.exit_code != 0 || output.out.empty()) {
    return make_error(ErrorCode::kUnavailable, "the Python at {} has no package '{}'", python, name);
  }
  return output.out;
}

Result<std::string> find_plugin(const std::string& file_name) {
  const fs::path folder = program_folder();
  for (const fs::path& candidate : {folder / file_name, folder.parent_path() / "lib/cycloid" / file_name}) {
    if (is_there(candidate)) return candidate.string();
  }
  return make_error(ErrorCode::kUnavailable, "{} is not beside the program in {}", file_name, folder.string());
}

}  // namespace cycloid
