#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace cycloid {
namespace {

Error system_error(std::string_view what, const std::string& path) {
  const int code = errno;
  return make_error(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument, "cannot {} '{}': {}", what,
                    path, std::strerror(code));
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

Status write_file_atomically(const std::string& path, std::string_view bytes) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    if (S_ISDIR(info.st_mode)) return invalid_argument("cannot write '{}': it is a folder", path);
    // A device or a pipe (/dev/stdout, a process substitution) cannot be renamed over: write into it.
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return system_error("write", path);
    const bool written = write_all(fd, bytes);
    const Error error = system_error("write", path);
    ::close(fd);
    if (!written) return error;
    return {};
  }
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return system_error("write", path);
  bool done = write_all(fd, bytes);
  done = (::close(fd) == 0) && done;
  if (!done || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const Error error = system_error("write", path);
    ::unlink(temporary.c_str());
    return error;
  }
  return {};
}

AtomicFile::AtomicFile(std::string path, std::string temporary, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(fd_, other.fd_);
  return *this;
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return system_error("write", path);
  return AtomicFile(path, std::move(temporary), fd);
}

Status AtomicFile::write(std::string_view bytes) {
  if (!write_all(fd_, bytes)) return system_error("write", path_);
  return {};
}

Status AtomicFile::commit() {
  if (::close(std::exchange(fd_, -1)) != 0) return system_error("write", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error("write", path_);
  temporary_.clear();
  return {};
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("read", path);
  std::string bytes;
  std::string chunk(std::size_t{1} << 16, '\0');
  for (;;) {
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const Error error = system_error("read", path);
      ::close(fd);
      return error;
    }
    if (n == 0) break;
    bytes.append(chunk, 0, static_cast<std::size_t>(n));
    if (bytes.size() > limit) {
      ::close(fd);
      return make_error(ErrorCode::kResourceExhausted, "'{}' is larger than {} bytes", path, limit);
    }
    if (chunk.size() < (std::size_t{1} << 24)) chunk.resize(chunk.size() * 2);
  }
  ::close(fd);
  return bytes;
}

}  // namespace cycloid
