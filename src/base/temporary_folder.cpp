#include "base/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace cycloid {

Result<TemporaryFolder> TemporaryFolder::create() {
  std::error_code failed;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(failed);
  std::string path = (failed ? std::filesystem::path("/tmp") : parent) / "cycloid-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return make_error(ErrorCode::kFailed,
                      "cannot make a temporary folder '{}': {}; set TMPDIR to a folder that can be written", path,
                      std::strerror(errno));
  }
  return TemporaryFolder(std::move(path));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace cycloid
