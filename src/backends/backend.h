// Backend: one framework that can run a model. All of them are listed in backends/list.h.
//
// A backend is used in a process of its own (backends/README.md), by one thread. Its tensors are plain memory; it
// copies inputs into the framework's own before any timing, so that the timed span is the framework's run call alone.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cycloid/result.h"
#include "tensor/tensor.h"

namespace cycloid {

// What a model can be handed to a backend as.
enum class Form {
  kOnnx,         // an .onnx file
  kTorchScript,  // a .pt file of torch.jit
  kPython,       // "package.module:callable" or "file.py:callable" that returns a torch.nn.Module
  kNone,         // the backend needs no model
};

// "onnx", "torchscript", "python", "none": the protocol's words.
std::string_view to_string(Form form);
Result<Form> parse_form(std::string_view text);

struct OptionInfo {
  std::string name;
  std::string default_value;
  std::string meaning;
  std::vector<std::string> choices;  // empty: any text
};

// Whether a backend can be used on this machine, and with which options; or why not.
struct Probe {
  bool available = false;
  std::string version;
  std::vector<OptionInfo> options;
  std::vector<std::pair<std::string, std::string>> facts;  // what else a user chooses by: {"providers", "CPU, CUDA"}
  std::string reason;                                      // where not available: one line, for a person
  std::string remedy;                                      // the command that would make it available; may be empty
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct LoadRequest {
  std::string model;  // a path or a callable, by `form`
  Form form = Form::kOnnx;
  // All inputs of the model. Their names are the model's, or, where the form has none of that name, taken by position.
  std::vector<NamedTensor> inputs;
  int threads = 1;                             // threads that compute, the calling one included; at least 1
  std::map<std::string, std::string> options;  // those that differ from the default
};

// A loaded model with its inputs. Used by one thread.
class BackendSession {
 public:
  virtual ~BackendSession() = default;

  // Replaces the inputs: names, dtypes and shapes as the model takes them. Copies into the framework's memory.
  virtual Status set_inputs(const std::vector<NamedTensor>& inputs) = 0;
  // The timed span: the framework's run call and nothing else. Needs inputs.
  virtual Status run() = 0;
  // Frees the result of the last run(), so that this is no part of the next one. Called before each timed span.
  virtual void discard_outputs() {}
  // What the last run() gave, in the model's order, copied. Needs a run().
  virtual Result<std::vector<NamedTensor>> outputs() = 0;
  // Every setting in force, defaults included, and facts of the load worth reporting.
  virtual std::map<std::string, std::string> settings() const = 0;
};

// Stateless and immutable; any thread may use it.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;
  // The forms it takes, the best one first.
  virtual std::vector<Form> forms() const = 0;
  virtual Probe probe() const = 0;
  // Loads and sets the inputs of the request. Never runs the model more than the framework itself needs.
  virtual Result<std::unique_ptr<BackendSession>> load(const LoadRequest& request) const = 0;
  // Where the worker is another program (Python), its command line; empty where `cycloid worker NAME` serves itself.
  // `cycloid worker NAME` runs the program in its own place either way, so a driver needs to know that one command
  // only.
  virtual Result<std::vector<std::string>> worker_command() const { return std::vector<std::string>(); }
};

}  // namespace cycloid
