#include "tensor/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"

namespace cycloid {
namespace {

static_assert(std::endian::native == std::endian::little, ".npy files are written in this machine's byte order");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = std::size_t{1} << 20;
constexpr std::size_t kHeaderAlignment = 64;  // numpy aligns the data to this; so mapped files hold aligned elements

struct Header {
  std::string descr;
  bool fortran_order = false;
  Dims dims;
};

// The header is a Python dictionary literal with exactly the keys descr (text), fortran_order (bool), shape (tuple).
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  Result<Header> parse() {
    Header header;
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    if (!eat('{')) return broken("does not begin with '{'");
    while (!eat('}')) {
      const auto key = text();
      if (!key || !eat(':')) return broken("has no key and colon where they should be");
      bool understood = false;
      if (*key == "descr" && !has_descr) {
        const auto descr = text();
        if (!descr) return broken("describes a record or another type that is not plain");
        header.descr = *descr;
        has_descr = understood = true;
      } else if (*key == "fortran_order" && !has_order) {
        header.fortran_order = eat_word("True");
        understood = header.fortran_order || eat_word("False");
        has_order = true;
      } else if (*key == "shape" && !has_shape) {
        const auto dims = tuple();
        if (dims) header.dims = *dims;
        has_shape = understood = dims.has_value();
      }
      if (!understood) return broken("has an unknown, repeated or ill-formed entry");
      if (!eat(',') && peek() != '}') return broken("has no comma where it should be");
    }
    skip_space();
    if (!text_.empty()) return broken("goes on after its '}'");
    if (!has_descr || !has_order || !has_shape) return broken("lacks descr, fortran_order or shape");
    return header;
  }

 private:
  static Error broken(std::string_view how) { return invalid_argument("not a valid .npy file: its header {}", how); }

