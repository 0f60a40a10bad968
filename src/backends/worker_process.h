// A child process that talks in lines: the part of the worker client that deals with the operating system.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "backends/worker_client.h"
#include "cycloid/result.h"

namespace cycloid {

// Owns the process and kills its whole process group when destroyed. Used by one thread.
class WorkerProcess {
 public:
  static Result<std::unique_ptr<WorkerProcess>> start(const WorkerCommand& command);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // Sends a line (its newline is added) and gives the line that answers it. `what` names the request in errors. When it
  // fails the process is dead.
  Result<std::string> ask(std::string_view line, std::string_view what, Worker::Limit limit);

  // Sends a line and waits for the process to end by itself. An error (and a killed process) when it does not end with
  // 0.
  Status finish(std::string_view line, Worker::Limit limit);

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  WorkerProcess() = default;
  Status send(std::string_view line, std::string_view what, Deadline deadline, Worker::Limit limit);
  Result<std::string> receive(std::string_view what, Deadline deadline, Worker::Limit limit);
  // Waits until `fd` is ready for `events`; an error at the deadline or on an interrupt.
  Status wait(int fd, short events, std::string_view what, Deadline deadline, Worker::Limit limit);
  // Reaps the process, which has closed its end or is to be killed, and says how it ended.
  Error ended(std::string_view what);
  void kill_group();
  std::string last_words() const;  // of its standard error: ": " and one line, or nothing

  pid_t pid_ = -1;  // -1 once reaped
  int requests_ = -1;
  int replies_ = -1;
  int errors_ = -1;  // its standard error, a file in memory
  int interrupt_ = -1;
  std::string received_;
};

}  // namespace cycloid
