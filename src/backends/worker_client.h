// The driving side of the worker protocol (backends/README.md): starts a worker process, asks, and gives up on it.
//
// A worker that crashes, hangs or talks nonsense is an Error that says so, never a stall or a crash of the caller.
// After such an error the process is gone, and every later request gives the same error. After an error that the worker
// itself reported ("ok": false) it is still there.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cycloid/dtype.h"
#include "cycloid/result.h"
#include "tensor/tensor.h"

namespace cycloid {

struct WorkerInput {
  std::string name;
  DType dtype = DType::kUndefined;
  Dims dims;
  std::string path;  // a .npy file
};

struct WorkerLoadRequest {
  std::string model;  // a path or "package.module:callable"
  std::string form;   // "onnx", "torchscript", "python"; "none" where the backend needs no model
  std::vector<WorkerInput> inputs;
  int threads = 1;
  std::map<std::string, std::string> options;
};

struct WorkerLoadReply {
  std::string version;
  std::map<std::string, std::string> settings;  // in force, defaults included
  double load_ms = 0;
};

struct WorkerOutput {
  std::string name;
  Tensor tensor;
};

// What the operating system counted for the process since it started.
struct WorkerUsage {
  double peak_rss_mb = 0;
  std::int64_t minor_faults = 0;
  std::int64_t major_faults = 0;
  std::int64_t voluntary_switches = 0;
  std::int64_t involuntary_switches = 0;
};

// One participant as its driver sees it. Used by one thread. `limit` bounds the time a request may take.
class Worker {
 public:
  using Limit = std::chrono::duration<double>;

  virtual ~Worker() = default;
  virtual Result<WorkerLoadReply> load(const WorkerLoadRequest& request, Limit limit) = 0;
  // Exactly `loops` spans in nanoseconds, each that of one run call.
  virtual Result<std::vector<std::int64_t>> run(std::int64_t loops, Limit limit) = 0;
  // The outputs of the last run, in the model's order.
  virtual Result<std::vector<WorkerOutput>> outputs(Limit limit) = 0;
  virtual Result<WorkerUsage> usage(Limit limit) = 0;
  // Asks the worker to end; an Error when it does not end with 0 in time, and is killed.
  virtual Status quit(Limit limit) = 0;
};

struct WorkerCommand {
  std::vector<std::string> argv;                   // the program is looked up on PATH
  std::map<std::string, std::string> environment;  // added to this process's own
  // A descriptor that becomes readable when the caller wants to stop (a signalfd): requests then end with an error.
  // Not owned; -1 for none.
  int interrupt_fd = -1;
};

// Starts the process. It leads a process group of its own, which is killed with the object, and the worker dies with
// the thread that started it. An error where the program cannot be started.
Result<std::unique_ptr<Worker>> start_worker(const WorkerCommand& command);

}  // namespace cycloid
