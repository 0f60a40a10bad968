#include "backends/backend.h"

#include "base/error.h"

namespace cycloid {

std::string_view to_string(Form form) {
  switch (form) {
    case Form::kOnnx: return "onnx";
    case Form::kTorchScript: return "torchscript";
    case Form::kPython: return "python";
    case Form::kNone: return "none";
  }
  return "none";
}

Result<Form> parse_form(std::string_view text) {
  for (Form form : {Form::kOnnx, Form::kTorchScript, Form::kPython, Form::kNone}) {
    if (text == to_string(form)) return form;
  }
  return invalid_argument("'{}' is no form of a model; forms are onnx, torchscript, python and none", text);
}

}  // namespace cycloid
