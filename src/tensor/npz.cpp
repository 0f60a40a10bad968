#include "tensor/npz.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tensor/npy.h"

// The zip format: PKWARE's APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end), 4.5.3
// (zip64 extra field).
namespace cycloid {
namespace {

constexpr std::uint32_t kEndOfDirectory = 0x06054b50;
constexpr std::uint32_t kDirectoryEntry = 0x02014b50;
constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kEntrySize = 46;
constexpr std::size_t kLocalSize = 30;
constexpr std::size_t kMaxComment = 65535;
constexpr std::uint64_t kInZip64 = 0xFFFFFFFF;

class Archive {
 public:
  explicit Archive(std::span<const std::byte> file) : file_(file) {}

  Result<std::map<std::string, Tensor>> read() const {
    const auto end = find_end();
    if (!end) return invalid_argument("it is no .npz file (a zip archive, as numpy.savez writes it)");
    const std::uint64_t count = number(*end + 10, 2);
    std::uint64_t at = number(*end + 16, 4);
    std::map<std::string, Tensor> arrays;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!fits(at, kEntrySize) || number(at, 4) != kDirectoryEntry) return broken();
      const std::uint64_t name_length = number(at + 28, 2);
      const std::uint64_t extra_length = number(at + 30, 2);
      const std::uint64_t comment_length = number(at + 32, 2);
      if (!fits(at + kEntrySize, name_length + extra_length)) return broken();
      const std::string name(text(at + kEntrySize, name_length));
      auto array = read_entry(at, name_length, extra_length);
      if (!array) return array.error().in(fmt::format("its entry '{}'", name));
      arrays.insert_or_assign(name.ends_with(".npy") ? name.substr(0, name.size() - 4) : name, *std::move(array));
      at += kEntrySize + name_length + extra_length + comment_length;
    }
    return arrays;
  }

 private:
  static Error broken() { return invalid_argument("the archive is cut off or broken"); }

  bool fits(std::uint64_t at, std::uint64_t size) const { return at <= file_.size() && size <= file_.size() - at; }
  std::uint64_t number(std::uint64_t at, int bytes) const {
    std::uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i)
      value = value << 8 | static_cast<std::uint64_t>(file_[at + static_cast<std::uint64_t>(i)]);
    return value;
  }
  std::string_view text(std::uint64_t at, std::uint64_t size) const {
    return {reinterpret_cast<const char*>(file_.data()) + at, size};
  }

  // The end record stands at the end of the file, but for a comment.
  std::optional<std::uint64_t> find_end() const {
    if (file_.size() < kEndSize) return std::nullopt;
    const std::uint64_t last = file_.size() - kEndSize;
    const std::uint64_t first = last > kMaxComment ? last - kMaxComment : 0;
    for (std::uint64_t at = last + 1; at-- > first;) {
      if (number(at, 4) == kEndOfDirectory) return at;
    }
    return std::nullopt;
  }

  Result<Tensor> read_entry(std::uint64_t at, std::uint64_t name_length, std::uint64_t extra_length) const {
    if (number(at + 10, 2) != 0) {
      return invalid_argument("it is compressed, which is not supported: save it with numpy.savez");
    }
    std::uint64_t size = number(at + 20, 4);
    std::uint64_t full_size = number(at + 24, 4);
    std::uint64_t header = number(at + 42, 4);
    // zip64: the fields that do not fit stand, in this order, in the extra field of type 1.
    std::uint64_t extra = at + kEntrySize + name_length;
    const std::uint64_t extra_end = extra + extra_length;
    while (extra + 4 <= extra_end) {
      const std::uint64_t type = number(extra, 2);
      const std::uint64_t length = number(extra + 2, 2);
      std::uint64_t field = extra + 4;
      if (field + length > extra_end) return broken();
      if (type == 1) {
        for (std::uint64_t* wide : {&full_size, &size, &header}) {
          if (*wide != kInZip64) continue;
          if (field + 8 > extra + 4 + length) return broken();
          *wide = number(field, 8);
          field += 8;
        }
      }
      extra += 4 + length;
    }
    if (!fits(header, kLocalSize) || number(header, 4) != kLocalHeader) return broken();
    const std::uint64_t data = header + kLocalSize + number(header + 26, 2) + number(header + 28, 2);
    if (!fits(data, size)) return broken();
    return parse_npy(file_.subspan(data, size));
  }

  std::span<const std::byte> file_;
};

}  // namespace

Result<std::map<std::string, Tensor>> parse_npz(std::span<const std::byte> file) { return Archive(file).read(); }

Result<std::map<std::string, Tensor>> read_npz(const std::string& path) {
  CYCLOID_ASSIGN(const std::string bytes, read_file(path));
  return parse_npz(std::as_bytes(std::span(bytes))).in(path);
}

}  // namespace cycloid
