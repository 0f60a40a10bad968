#include "onnx/wire.h"

#include <bit>
#include <cstring>
#include <optional>
#include <protozero/pbf_reader.hpp>

#include "base/error.h"

namespace cycloid::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "fixed-width fields are copied in this machine's byte order");

Error damaged(std::string_view what, std::string_view how) {
  return invalid_model("the file is damaged or truncated: a {} {}", what, how);
}

}  // namespace

bool Field::get(std::int64_t& to) const {
  if (wire_ != Wire::kVarint) return false;
  to = static_cast<std::int64_t>(scalar_);
  return true;
}

bool Field::get(float& to) const {
  if (wire_ != Wire::kFixed32) return false;
  to = std::bit_cast<float>(static_cast<std::uint32_t>(scalar_));
  return true;
}

bool Field::get(std::string_view& to) const {
  if (wire_ != Wire::kBytes) return false;
  to = bytes_;
  return true;
}

bool Field::get(std::string& to) const {
  if (wire_ != Wire::kBytes) return false;
  to = std::string(bytes_);
  return true;
}

template <class T, class Decode>
Status Field::append_varints(std::vector<T>& to, Decode decode) const {
  if (wire_ == Wire::kVarint) {
    to.push_back(decode(scalar_));
  } else if (wire_ == Wire::kBytes) {
    const char* at = bytes_.data();
    const char* const end = at + bytes_.size();
    try {
      while (at != end) to.push_back(decode(protozero::decode_varint(&at, end)));
    } catch (const protozero::exception&) {
      return damaged("list of integers", "ends within a number");
    }
  }
  return {};
}

template <class T>
Status Field::append_fixed(std::vector<T>& to, Wire wire) const {
  if (wire_ == wire) {
    T value;
    std::memcpy(&value, &scalar_, sizeof(T));
    to.push_back(value);
  } else if (wire_ == Wire::kBytes) {
    if (bytes_.size() % sizeof(T) != 0) return damaged("list of floats", "ends within a number");
    const std::size_t old = to.size();
    to.resize(old + bytes_.size() / sizeof(T));
    if (!bytes_.empty()) std::memcpy(to.data() + old, bytes_.data(), bytes_.size());
  }
  return {};
}

Status Field::append(std::vector<std::int64_t>& to) const {
  return append_varints(to, [](std::uint64_t x) { return static_cast<std::int64_t>(x); });
}
Status Field::append(std::vector<std::uint64_t>& to) const {
  return append_varints(to, [](std::uint64_t x) { return x; });
}
Status Field::append(std::vector<float>& to) const { return append_fixed(to, Wire::kFixed32); }
Status Field::append(std::vector<double>& to) const { return append_fixed(to, Wire::kFixed64); }

Status for_each_field(std::string_view message, std::string_view what,
                      const std::function<Status(const Field&)>& visit) {
  protozero::pbf_reader reader(message.data(), message.size());
  for (;;) {
    std::optional<Field> field;
    try {
      if (!reader.next()) return {};
      switch (reader.wire_type()) {
        case protozero::pbf_wire_type::varint:
          field.emplace(reader.tag(), Field::Wire::kVarint, reader.get_uint64());
          break;
        case protozero::pbf_wire_type::fixed64:
          field.emplace(reader.tag(), Field::Wire::kFixed64, reader.get_fixed64());
          break;
        case protozero::pbf_wire_type::fixed32:
          field.emplace(reader.tag(), Field::Wire::kFixed32, reader.get_fixed32());
          break;
        case protozero::pbf_wire_type::length_delimited: {
          const protozero::data_view bytes = reader.get_view();
          field.emplace(reader.tag(), std::string_view(bytes.data(), bytes.size()));
          break;
        }
        default: return damaged(what, "has a field of an unknown wire type");
      }
    } catch (const protozero::exception& error) {
      return damaged(what, fmt::format("is not valid ({})", error.what()));
    }
    CYCLOID_TRY(visit(*field));
  }
}

}  // namespace cycloid::onnx
