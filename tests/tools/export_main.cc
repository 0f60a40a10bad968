// Usage: cycloid_export < LINES, each "OPSET INPUT.onnx OUTPUT.onnx". Imports each model, infers its types and writes it at the opset.
// Answers each line with one of "ok" and "error MESSAGE".
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "onnx/export/export.h"
#include "onnx/import/import.h"
#include "ops/op.h"

namespace {

cycloid::Status convert(std::int64_t opset, const std::string& input, const std::string& output) {
  CYCLOID_ASSIGN(cycloid::ModelIr model, cycloid::onnx::import_model(input));
  CYCLOID_TRY(cycloid::infer_types(model));
  return cycloid::onnx::export_model(model, output, {.opset = opset});
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::int64_t opset = 0;
    std::string input;
    std::string output;
    if (!(words >> opset >> input >> output)) return 2;
    const cycloid::Status status = convert(opset, input, output);
    std::string message = status ? "ok" : "error " + status.error().message();
    for (char& c : message) {
      if (c == '\n') c = ' ';
    }
    std::printf("%s\n", message.c_str());
    std::fflush(stdout);
  }
  return 0;
}
