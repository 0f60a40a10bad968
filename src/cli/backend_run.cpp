#include "cli/backend_run.h"

#include <memory>
#include <optional>

#include "base/error.h"
#include "base/temporary_folder.h"
#include "ops/datum.h"

namespace cycloid {
namespace {

class BackendRun {
 public:
  BackendRun(const Backend& backend, const Model& model, const std::map<std::string, std::string>& options,
             TemporaryFolder folder)
      : backend_(backend), model_(model), options_(options), folder_(std::move(folder)) {}

  std::string path() const { return folder_.path() + "/model.onnx"; }

  // The first inputs load it: backends take them with the model.
  Result<std::vector<AnyValue>> run(std::span<const AnyValue> inputs) {
    std::vector<NamedTensor> named;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Tensor* tensor = inputs[i].datum().tensor();
      if (tensor == nullptr) return unsupported("input '{}' is no tensor", model_.inputs()[i].name);
      // Frameworks divide by sizes: an empty tensor can end this process, in which they run here.
      if (tensor->element_count() == 0) return unsupported("input '{}' is empty", model_.inputs()[i].name);
      named.push_back({model_.inputs()[i].name, *tensor});
    }
    if (session_ == nullptr) {
      CYCLOID_ASSIGN(
          session_,
          backend_.load({.model = path(), .form = Form::kOnnx, .inputs = named, .threads = 1, .options = options_}));
    } else {
      session_->discard_outputs();
      CYCLOID_TRY(session_->set_inputs(named));
    }
    CYCLOID_TRY(session_->run());
    CYCLOID_ASSIGN(std::vector<NamedTensor> outputs, session_->outputs());
    std::vector<AnyValue> values;
    for (NamedTensor& output : outputs) values.emplace_back(Datum(std::move(output.tensor)));
    return values;
  }

 private:
  const Backend& backend_;
  Model model_;
  std::map<std::string, std::string> options_;
  TemporaryFolder folder_;
  std::unique_ptr<BackendSession> session_;
};

}  // namespace

Result<OptimizationOptions::Run> load_in_backend(const Backend& backend, const Model& model,
                                                 const std::map<std::string, std::string>& options) {
  CYCLOID_ASSIGN(TemporaryFolder folder, TemporaryFolder::create());
  const auto run = std::make_shared<BackendRun>(backend, model, options, std::move(folder));
  CYCLOID_TRY(save_model(model, run->path()));
  return OptimizationOptions::Run([run](std::span<const AnyValue> inputs) { return run->run(inputs); });
}

}  // namespace cycloid
