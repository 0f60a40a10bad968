// A loaded ONNX Runtime session as a BackendSession.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/onnxruntime/ort_values.h"

namespace cycloid::ort {

struct Port {
  std::string name;
  bool is_tensor = true;
};

// What the model declares.
struct Signature {
  std::vector<ModelInput> inputs;
  std::vector<Port> outputs;
  std::vector<std::string> symbols;  // names of dynamic sizes of inputs, with repeats: those of `symbol_places`
  std::vector<std::pair<std::size_t, std::size_t>> symbol_places;  // (input, axis)
};
// Its inputs include the initializers that are among the `given`.
Result<Signature> read_signature(const Api& api, OrtAllocator* allocator, const OrtSession* session,
                                 const std::vector<NamedTensor>& given);

class Session final : public BackendSession {
 public:
  Session(const Library& library, Owned<OrtEnv> env, Owned<OrtSession> session, OrtAllocator* allocator,
          Signature signature, std::map<std::string, std::string> settings)
      : api_(library.api),
        env_(std::move(env)),
        session_(std::move(session)),
        allocator_(allocator),
        signature_(std::move(signature)),
        settings_(std::move(settings)) {}
  ~Session() override { release_outputs(); }

  Status prepare();  // once, before set_inputs
  Status set_inputs(const std::vector<NamedTensor>& inputs) override;
  Status run() override;
  void discard_outputs() override { release_outputs(); }
  Result<std::vector<NamedTensor>> outputs() override;
  std::map<std::string, std::string> settings() const override { return settings_; }

 private:
  Status bind_outputs();
  void release_outputs();

  const Api api_;
  const Owned<OrtEnv> env_;
  const Owned<OrtSession> session_;
  OrtAllocator* const allocator_;  // ONNX Runtime's own, never released
  const Signature signature_;
  const std::map<std::string, std::string> settings_;

  Owned<OrtRunOptions> run_options_;
  std::vector<Owned<OrtValue>> inputs_;
  // Where all outputs are tensors: a binding, whose outputs' memory is allocated by the first run and used again by the
  // next. It spares a run the look-up of names, which small models feel.
  Owned<OrtIoBinding> binding_;
  // Otherwise: what kRun takes.
  std::vector<const char*> input_names_, output_names_;
  std::vector<const OrtValue*> input_values_;
  std::vector<OrtValue*> output_values_;
};

}  // namespace cycloid::ort
