// Forms: what each backend needs of a model (an ONNX file, a TorchScript file, a Python callable), made from what the
// user has.
//
// A PyTorch model is exported by `python -m cycloid.export` into a cache ($XDG_CACHE_HOME/cycloid, else
// ~/.cache/cycloid), whose key is the content: parameters, source files, versions, inputs. Each exported form is run
// beside eager on the given inputs and refused where it disagrees.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/worker_client.h"

namespace cycloid {

// The form that a MODEL argument is itself: "*.onnx", "*.pt" (.pth, .ts, .torchscript), or "module:callable". An error
// for anything else, and for a file that does not exist.
Result<Form> form_of_model(const std::string& model);

struct ModelForm {
  std::string model;   // a path or a callable; empty where there is none
  std::string how;     // "given", "torch.jit.script", "torch.onnx.export on torch.export, opset 20", ...
  std::string reason;  // why there is none; one line
};

// Every form of `wanted` that `model` can be had in, exported for these inputs. A form that cannot be made has a
// reason; an Error is a model that cannot be used at all (no such file, the callable raises, the inputs do not fit).
// Takes seconds to minutes the first time; a callable is called every time, because its content is the cache's key.
Result<std::map<Form, ModelForm>> prepare_forms(const std::string& model, const std::vector<WorkerInput>& inputs,
                                                const std::set<Form>& wanted);

struct ChosenForm {
  Form form = Form::kNone;
  std::string model;
  std::string how;
};
// The form of those prepared that `backend` takes, or why it takes none of them.
Result<ChosenForm> choose_form(const Backend& backend, const std::map<Form, ModelForm>& forms);

}  // namespace cycloid
