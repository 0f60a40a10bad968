#include "convert.h"

#include <nanobind/stl/string.h>

#include <array>
#include <optional>
#include <string>

namespace nb = nanobind;

namespace cycloid::python {
namespace {

using Code = nb::dlpack::dtype_code;

struct DlpackName {
  DType dtype;
  Code code;
  std::uint8_t bits;
};

// The element types that DLPack, numpy and torch agree on.
constexpr std::array<DlpackName, 14> kDlpackNames = {{
    {DType::kFloat32, Code::Float, 32},
    {DType::kFloat64, Code::Float, 64},
    {DType::kInt64, Code::Int, 64},
    {DType::kInt32, Code::Int, 32},
    {DType::kUInt8, Code::UInt, 8},
    {DType::kBool, Code::Bool, 8},
    {DType::kInt8, Code::Int, 8},
    {DType::kInt16, Code::Int, 16},
    {DType::kUInt16, Code::UInt, 16},
    {DType::kUInt32, Code::UInt, 32},
    {DType::kUInt64, Code::UInt, 64},
    {DType::kFloat16, Code::Float, 16},
    {DType::kComplex64, Code::Complex, 64},
    {DType::kComplex128, Code::Complex, 128},
}};

// What comes in beyond those: torch's bfloat16. It cannot go out to numpy.
constexpr DlpackName kBFloat16 = {DType::kBFloat16, Code::Bfloat, 16};

std::optional<DlpackName> dlpack_name(DType dtype) {
  for (const DlpackName& known : kDlpackNames) {
    if (known.dtype == dtype) return known;
  }
  return std::nullopt;
}

// Keeps an array alive from C++; what outlives the call may be freed by any thread.
std::shared_ptr<const void> keep(nb::object array) {
  return {new nb::object(std::move(array)), [](const void* p) {
            const nb::gil_scoped_acquire acquire;
            delete static_cast<const nb::object*>(p);
          }};
}

std::int64_t count(std::span<const std::int64_t> shape) {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) elements *= size;
  return elements;
}

// A numpy array over the elements, which `value` keeps alive.
nb::object numpy_over(const AnyValue& value, const TensorView& tensor, DlpackName name) {
  auto* owner = new AnyValue(value);
  const nb::capsule keeper(owner, [](void* p) noexcept { delete static_cast<AnyValue*>(p); });
  std::vector<std::size_t> shape(tensor.shape.begin(), tensor.shape.end());
  const nb::dlpack::dtype dtype{static_cast<std::uint8_t>(name.code), name.bits, 1};
  return nb::cast(nb::ndarray<nb::numpy>(const_cast<void*>(tensor.data), shape.size(), shape.data(), keeper, nullptr,
                                         dtype, nb::device::cpu::value));
}

nb::object tensor_to_python(const AnyValue& value) {
  const TensorView tensor = value.tensor();
  if (const auto name = dlpack_name(tensor.dtype)) return numpy_over(value, tensor, *name);
  const std::string dtype(to_string(tensor.dtype));
  if (tensor.dtype == DType::kString) {
    nb::list shape;
    for (const std::int64_t size : tensor.shape) shape.append(size);
    nb::list strings;
    const auto* elements = static_cast<const std::string*>(tensor.data);
    for (std::int64_t i = 0; i < count(tensor.shape); ++i) {
      // Strings of ONNX are UTF-8 by the specification, but bytes in files.
      PyObject* text =
          PyUnicode_DecodeUTF8(elements[i].data(), static_cast<Py_ssize_t>(elements[i].size()), "surrogateescape");
      if (text == nullptr) throw nb::python_error();
      strings.append(nb::steal(text));
    }
    return nb::make_tuple(dtype, shape, strings);
  }
  const DType bytes = size_of(tensor.dtype) == 2 ? DType::kUInt16 : DType::kUInt8;
  return nb::make_tuple(dtype, numpy_over(value, tensor, *dlpack_name(bytes)));
}

}  // namespace

void raise(const Error& error) {
  const nb::object exception =
      nb::module_::import_("cycloid.errors").attr("error_of")(std::string(to_string(error.code())), error.message());
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  throw nb::python_error();
}

void take(const Status& status) {
  if (!status.ok()) raise(status.error());
}

DType Inputs::dtype_of(const Array& array, const std::string& name) {
  const nb::dlpack::dtype dtype = array.dtype();
  for (const DlpackName& known : kDlpackNames) {
    if (dtype.code == static_cast<std::uint8_t>(known.code) && dtype.bits == known.bits && dtype.lanes == 1)
      return known.dtype;
  }
  if (dtype.code == static_cast<std::uint8_t>(kBFloat16.code) && dtype.bits == kBFloat16.bits) return kBFloat16.dtype;
  raise(Error(ErrorCode::kInvalidArgument, "input '" + name + "' has an element type that ONNX has not"));
}

