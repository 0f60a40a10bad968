#include "backends/forms.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "backends/locate.h"
#include "backends/subprocess.h"
#include "base/error.h"

namespace cycloid {
namespace {

using Json = nlohmann::json;
using Forms = std::map<Form, ModelForm>;

// An export runs the user's code and two exporters: minutes for a large model.
constexpr std::chrono::seconds kExportLimit{1800};

bool ends_with_any(const std::string& text, std::initializer_list<std::string_view> suffixes) {
  return std::any_of(suffixes.begin(), suffixes.end(), [&](std::string_view s) { return text.ends_with(s); });
}

ErrorCode code_by_name(const std::string& name) {
  for (ErrorCode code : {ErrorCode::kInvalidArgument, ErrorCode::kNotFound, ErrorCode::kInvalidModel,
                         ErrorCode::kUnsupported, ErrorCode::kUnavailable, ErrorCode::kResourceExhausted}) {
    if (name == to_string(code)) return code;
  }
  return ErrorCode::kFailed;
}

// Why a model of the form `from` cannot be had as `to`; empty where an export can be tried.
std::string cannot_become(Form from, Form to) {
  if (from == Form::kOnnx) {
    return "an .onnx file is no PyTorch model; give package.module:callable, file.py:callable or a TorchScript .pt";
  }
  if (from == Form::kTorchScript && to == Form::kPython) {
    return "a .pt file holds TorchScript, and a loaded ScriptModule is not eager; give package.module:callable";
  }
  return "";
}

Json export_request(const std::string& model, Form form, const std::vector<WorkerInput>& inputs,
                    const std::vector<Form>& wanted) {
  Json request = {{"model", model}, {"form", to_string(form)}, {"inputs", Json::array()}, {"wanted", Json::array()}};
  for (const WorkerInput& input : inputs) {
    request["inputs"].push_back({{"name", input.name},
                                 {"dtype", to_string(input.dtype)},
                                 {"shape", std::vector<std::int64_t>(input.dims.begin(), input.dims.end())},
                                 {"path", input.path}});
  }
  for (Form f : wanted) request["wanted"].push_back(to_string(f));
  return request;
}

// Asks python/cycloid/export.py. The reply is one line of JSON.
Result<Json> run_export(const Json& request) {
  CYCLOID_ASSIGN(const std::vector<std::string> command,
                 python_command({"-m", "cycloid.export", request.dump(-1, ' ', true, Json::error_handler_t::replace)}));
  CYCLOID_ASSIGN(const ProgramOutput output, run_program(command, kExportLimit));
  Json reply = Json::parse(output.out, nullptr, /*allow_exceptions=*/false);
  if (!reply.is_object()) {
    std::string said = output.error.substr(0, output.error.find_last_not_of('\n') + 1);
    return make_error(ErrorCode::kFailed, "the export of {} ended with {}: {}", request["model"].get<std::string>(),
                      output.exit_code, said.substr(said.rfind('\n') + 1));
  }
  if (!reply.value("ok", false)) {
    return Error(code_by_name(reply.value("code", "")), reply.value("message", "the export failed"));
  }
  return reply;
}

Status add_exported(const std::string& model, Form given, const std::vector<WorkerInput>& inputs,
                    const std::vector<Form>& wanted, Forms& forms) {
  CYCLOID_ASSIGN(const Json reply, run_export(export_request(model, given, inputs, wanted)));
  const auto take = [&](Form form, const Json& made) {
    forms[form] = {made.value("model", ""), made.value("how", ""), made.value("reason", "")};
  };
  const Json& made = reply.at("forms");
  for (Form form : wanted) take(form, made.value(std::string(to_string(form)), Json::object()));
  // Only the call shows that a callable is no PyTorch model.
  if (const auto found = made.find(std::string(to_string(given))); found != made.end()) take(given, *found);
  return {};
}

}  // namespace

Result<Form> form_of_model(const std::string& model) {
  const bool is_onnx = model.ends_with(".onnx");
  if (is_onnx || ends_with_any(model, {".pt", ".pth", ".ts", ".torchscript"})) {
    std::error_code ignored;
    if (std::filesystem::is_directory(model, ignored)) {
      return invalid_argument("{} is a folder, where a model's file is expected", model);
    }
    if (!std::filesystem::is_regular_file(model, ignored)) return make_error(ErrorCode::kNotFound, "no file {}", model);
    return is_onnx ? Form::kOnnx : Form::kTorchScript;
  }
  const std::size_t colon = model.rfind(':');
  if (colon != std::string::npos && colon > 0 && colon + 1 < model.size()) return Form::kPython;
  return invalid_argument(
      "'{}' is no model: give an .onnx file, a TorchScript .pt file, package.module:callable or file.py:callable",
      model);
}

Result<Forms> prepare_forms(const std::string& model, const std::vector<WorkerInput>& inputs,
                            const std::set<Form>& wanted) {
  CYCLOID_ASSIGN(const Form given, form_of_model(model));
  Forms forms;
  std::vector<Form> to_export;
  for (Form form : wanted) {
    if (form == Form::kNone) continue;
    std::string reason = cannot_become(given, form);
    if (form == given) {
      forms[form] = {model, "given", ""};
    } else if (!reason.empty()) {
      forms[form] = {"", "", std::move(reason)};
    } else {
      to_export.push_back(form);
    }
  }
  // A callable is called here even where nothing is to be exported: one that raises is an error before any measurement.
  if (!to_export.empty() || given == Form::kPython) {
    try {
      CYCLOID_TRY(add_exported(model, given, inputs, to_export, forms));
    } catch (const Json::exception& e) {
      return make_error(ErrorCode::kFailed, "the reply of the export is not understood: {}", e.what());
    }
  }
  return forms;
}

Result<ChosenForm> choose_form(const Backend& backend, const Forms& forms) {
  std::string reasons;
  for (Form form : backend.forms()) {
    if (form == Form::kNone) return ChosenForm{Form::kNone, "", "none needed"};
    const auto found = forms.find(form);
    if (found == forms.end()) continue;
    if (!found->second.model.empty()) return ChosenForm{form, found->second.model, found->second.how};
    reasons += (reasons.empty() ? "" : "; ") + found->second.reason;
  }
  return unsupported("{}", reasons.empty() ? "no form of the model was made for it" : reasons);
}

}  // namespace cycloid
