#include "onnx/reader.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "base/error.h"
#include "base/mapped_file.h"
#include "onnx/read_graph.h"
#include "onnx/wire.h"

namespace cycloid::onnx {
namespace {

// What the file is, if not ONNX: people hand over what their tools saved.
std::string recognise(std::string_view bytes) {
  const auto starts = [&](std::string_view prefix) { return bytes.starts_with(prefix); };
  if (bytes.empty()) return "it is empty";
  if (starts("PK\x03\x04"))
    return "it is a zip archive: a PyTorch or TorchScript file (.pt) or a packed model; unpack it, or export to ONNX";
  if (starts("\x80\x02") || starts("\x80\x03") || starts("\x80\x04") || starts("\x80\x05")) {
    return "it is a Python pickle; export the model to ONNX (torch.onnx.export, skl2onnx, ...)";
  }
  if (starts("version https://git-lfs")) return "it is a git-lfs pointer; run 'git lfs pull' to get the model itself";
  if (starts("\x1f\x8b")) return "it is gzip-compressed; unpack it first";
  if (starts("\x89HDF")) return "it is an HDF5 file (Keras?); export the model to ONNX (tf2onnx)";
  if (bytes.size() > 8 && bytes.substr(4, 4) == "TFL3")
    return "it is a TensorFlow Lite model; export it to ONNX (tf2onnx)";
  if (bytes.size() > 8 && bytes.substr(4, 4) == "ORTM") {
    return "it is in ONNX Runtime's own format (.ort); take the .onnx file it was made from";
  }
  const std::size_t text = bytes.find_first_not_of(" \t\r\n");
  if (text != std::string_view::npos) {
    const std::string_view rest = bytes.substr(text, 16);
    if (rest.starts_with("<!") || rest.starts_with("<html") || rest.starts_with("<HTML")) {
      return "it is an HTML page; the download went to a web page instead of the file";
    }
    if (rest.starts_with("<?xml") || rest.starts_with("<net")) return "it is an XML file (OpenVINO?)";
    if (rest.starts_with("{")) return "it is a JSON file";
  }
  return "";
}

Error not_a_model(std::string_view bytes, std::string_view otherwise) {
  const std::string found = recognise(bytes);
  return invalid_model("this is not an ONNX model: {}", found.empty() ? otherwise : found);
}

class ModelReader {
 public:
  ModelReader(ReadContext context, OverridableInputs* overridable)
      : context_(std::move(context)), overridable_(overridable) {}

  Result<ModelIr> run(std::string_view bytes) {
    if (!recognise(bytes).empty()) return not_a_model(bytes, "");
    if (auto status = for_each_field(bytes, "ModelProto", [&](const Field& field) { return read(field); }); !status) {
      if (!has_graph_ && model_.opsets.empty()) return not_a_model(bytes, status.error().message());
      return status.error();
    }
    if (!has_graph_) return not_a_model(bytes, "it has no graph");
    CYCLOID_TRY(check_versions());
    return finish();
  }

 private:
  Status read(const Field& field) {
    std::string_view bytes;
    if (field.number() == 1) field.get(model_.ir_version);
    if (field.number() == 5) field.get(model_.model_version);
    if (!field.get(bytes)) return {};
    switch (field.number()) {
      case 2: return text(bytes, model_.producer_name);
      case 3: return text(bytes, model_.producer_version);
      case 4: return text(bytes, model_.domain);
      case 6: return text(bytes, model_.doc);
      case 7: return read_main_graph(bytes);
      case 8: return read_opset(bytes, model_.opsets);
      case 14: return read_metadata(bytes);
      case 25: {
        CYCLOID_ASSIGN(Function function, read_function(bytes, context_));
        return add_function(std::move(function));
      }
      default: return {};
    }
  }

  static Status text(std::string_view bytes, std::string& to) {
    to = bytes;
    return check_text(bytes, "the model's description");
  }

  Status read_main_graph(std::string_view bytes) {
    if (has_graph_) return invalid_model("the model has two graphs");
    has_graph_ = true;
    CYCLOID_ASSIGN(GraphDraft draft, read_graph(bytes, context_));
    if (overridable_ != nullptr) open_inputs(draft, *overridable_);
    CYCLOID_ASSIGN(model_.graph, assemble(std::move(draft)));
    return {};
  }

