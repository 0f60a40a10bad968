// Runs a program to its end and gives back what it printed. For short helpers (a probe, an export); workers have
// backends/worker_client.h.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cycloid/result.h"

namespace cycloid {

struct ProgramOutput {
  int exit_code = 0;  // 128 + signal where a signal ended it
  std::string out;    // standard output, whole
  std::string error;  // standard error, its last 16 KiB
};

// `command` is the program (found on PATH) and its arguments; standard input is empty. An error where it cannot be
// started or is still running after `limit` (it is then killed with its process group).
Result<ProgramOutput> run_program(const std::vector<std::string>& command, std::chrono::seconds limit);

}  // namespace cycloid
