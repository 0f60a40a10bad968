// A folder of one's own that goes away with its owner.
#pragma once

#include <string>
#include <utility>

#include "cycloid/result.h"

namespace cycloid {

class TemporaryFolder {
 public:
  // A new, empty folder in $TMPDIR (/tmp), which only this user can read.
  static Result<TemporaryFolder> create();
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace cycloid
