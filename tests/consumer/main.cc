// Usage: consumer VERSION. Exits with 0 when the library is of that version and works from outside.
#include <cstdio>
#include <string_view>

#include "cycloid/dtype.h"
#include "cycloid/result.h"
#include "cycloid/version.h"

int main(int argc, char** argv) {
  if (argc != 2 || cycloid::version() != std::string_view(argv[1])) {
    std::printf("the library says it is version %s\n", std::string(cycloid::version()).c_str());
    return 1;
  }
  const auto dtype = cycloid::parse_dtype("float32");
  if (!dtype || cycloid::size_of(*dtype) != 4) return 1;
  const cycloid::Result<int> error = cycloid::Error(cycloid::ErrorCode::kNotFound, "no such thing");
  if (error.ok() || cycloid::to_string(error.error().code()).empty()) return 1;
  std::printf("consumer: ok\n");
  return 0;
}