TensorView Inputs::view_of(const Array& array, DType dtype, const std::string& name) {
  if (array.itemsize() != size_of(dtype)) {
    raise(Error(ErrorCode::kInvalidArgument, "input '" + name + "': elements of " + std::to_string(array.itemsize()) +
                                                 " bytes cannot be " + std::string(to_string(dtype))));
  }
  return {dtype, std::span(array.shape_ptr(), array.ndim()), array.data(), array.nbytes()};
}

bool Inputs::add_tensor(const std::string& name, nb::handle value) {
  Array array;
  if (nb::try_cast(value, array)) {
    arrays_.push_back(std::move(array));
    views_.push_back(view_of(arrays_.back(), dtype_of(arrays_.back(), name), name));
    return true;
  }
  if (!nb::isinstance<nb::tuple>(value) || nb::len(value) != 2) return false;
  const auto dtype = parse_dtype(nb::cast<std::string>(value[0]));
  if (!dtype || !nb::try_cast(value[1], array)) return false;
  arrays_.push_back(std::move(array));
  views_.push_back(view_of(arrays_.back(), *dtype, name));
  return true;
}

AnyValue Inputs::to_value(const std::string& name, nb::handle value) {
  if (value.is_none()) return {};
  if (nb::isinstance<nb::list>(value)) {
    std::vector<AnyValue> items;
    for (const nb::handle item : value) items.push_back(to_value(name, item));
    return AnyValue::sequence(items);
  }
  if (nb::isinstance<nb::tuple>(value) && nb::len(value) == 3) {  // ("string", shape, list)
    std::vector<std::int64_t> shape;
    for (const nb::handle size : value[1]) shape.push_back(nb::cast<std::int64_t>(size));
    std::vector<std::string> strings;
    for (const nb::handle text : value[2]) {
      const nb::object bytes = nb::isinstance<nb::bytes>(text)
                                   ? nb::borrow<nb::object>(text)
                                   : nb::object(text.attr("encode")("utf-8", "surrogateescape"));
      strings.emplace_back(PyBytes_AsString(bytes.ptr()), static_cast<std::size_t>(PyBytes_Size(bytes.ptr())));
    }
    return take(AnyValue::copy_of(TensorView(std::span(strings), shape)));
  }
  if (add_tensor(name, value)) {
    const TensorView view = views_.back();
    views_.pop_back();
    return take(AnyValue::borrow(view, keep(arrays_.back().cast())));
  }
  raise(Error(ErrorCode::kInvalidArgument,
              "input '" + name + "' is a " + nb::cast<std::string>(nb::str(nb::type_name(value.type()))) +
                  ", not an array on the CPU; pass a numpy array, a torch tensor, a list of them, or None"));
}

void Inputs::add(const std::string& name, nb::handle value) {
  if (all_views_ && add_tensor(name, value)) return;
  all_views_ = false;
  values();  // those before it
  values_.push_back(to_value(name, value));
}

std::vector<AnyValue> Inputs::values() {
  for (std::size_t i = 0; i < views_.size(); ++i)  // while there are views, each is of the array of the same number
    values_.push_back(take(AnyValue::borrow(views_[i], keep(arrays_[i].cast()))));
  views_.clear();
  return values_;
}

MutableTensorView writable_view(const std::string& name, DType dtype, const Output& array) {
  if (array.itemsize() != size_of(dtype)) {
    raise(Error(ErrorCode::kInvalidArgument, "output '" + name + "' is " + std::string(to_string(dtype)) +
                                                 ", but the memory for it has elements of " +
                                                 std::to_string(array.itemsize()) + " bytes"));
  }
  return {dtype, std::span(array.shape_ptr(), array.ndim()), array.data(), array.nbytes()};
}

nb::object to_python(const AnyValue& value) {
  switch (value.kind()) {
    case AnyValue::Kind::kNone: return nb::none();
    case AnyValue::Kind::kTensor: return tensor_to_python(value);
    case AnyValue::Kind::kSequence: {
      nb::list items;
      for (std::size_t i = 0; i < value.size(); ++i) items.append(to_python(value.item(i)));
      return items;
    }
    case AnyValue::Kind::kMap: return nb::make_tuple("map", to_python(value.map_keys()), to_python(value.map_values()));
  }
  return nb::none();
}

}  // namespace cycloid::python
