// Where things are. No path is compiled in: everything is found from the running program or from the environment.
#pragma once

#include <string>
#include <vector>

#include "cycloid/result.h"

namespace cycloid {

// The running program, and its folder.
std::string program_path();
std::string program_folder();

// The Python interpreter: $CYCLOID_PYTHON, $VIRTUAL_ENV/bin/python, .venv/bin/python beside the folder of the program,
// or python3 on PATH.
Result<std::string> find_python();

// A command line that runs `python ARGUMENTS...` with Cycloid's Python package importable. The package is python/
// beside the folder of the program (a build folder in a source tree), or ../share/cycloid/python (an installation).
Result<std::vector<std::string>> python_command(const std::vector<std::string>& arguments);

// The folder of the installed Python package `name`, found without importing it; kUnavailable where there is none.
Result<std::string> find_python_module(const std::string& name);

// A shared library of this project ("libcycloid_backend_openvino.so"): beside the program, or in ../lib/cycloid.
Result<std::string> find_plugin(const std::string& file_name);

}  // namespace cycloid