  void skip_space() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n' || text_[0] == '\t')) text_.remove_prefix(1);
  }
  char peek() {
    skip_space();
    return text_.empty() ? '\0' : text_[0];
  }
  bool eat(char c) {
    if (peek() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool eat_word(std::string_view word) {
    skip_space();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  std::optional<std::string> text() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return std::nullopt;
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string value(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return value;
  }
  std::optional<Dims> tuple() {
    Dims dims;
    if (!eat('(')) return std::nullopt;
    while (!eat(')')) {
      skip_space();
      std::int64_t value = -1;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
      if (error != std::errc() || value < 0 || dims.size() == 64) return std::nullopt;
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      if (!text_.empty() && text_[0] == 'L') text_.remove_prefix(1);  // Python 2 wrote long integers so
      dims.push_back(value);
      if (!eat(',') && peek() != ')') return std::nullopt;
    }
    return dims;
  }

  std::string_view text_;
};

struct ElementType {
  DType dtype = DType::kUndefined;
  std::size_t size = 0;  // bytes of an element in the file
  char kind = '\0';      // numpy's letter
  bool swap = false;     // big-endian
};

Result<ElementType> element_type(const std::string& descr, DType raw_type) {
  const auto decline = [&] {
    return unsupported("an array of numpy type '{}'; save it as a plain number, bool or text type (array.astype(...))",
                       descr);
  };
  std::string_view text = descr;
  if (text.empty()) return decline();
  ElementType type;
  if (text[0] == '<' || text[0] == '>' || text[0] == '|' || text[0] == '=') {
    type.swap = text[0] == '>';
    text.remove_prefix(1);
  }
  if (text.empty()) return decline();
  type.kind = text[0];
  text.remove_prefix(1);
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size() || size > (std::size_t{1} << 30)) return decline();
  type.size = type.kind == 'U' ? size * 4 : size;
  switch (type.kind) {
    case 'b': type.dtype = size == 1 ? DType::kBool : DType::kUndefined; break;
    case 'f':
      type.dtype = size == 4   ? DType::kFloat32
                   : size == 8 ? DType::kFloat64
                   : size == 2 ? DType::kFloat16
                               : DType::kUndefined;
      break;
    case 'c': type.dtype = size == 8 ? DType::kComplex64 : size == 16 ? DType::kComplex128 : DType::kUndefined; break;
    case 'i':
      type.dtype = size == 8   ? DType::kInt64
                   : size == 4 ? DType::kInt32
                   : size == 2 ? DType::kInt16
                   : size == 1 ? DType::kInt8
                               : DType::kUndefined;
      break;
    case 'u':
      type.dtype = size == 8   ? DType::kUInt64
                   : size == 4 ? DType::kUInt32
                   : size == 2 ? DType::kUInt16
                   : size == 1 ? DType::kUInt8
                               : DType::kUndefined;
      break;
    case 'U':
    case 'S': type.dtype = DType::kString; break;
    case 'V':
      if (raw_type == DType::kUndefined) {
        return unsupported("an array of raw bytes ('{}'), which does not say its element type", descr);
      }
      if (size_of(raw_type) != size || type.swap) {
        return invalid_argument("an array of raw elements '{}' where {} has {} bytes", descr, to_string(raw_type),
                                size_of(raw_type));
      }
      type.dtype = raw_type;
      break;
    default: break;
  }
  if (type.dtype == DType::kUndefined) return decline();
  return type;
}

void append_utf8(std::string& to, std::uint32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
  const auto put = [&](std::uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  }
}

// Code points; a byte that is not part of valid UTF-8 becomes U+FFFD.
std::u32string from_utf8(std::string_view text) {
  std::u32string codes;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte < 0x80 ? 1 : byte >> 5 == 6 ? 2 : byte >> 4 == 14 ? 3 : byte >> 3 == 30 ? 4 : 0;
    std::uint32_t code = length == 1 ? byte : length == 0 ? 0 : byte & (0x7FU >> length);
    bool valid = length != 0 && i + length <= text.size();
    for (std::size_t j = 1; valid && j < length; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      valid = next >> 6 == 2;
      code = code << 6 | (next & 0x3FU);
    }
    codes.push_back(valid ? code : U'\uFFFD');
    i += valid ? length : 1;
  }
  return codes;
}

std::string decode_text(const std::byte* from, const ElementType& type) {
  std::string text;
  if (type.kind == 'S') {
    text.assign(reinterpret_cast<const char*>(from), type.size);
    text.resize(text.find_last_not_of('\0') + 1);
    return text;
  }
  std::u32string codes(type.size / 4, U'\0');
  if (!codes.empty()) std::memcpy(codes.data(), from, type.size);
  if (type.swap) {
    for (char32_t& code : codes) code = __builtin_bswap32(code);
  }
  codes.resize(codes.find_last_not_of(U'\0') + 1);
  for (const char32_t code : codes) append_utf8(text, code);
  return text;
}

void swap_bytes(std::span<std::byte> data, std::size_t word) {
  for (std::size_t i = 0; i + word <= data.size(); i += word) std::reverse(data.begin() + i, data.begin() + i + word);
}

// For each element in row-major order of `dims`, its index in column-major order.
class ColumnMajor {
 public:
  explicit ColumnMajor(const Dims& dims) : dims_(dims), at_(dims.size(), 0), strides_(dims.size(), 1) {
    for (std::size_t i = 1; i < dims.size(); ++i) strides_[i] = strides_[i - 1] * static_cast<std::size_t>(dims[i - 1]);
  }
  std::size_t next() {
    const std::size_t index = index_;
    for (std::size_t axis = dims_.size(); axis-- > 0;) {
      index_ += strides_[axis];
      if (++at_[axis] < dims_[axis]) break;
      index_ -= strides_[axis] * static_cast<std::size_t>(at_[axis]);
      at_[axis] = 0;
    }
    return index;
  }

 private:
  const Dims& dims_;
  Dims at_;
  std::vector<std::size_t> strides_;
  std::size_t index_ = 0;
};

Result<Tensor> decode(std::span<const std::byte> data, const Header& header, const ElementType& type) {
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(type.dtype, header.dims));
  const auto count = static_cast<std::size_t>(tensor.element_count());
  const bool reorder = header.fortran_order && header.dims.size() > 1;
  ColumnMajor order(header.dims);
  if (type.dtype == DType::kString) {
    const std::span<std::string> to = tensor.mutable_data<std::string>();
    for (std::size_t i = 0; i < count; ++i)
      to[i] = decode_text(data.data() + (reorder ? order.next() : i) * type.size, type);
    return tensor;
  }
  if (count == 0) return tensor;
  std::byte* const to = tensor.mutable_bytes();
  if (reorder) {
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(to + i * type.size, data.data() + order.next() * type.size, type.size);
  } else {
    std::memcpy(to, data.data(), data.size());
  }
  if (type.swap) swap_bytes({to, data.size()}, type.kind == 'c' ? type.size / 2 : type.size);
  if (type.dtype == DType::kBool) {  // any other byte than 0 and 1 in a bool is undefined behaviour
    for (std::size_t i = 0; i < count; ++i) to[i] = std::byte(to[i] != std::byte{0});
  }
  return tensor;
}

