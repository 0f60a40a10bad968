#include "cycloid/version.h"

namespace cycloid {

std::string_view version() { return CYCLOID_VERSION; }

}  // namespace cycloid
