#include "onnx/external_data.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"

namespace cycloid::onnx {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

Result<std::vector<std::string>> components(const std::string& location) {
  if (location.empty()) return invalid_model("external data without a location");
  if (location.find('\0') != std::string::npos)
    return invalid_model("an external data location with a zero byte in it");
  if (location[0] == '/') {
    return invalid_model("external data '{}' has an absolute path; it must lie in the model's own folder", location);
  }
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= location.size()) {
    const std::size_t end = std::min(location.find('/', from), location.size());
    const std::string part = location.substr(from, end - from);
    if (part == "..") return invalid_model("external data '{}' climbs out of the model's folder with '..'", location);
    if (!part.empty() && part != ".") parts.push_back(part);
    from = end + 1;
  }
  if (parts.empty()) return invalid_model("external data '{}' is no file", location);
  return parts;
}

Error cannot_open(const std::string& location, int code) {
  if (code == ELOOP || code == ENOTDIR) {
    return invalid_model(
        "external data '{}' passes through a symbolic link (or a file that is no folder), which could lead out of "
        "the model's folder; put the file itself there",
        location);
  }
  return make_error(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kInvalidModel,
                    "external data '{}' cannot be read: {}", location, std::strerror(code));
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> ExternalData::open(const std::string& location) const {
  if (!folder_) {
    return invalid_model(
        "the model keeps data in the file '{}', but came as bytes, without a folder to look in; load it by its path",
        location);
  }
  CYCLOID_ASSIGN(const std::vector<std::string> parts, components(location));
  Descriptor at(::open(folder_->empty() ? "." : folder_->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at.valid()) return cannot_open(location, errno);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const int flags = i + 1 < parts.size() ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
    Descriptor next(::openat(at.get(), parts[i].c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid()) return cannot_open(location, errno);
    at = std::move(next);
  }
  struct stat info{};
  if (::fstat(at.get(), &info) != 0) return cannot_open(location, errno);
  if (S_ISREG(info.st_mode) && info.st_nlink > 1) {
    return invalid_model(
        "external data '{}' is a hard link: the same file may lie outside the model's folder; put a copy there",
        location);
  }
  return MappedFile::of_descriptor(at.get(), location);
}

Result<ExternalData::Bytes> ExternalData::get(const std::string& location, std::uint64_t offset,
                                              std::optional<std::uint64_t> length) {
  auto at = files_.find(location);
  if (at == files_.end()) {
    CYCLOID_ASSIGN(auto file, open(location));
    at = files_.emplace(location, std::move(file)).first;
  }
  const std::span<const std::byte> bytes = at->second->bytes();
  if (offset > bytes.size() || (length && *length > bytes.size() - offset)) {
    return invalid_model("external data '{}' has {} bytes; the model wants {} at offset {}", location, bytes.size(),
                         length ? fmt::format("{}", *length) : "all", offset);
  }
  return Bytes{bytes.subspan(offset, length.value_or(bytes.size() - offset)), at->second};
}

}  // namespace cycloid::onnx