std::string descr_of(const Tensor& tensor, std::size_t text_width) {
  switch (tensor.dtype()) {
    case DType::kFloat32: return "<f4";
    case DType::kFloat64: return "<f8";
    case DType::kFloat16: return "<f2";
    case DType::kInt8: return "|i1";
    case DType::kInt16: return "<i2";
    case DType::kInt32: return "<i4";
    case DType::kInt64: return "<i8";
    case DType::kUInt8: return "|u1";
    case DType::kUInt16: return "<u2";
    case DType::kUInt32: return "<u4";
    case DType::kUInt64: return "<u8";
    case DType::kBool: return "|b1";
    case DType::kComplex64: return "<c8";
    case DType::kComplex128: return "<c16";
    case DType::kString: return fmt::format("<U{}", text_width);
    default: return fmt::format("|V{}", size_of(tensor.dtype()));
  }
}

}  // namespace

Result<Tensor> parse_npy(std::span<const std::byte> file, DType raw_type) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.size() < 10 || !text.starts_with(kMagic))
    return invalid_argument("not a .npy file (it does not begin as one)");
  const auto byte_at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(text[i])); };
  const std::size_t version = byte_at(6);
  if (version < 1 || version > 3) return unsupported(".npy format version {}; versions 1 to 3 are known", version);
  const std::size_t start = version == 1 ? 10 : 12;
  if (text.size() < start) return invalid_argument("not a valid .npy file: it ends within its header");
  std::size_t length = byte_at(8) | byte_at(9) << 8;
  if (version > 1) length |= byte_at(10) << 16 | byte_at(11) << 24;
  if (length > kMaxHeader || length > text.size() - start) {
    return invalid_argument("not a valid .npy file: it ends within its header");
  }
  CYCLOID_ASSIGN(const Header header, HeaderParser(text.substr(start, length)).parse());
  CYCLOID_ASSIGN(const ElementType type, element_type(header.descr, raw_type));
  const auto count = element_count(header.dims);
  const std::size_t left = text.size() - start - length;
  if (!count || (type.size != 0 && static_cast<std::size_t>(*count) > left / type.size) ||
      static_cast<std::size_t>(*count) * type.size != left) {
    return invalid_argument("not a valid .npy file: {} bytes of elements do not fit shape {} of '{}'", left,
                            to_string(header.dims), header.descr);
  }
  // Elements of no bytes (numpy's empty text type) take no room in the file, yet do in memory.
  if (type.size == 0 && *count > (1 << 24))
    return invalid_argument("not a valid .npy file: {} elements of no bytes", *count);
  return decode(file.subspan(start + length), header, type);
}

Result<Tensor> read_npy(const std::string& path, DType raw_type) {
  CYCLOID_ASSIGN(const std::string file, read_file(path));
  return parse_npy(std::as_bytes(std::span(file)), raw_type).in(path);
}

Result<std::string> to_npy(const Tensor& tensor) {
  if (tensor.dtype() == DType::kUndefined) return invalid_argument("a tensor without an element type cannot be saved");
  std::vector<std::u32string> texts;
  std::size_t width = 1;
  if (tensor.dtype() == DType::kString) {
    for (const std::string& text : tensor.data<std::string>()) {
      texts.push_back(from_utf8(text));
      width = std::max(width, texts.back().size());
    }
  }
  std::string shape;
  for (const std::int64_t dim : tensor.dims()) shape += fmt::format("{},{}", dim, tensor.rank() == 1 ? "" : " ");
  if (tensor.rank() > 1) shape.resize(shape.size() - 2);
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr_of(tensor, width), shape);
  const std::size_t unpadded = 10 + header.size() + 1;
  header.append((kHeaderAlignment - unpadded % kHeaderAlignment) % kHeaderAlignment, ' ');
  header += '\n';
  CYCLOID_CHECK(header.size() <= 0xFFFF);  // a rank is far below what would need format version 2
  std::string file(kMagic);
  file += {'\1', '\0', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  file += header;
  if (tensor.dtype() == DType::kString) {
    for (std::u32string& text : texts) {
      text.resize(width, U'\0');
      file.append(reinterpret_cast<const char*>(text.data()), width * 4);
    }
  } else {
    file.append(reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_count());
  }
  return file;
}

Status write_npy(const std::string& path, const Tensor& tensor) {
  CYCLOID_ASSIGN(const std::string file, to_npy(tensor));
  return write_file_atomically(path, file);
}

}  // namespace cycloid
