// What the command line says of a model's inputs: --input NAME=5x3x64x64[:float32], --input-data NAME=x.npy.
#pragma once

#include <string>
#include <string_view>

#include "cycloid/result.h"
#include "graph/fix_inputs.h"

namespace cycloid {

// NAME=SHAPE[:DTYPE]. SHAPE is sizes with "x" or "," between them, or "scalar". The last "=" ends the name, which may
// itself hold "=", ":" or "/". Errors name the option and what was expected; a product that leaves int64 is one.
Result<InputSpec> parse_input_spec(std::string_view text, std::string_view option = "--input");

struct InputFile {
  std::string name;
  std::string path;
};

// NAME=PATH, where the first "=" ends the name.
Result<InputFile> parse_input_file(std::string_view text);

}  // namespace cycloid
