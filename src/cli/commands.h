// The subcommands of `cycloid`. Each stands in a file of its own, <name>_command.cpp, and adds itself to the app:
// options, help with examples, and a callback that does the work and leaves the exit code.
#pragma once

#include <string>
#include <string_view>

#include "cycloid/result.h"

namespace CLI {
class App;
}

namespace cycloid {

// Exit codes, as `cycloid --help` lists them.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // what was asked for could not be done
inline constexpr int kExitUsage = 2;    // the command line itself is wrong
inline constexpr int kExitGate = 3;     // bench ran, and a --fail-if expression holds

// Writes "cycloid: error: MESSAGE" to standard error, as one line whatever the message holds, and returns `exit_code`.
int report_error(std::string_view message, int exit_code = kExitFailure);

// The same for an Error: `kInvalidArgument` is a usage error, every other code a failure.
int report_error(const Error& error);

void add_backends_command(CLI::App& app, int& exit_code);
void add_inspect_command(CLI::App& app, int& exit_code);
void add_run_command(CLI::App& app, int& exit_code);
void add_bench_command(CLI::App& app, int& exit_code);
void add_optimize_command(CLI::App& app, int& exit_code);
void add_rules_command(CLI::App& app, int& exit_code);
void add_operators_command(CLI::App& app, int& exit_code);
void add_worker_command(CLI::App& app, int& exit_code);

// Parses the command line and runs the subcommand; returns the exit code of the process.
int run_cli(int argc, const char* const* argv);

}  // namespace cycloid
