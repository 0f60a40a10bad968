// Protobuf messages as a walk over their fields.
//
// ONNX's schema is known to the readers (read_*.cpp); this is only the wire format, through protozero. As protobuf
// asks, a field with a wire type that the schema does not expect is skipped like an unknown one, and a repeated number
// may come packed or not.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cycloid/result.h"

namespace cycloid::onnx {

class Field {
 public:
  enum class Wire { kVarint, kFixed64, kBytes, kFixed32 };

  Field(std::uint32_t number, Wire wire, std::uint64_t scalar) : number_(number), wire_(wire), scalar_(scalar) {}
  Field(std::uint32_t number, std::string_view bytes) : number_(number), wire_(Wire::kBytes), bytes_(bytes) {}

  std::uint32_t number() const { return number_; }

  // Each stores the value and returns true where the wire type fits.
  bool get(std::int64_t& to) const;
  bool get(float& to) const;
  bool get(std::string_view& to) const;
  bool get(std::string& to) const;

  // Appends the value, or all values of a packed field. A broken packed field is an error.
  Status append(std::vector<std::int64_t>& to) const;
  Status append(std::vector<std::uint64_t>& to) const;
  Status append(std::vector<float>& to) const;
  Status append(std::vector<double>& to) const;

 private:
  template <class T, class Decode>
  Status append_varints(std::vector<T>& to, Decode decode) const;
  template <class T>
  Status append_fixed(std::vector<T>& to, Wire wire) const;

  std::uint32_t number_;
  Wire wire_;
  std::uint64_t scalar_ = 0;
  std::string_view bytes_;
};

// Calls `visit` for each field of the message in order, until one returns an error. An error where the bytes are no
// protobuf message. `what` names the message in errors ("NodeProto").
Status for_each_field(std::string_view message, std::string_view what,
                      const std::function<Status(const Field&)>& visit);

}  // namespace cycloid::onnx
