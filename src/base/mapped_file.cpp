#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace cycloid {
namespace {

Error cannot_read(const std::string& name, int code) {
  return make_error(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument, "cannot read '{}': {}", name,
                    std::strerror(code));
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::of_descriptor(int fd, const std::string& name) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return cannot_read(name, errno);
  if (S_ISDIR(info.st_mode)) return invalid_argument("cannot read '{}': it is a folder", name);
  if (!S_ISREG(info.st_mode)) return invalid_argument("cannot read '{}': it is not a regular file", name);
  const auto size = static_cast<std::size_t>(info.st_size);
  const std::byte* data = nullptr;
  if (size != 0) {
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED) return cannot_read(name, errno);
    data = static_cast<const std::byte*>(memory);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(data, size));
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  // Not blocking: opening a pipe that nobody writes to must not hang; of_descriptor() then declines it.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return cannot_read(path, errno);
  auto file = of_descriptor(fd, path);
  ::close(fd);
  return file;
}

MappedFile::~MappedFile() {
  if (size_ != 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace cycloid