  static void open_inputs(GraphDraft& draft, OverridableInputs& overridable) {
    std::set<std::string_view> constants;
    for (const auto& [name, tensor] : draft.constants) constants.insert(name);
    for (const ValueDraft& input : draft.inputs) {
      if (constants.contains(input.name)) overridable.all.push_back({input.name, input.type});
    }
    std::set<std::string_view> inputs;
    for (const auto& input : overridable.all) inputs.insert(input.name);
    std::erase_if(draft.constants, [&](const auto& constant) {
      return inputs.contains(constant.first) && overridable.open.contains(constant.first);
    });
  }

  Result<ModelIr> finish() {
    constexpr std::int64_t kFirstOverridable = 4;
    if (overridable_ != nullptr && model_.ir_version < kFirstOverridable) overridable_->all.clear();
    if (overridable_ == nullptr) return std::move(model_);
    for (const std::string& name : overridable_->open) {
      if (std::ranges::find(overridable_->all, name, &OverridableInputs::Input::name) == overridable_->all.end()) {
        return invalid_argument("'{}' is no input with an initializer, so no run can override it", name);
      }
    }
    return std::move(model_);
  }

  Status read_metadata(std::string_view bytes) {
    std::string key;
    std::string value;
    const Status walked = for_each_field(bytes, "StringStringEntryProto", [&](const Field& field) -> Status {
      if (field.number() == 1) field.get(key);
      if (field.number() == 2) field.get(value);
      return {};
    });
    if (!walked) return walked.error();
    CYCLOID_TRY(check_text(key, "the model's metadata"));
    CYCLOID_TRY(check_text(value, "the model's metadata"));
    model_.metadata.insert_or_assign(std::move(key), std::move(value));
    return {};
  }

  Status add_function(Function function) {
    for (const Function& other : model_.functions) {
      if (other.domain == function.domain && other.name == function.name && other.overload == function.overload) {
        return invalid_model("the function '{}' is defined twice", function.name);
      }
    }
    if (model_.functions.size() == kMaxFunctions)
      return invalid_model("the model has more than {} functions", kMaxFunctions);
    model_.functions.push_back(std::move(function));
    return {};
  }

  Status check_versions() const {
    if (model_.ir_version < kOldestIrVersion) {
      return invalid_model("the model is of IR version {}; versions {} to {} are supported", model_.ir_version,
                           kOldestIrVersion, kNewestIrVersion);
    }
    if (model_.ir_version > kNewestIrVersion) {
      return unsupported("the model is of IR version {}, newer than {}, the newest this build knows", model_.ir_version,
                         kNewestIrVersion);
    }
    if (model_.opsets.empty()) return invalid_model("the model imports no operator set (opset_import)");
    return {};
  }

  static constexpr std::size_t kMaxFunctions = 10000;

  ReadContext context_;
  OverridableInputs* const overridable_;
  ModelIr model_;
  bool has_graph_ = false;
};

// Runs `read`, with what the standard library throws (no memory for the size of the input) as an error.
template <class Read>
auto guarded(Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kResourceExhausted, "no memory to read the model");
  } catch (const std::length_error&) {
    return make_error(ErrorCode::kResourceExhausted, "no memory to read the model");
  }
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<ModelIr> read_model(std::span<const std::byte> bytes, const std::optional<std::string>& folder,
                           const std::shared_ptr<const void>& owner, OverridableInputs* overridable) {
  return guarded([&]() -> Result<ModelIr> {
    ReadContext context;
    context.owner = owner;
    context.external = ExternalData(folder);
    return ModelReader(std::move(context), overridable).run(as_text(bytes));
  });
}

Result<ModelIr> read_model(const std::string& path, OverridableInputs* overridable) {
  CYCLOID_ASSIGN(const auto file, MappedFile::open(path));
  return read_model(file->bytes(), folder_of(path), file, overridable).in(path);
}

Result<Tensor> read_tensor_file(const std::string& path) {
  CYCLOID_ASSIGN(const auto file, MappedFile::open(path));
  return guarded([&]() -> Result<Tensor> {
           ReadContext context;
           context.owner = file;
           context.external = ExternalData(folder_of(path));
           CYCLOID_ASSIGN(NamedTensor tensor, read_tensor(as_text(file->bytes()), context));
           return std::move(tensor.tensor);
         })
      .in(path);
}

}  // namespace cycloid::onnx
