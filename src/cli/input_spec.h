// What the command line says of a model's inputs: --input NAME=5x3x64x64[:float32], --input-data NAME=x.npy.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cycloid/dtype.h"
#include "cycloid/result.h"
#include "tensor/dim.h"

namespace cycloid {

struct InputSpec {
  std::string name;
  Dims dims;                   // empty: a scalar
  std::optional<DType> dtype;  // where it was given
};

// NAME=SHAPE[:DTYPE]. SHAPE is sizes with "x" or "," between them, or "scalar". The last "=" ends the name, which may
// itself hold "=", ":" or "/". Errors name the option and what was expected; a product that leaves int64 is one.
Result<InputSpec> parse_input_spec(std::string_view text);

struct InputFile {
  std::string name;
  std::string path;
};

// NAME=PATH, where the first "=" ends the name.
Result<InputFile> parse_input_file(std::string_view text);

}  // namespace cycloid
